use std::io::Read;

use anyhow::{Context, Result};
use serde_json::json;
use tar::EntryType;

use super::*;
use crate::tower::object;

/// Every entry as `type name bytes`, as the `tar` crate reads it back.
fn listing(tar: &[u8]) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    for entry in tar::Archive::new(tar).entries()? {
        let entry = entry?;
        let kind = entry.header().entry_type();
        rows.push(format!("{kind:?} {} {}", String::from_utf8_lossy(&entry.path_bytes()), entry.size()));
    }
    Ok(rows)
}

fn body(tar: &[u8], name: &str) -> Result<Value> {
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        if entry.path_bytes().as_ref() == name.as_bytes() {
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            return Ok(serde_json::from_str(&text)?);
        }
    }
    anyhow::bail!("no entry {name}")
}

#[test]
fn names_are_written_in_the_chosen_spelling() -> Result<()> {
    let archive = ArchiveBuilder::new().ids("credentials", &[3]).raw("notes.txt", "x");
    for (spelling, name) in [
        (Spelling::LeadingSlash, "/api/v2/credentials/id1.json"),
        (Spelling::Plain, "api/v2/credentials/id1.json"),
        (Spelling::DotSlash, "./api/v2/credentials/id1.json"),
    ] {
        let rows = listing(&archive.clone().spelling(spelling).build_tar())?;
        assert_eq!(rows, [format!("Regular {name} 60"), "Regular notes.txt 1".to_owned()]);
    }
    Ok(())
}

#[test]
fn worker_quirks_add_the_directories() -> Result<()> {
    let survey = json!({});
    let tar = ArchiveBuilder::new().worker_quirks().survey("job_templates", 4, survey).build_tar();
    let expected = [
        "Directory ./ 0",
        "Directory /api/ 0",
        "Directory /api/v2/ 0",
        "Directory /api/v2/job_templates/ 0",
        "Directory /api/v2/job_templates/4/ 0",
        "Directory /api/v2/job_templates/4/survey_spec/ 0",
        "Regular /api/v2/job_templates/4/survey_spec/page1.json 2",
    ];
    assert_eq!(listing(&tar)?, expected);
    Ok(())
}

#[test]
fn pages_are_linked_and_counted() -> Result<()> {
    let objects: Vec<_> = (1..=5).map(object::inventory).collect();
    let tar = ArchiveBuilder::new().collection_paged("inventories", objects, 2).build_tar();
    let page = body(&tar, "/api/v2/inventories/page3.json")?;
    assert_eq!(page["count"], 5);
    assert_eq!(page["next"], Value::Null);
    assert_eq!(page["previous"], "/api/v2/inventories/?page=2");
    assert_eq!(page["results"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["results"][0]["id"], 5);
    Ok(())
}

#[test]
fn an_empty_collection_is_a_page_that_says_so() -> Result<()> {
    let tar = ArchiveBuilder::new().collection("credentials", Vec::<Value>::new()).build_tar();
    assert_eq!(body(&tar, "/api/v2/credentials/page1.json")?, list_response(0, vec![]));
    Ok(())
}

#[test]
fn a_count_can_lie() -> Result<()> {
    let archive = ArchiveBuilder::new().count("credentials", 9).id_count("credentials", 8);
    let tar = archive.collection("credentials", [object::credential(1)]).ids("credentials", &[1]).build_tar();
    assert_eq!(body(&tar, "/api/v2/credentials/page1.json")?["count"], 9);
    assert_eq!(body(&tar, "/api/v2/credentials/id1.json")?["count"], 8);
    Ok(())
}

#[test]
fn odd_entries_are_what_they_say() -> Result<()> {
    let long = format!("/api/v2/{}/page1.json", "n".repeat(150));
    let archive = ArchiveBuilder::new()
        .directory("/api/")
        .symlink("a", "/etc/passwd")
        .hardlink("b", "a")
        .sparse("c", "data", 4096)
        .pax_path("d/page1.json", "{}")
        .gnu_long_name("e/page1.json", "{}")
        .raw(&long, "{}")
        .raw("../up", "{}");
    let expected = [
        "Directory /api/ 0".to_owned(),
        "Symlink a 0".to_owned(),
        "Link b 0".to_owned(),
        "GNUSparse c 4096".to_owned(),
        "Regular d/page1.json 2".to_owned(),
        "Regular e/page1.json 2".to_owned(),
        format!("Regular {long} 2"),
        "Regular ../up 2".to_owned(),
    ];
    let tar = archive.build_tar();
    assert_eq!(listing(&tar)?, expected);
    let mut archive = tar::Archive::new(tar.as_slice());
    let first = archive.entries()?.nth(1).context("an entry")??;
    assert_eq!(first.header().entry_type(), EntryType::Symlink);
    assert_eq!(first.link_name_bytes().as_deref(), Some(b"/etc/passwd".as_slice()));
    Ok(())
}

#[test]
fn pax_lengths_count_their_own_digits() {
    for n in [1, 85, 86, 87, 88, 89, 90, 91, 92, 93, 985, 990, 995] {
        let tar = ArchiveBuilder::new().pax_path(&"p".repeat(n), "x").build_tar();
        let rows = listing(&tar).unwrap_or_default();
        assert_eq!(rows, [format!("Regular {} 1", "p".repeat(n))]);
    }
}

#[test]
fn the_same_calls_give_the_same_bytes_and_a_variant_differs_by_one() {
    let archive = ArchiveBuilder::new().collection("credentials", [object::credential(1)]);
    let (first, other) = (archive.build(), archive.clone().variant(1).build());
    assert_eq!(first, archive.build());
    assert_eq!(first.len(), other.len());
    assert_eq!(first.iter().zip(&other).filter(|(a, b)| a != b).count(), 1);
}

#[test]
fn damage_is_what_it_says() -> Result<()> {
    let packed = gzip(b"hello", 9);
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text)?;
    assert_eq!(text, "hello");
    assert_eq!(truncated(b"hello", 2), b"he");
    assert_eq!(truncated(b"hello", 9), b"hello");
    assert_eq!(flip_byte(&[1, 2], 1), [1, 0xfd]);
    assert_eq!(flip_byte(&[1, 2], 2), [1, 2]);
    Ok(())
}
