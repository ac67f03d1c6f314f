use std::collections::BTreeMap;
use std::io::Read;

use anyhow::Result;
use serde_json::Value;

use super::*;

/// The files of an archive as JSON, by name.
fn files(archive: &[u8]) -> Result<BTreeMap<String, Value>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(archive)).entries()? {
        let mut entry = entry?;
        let name = String::from_utf8(entry.path_bytes().into_owned())?;
        if entry.header().entry_type().is_file() {
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            files.insert(name, serde_json::from_str(&text)?);
        }
    }
    Ok(files)
}

/// Results on all files `<kind>N.json` of a collection, and what their `count` says.
fn listed(files: &BTreeMap<String, Value>, collection: Collection, kind: &str) -> (usize, Value) {
    let prefix = format!("/api/v2/{}/{kind}", collection.name());
    let pages: Vec<&Value> = files.iter().filter(|(name, _)| name.starts_with(&prefix)).map(|(_, page)| page).collect();
    let results = pages.iter().filter_map(|page| page["results"].as_array()).map(Vec::len).sum();
    (results, pages.first().map(|page| page["count"].clone()).unwrap_or_default())
}

fn surveys(files: &BTreeMap<String, Value>) -> usize {
    files.iter().filter(|(name, body)| name.contains("/survey_spec/") && body["spec"].is_array()).count()
}

#[test]
fn a_full_archive_holds_what_was_asked_for() -> Result<()> {
    let estate = Estate::scaled(0.05);
    let files = files(&estate.full())?;
    let expected = [10, 250, 100, 1000, 3060, 250];
    for (collection, count) in Collection::ALL.into_iter().zip(expected) {
        assert_eq!(listed(&files, collection, "page"), (count, count.into()), "{collection:?}");
        assert_eq!(listed(&files, collection, "id").0, 0);
    }
    assert_eq!(estate.count(Collection::Nodes), 3000);
    assert_eq!(surveys(&files), 313);
    Ok(())
}

#[test]
fn rows_agree_with_the_archive() {
    let estate = Estate::scaled(0.05).renamed(0.02, 3).without(0.1);
    let rows = estate.rows();
    let offerings: Vec<Offering> = rows.offerings().collect();
    let wanted = estate.count(Collection::JobTemplates) + estate.count(Collection::WorkflowJobTemplates);
    assert_eq!(offerings.len(), wanted);
    assert_eq!(rows.nodes().count(), estate.count(Collection::Nodes));
    assert_eq!(rows.inventories().count(), 90);
    assert_eq!(rows.credentials().count(), 225);
    assert_eq!(rows.credential_types().count(), 9);
    let enabled = offerings.iter().filter(|offering| offering.survey_enabled).count();
    assert!((1..=2).contains(&(enabled - rows.plans().count())), "one or two surveys are lost");
}

#[test]
fn ids_are_distinct_and_links_lead_somewhere() {
    let estate = Estate::scaled(0.05).without(0.1);
    let rows = estate.rows();
    let offerings: Vec<u64> = rows.offerings().map(|row| row.id).collect();
    let inventories: Vec<u64> = rows.inventories().map(|row| row.id).collect();
    let types: Vec<u64> = rows.credential_types().map(|row| row.id).collect();
    let mut distinct = offerings.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), offerings.len());
    for node in rows.nodes() {
        assert!(offerings.contains(&node.template) && offerings.contains(&node.workflow), "{node:?}");
    }
    assert!(rows.offerings().filter_map(|row| row.inventory).all(|id| inventories.contains(&id)));
    assert!(rows.credentials().filter_map(|row| row.credential_type).all(|id| types.contains(&id)));
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let estate = Estate::scaled(0.005);
    assert_eq!(estate.full(), estate.full());
    assert_eq!(estate.incremental(0.1, 4), estate.incremental(0.1, 4));
    assert_ne!(estate.full(), Estate { seed: 2, ..estate.clone() }.full());
}

#[test]
fn a_variant_differs_by_one_byte() {
    let estate = Estate::scaled(0.002);
    let (full, variant) = (estate.full(), estate.full_variant(1));
    assert_eq!(full.len(), variant.len());
    assert_eq!(full.iter().zip(&variant).filter(|(a, b)| a != b).count(), 1);
}

#[test]
fn an_incremental_archive_holds_the_changes_and_every_id() -> Result<()> {
    let estate = Estate::scaled(0.1);
    let files = files(&estate.incremental(0.01, 7))?;
    let expected = [(0, 20), (5, 500), (2, 200), (20, 2000), (61, 6120), (5, 500)];
    for (collection, (changed, all)) in Collection::ALL.into_iter().zip(expected) {
        assert_eq!(listed(&files, collection, "page"), (changed, changed.into()), "{collection:?}");
        assert_eq!(listed(&files, collection, "id"), (all, all.into()), "{collection:?}");
    }
    assert!((1..=25).contains(&surveys(&files)));
    Ok(())
}

#[test]
fn what_is_gone_is_on_no_page_and_in_no_id_file() -> Result<()> {
    let estate = Estate::scaled(0.1);
    let later = estate.without(0.05);
    let (full, incremental) = (files(&later.full())?, files(&later.incremental_since(&estate))?);
    let expected = [19, 475, 190, 1900, 5814, 475];
    for (collection, left) in Collection::ALL.into_iter().zip(expected) {
        assert_eq!(listed(&full, collection, "page").0, left, "{collection:?}");
        assert_eq!(listed(&incremental, collection, "page").0, 0);
        assert_eq!(listed(&incremental, collection, "id").0, left, "{collection:?}");
        assert_eq!(listed(&full, collection, "id").0, 0);
    }
    assert!(surveys(&full) < 625, "some surveys go with their templates");
    Ok(())
}

#[test]
fn a_history_renames_deletes_and_restores() -> Result<()> {
    let before = Estate::scaled(0.05).without(0.02);
    let after = before.restored().renamed(0.01, 8).without(0.03);
    let changes = after.changes_since(&before, Collection::JobTemplates);
    assert_eq!(changes, Changes { added: 20, updated: 10, gone: 30 });
    let files = files(&after.incremental_since(&before))?;
    assert_eq!(listed(&files, Collection::JobTemplates, "page").0, 30);
    assert_eq!(listed(&files, Collection::JobTemplates, "id").0, 970);
    Ok(())
}

#[test]
fn verbose_objects_are_as_tower_sends_them() {
    let template = object::job_template(3).set("inventory", "/api/v2/inventories/12/").verbose().json();
    assert_eq!(template["inventory"], 12);
    assert_eq!(template["related"]["inventory"], "/api/v2/inventories/12/");
    assert_eq!(template["summary_fields"]["last_job"]["id"], 123);
    assert_eq!(template["name"], "Job template 3");
    assert_eq!(object::inventory(u64::MAX).verbose().json()["id"], u64::MAX);
    let node = object::node(4).verbose().json();
    assert_eq!(node.get("unified_job_type"), None);
    assert_eq!(node["summary_fields"]["unified_job_template"]["unified_job_type"], "job");
}

#[test]
fn every_type_of_question_becomes_a_field() {
    let estate = Estate { surveys: 3, questions: 14, ..Estate::scaled(0.001) };
    let mut kinds: Vec<String> = Vec::new();
    for plan in estate.rows().plans() {
        kinds.extend(plan.questions.iter().filter_map(|asked| asked["type"].as_str()).map(str::to_owned));
        let fields = plan.form()["schema"]["fields"].as_array().map_or(0, Vec::len);
        assert_eq!(fields, 14);
    }
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, ["float", "integer", "multiplechoice", "multiselect", "password", "text", "textarea"]);
}

#[test]
fn samples_are_small_and_readable() -> Result<()> {
    let samples = samples();
    for (key, bytes) in &samples[..3] {
        assert!(bytes.len() < 16_384, "{key}: {} bytes", bytes.len());
        assert!(files(bytes)?.len() >= 6, "{key}");
    }
    assert_eq!(surveys(&files(&samples[0].1)?), 2);
    let incremental = files(&samples[1].1)?;
    assert_eq!(listed(&incremental, Collection::JobTemplates, "page").0, 3, "one returned, two changed");
    assert_eq!(listed(&incremental, Collection::JobTemplates, "id").0, 11);
    assert!(files(&samples[3].1).is_err());
    Ok(())
}

#[test]
fn the_default_estate_is_as_large_as_it_says() -> Result<()> {
    let mut bytes = 0;
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(Estate::default().full().as_slice())).entries()? {
        bytes += entry?.size();
    }
    assert!((42_500_000..43_500_000).contains(&bytes), "{bytes} bytes of JSON");
    Ok(())
}

#[test]
fn the_incremental_sample_renames_deletes_and_restores_in_every_collection() {
    let [before, after] = samples::first_source();
    for collection in Collection::ALL {
        let updated = if collection == Collection::Nodes { 1 } else { 2 };
        let expected = Changes { added: 1, updated, gone: 1 };
        assert_eq!(after.changes_since(&before, collection), expected, "{collection:?}");
    }
}
