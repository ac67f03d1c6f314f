use super::*;
use crate::tower::Completeness;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::Write;

/// Rows as text.
#[derive(Default)]
struct Lines(Vec<String>);

impl Sink for Lines {
    fn put(&mut self, object: Object<'_>) -> Result<(), Stopped> {
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        self.0.push(match object {
            Object::Offering(o) => {
                format!(
                    "offering {} {} {:?} {} {}",
                    o.common.id,
                    o.common.name,
                    o.inventory,
                    o.survey_enabled,
                    json(o.extra)
                )
            }
            Object::Inventory { common, extra } => format!("inventory {} {}", common.id, json(extra)),
            Object::Credential { common, credential_type } => format!("credential {} {credential_type}", common.id),
            Object::CredentialType { common, kind, namespace } => format!("type {} {kind} {namespace:?}", common.id),
            Object::Node { id, template, workflow, inventory, extra, .. } => {
                format!("node {id} {workflow} {template} {inventory:?} {}", json(extra))
            }
            Object::Plan(plan) => format!("plan {} {} {}", plan.template, plan.name, plan.schema.is_some()),
            Object::Id { collection, id } => format!("id {} {id}", collection.name()),
        });
        Ok(())
    }
}

fn archive(files: &[(&str, String)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, format!("api/v2/{name}"), content.as_bytes()).unwrap();
    }
    let mut encoder = builder.into_inner().unwrap();
    encoder.flush().unwrap();
    encoder.finish().unwrap()
}

fn read_files(files: &[(&str, String)]) -> Result<(Vec<String>, Report), ReadError> {
    let mut lines = Lines::default();
    let report = read(&archive(files), &Limits::default(), &mut lines)?;
    Ok((lines.0, report))
}

fn list(results: Value) -> String {
    json!({"count": results.as_array().unwrap().len(), "next": null, "previous": null, "results": results}).to_string()
}

fn template(id: Value) -> Value {
    json!({"id": id, "type": "job_template", "created": "2020-01-08T10:22:59.423567Z", "modified": "2020-01-08T10:22:59Z",
           "name": "Deploy", "description": "", "survey_enabled": false, "ask_inventory_on_launch": false,
           "ask_variables_on_launch": true, "ask_labels_on_launch": false, "inventory": null,
           "related": {"x": [1, {"y": "z"}]}})
}

fn with(mut object: Value, key: &str, value: Value) -> Value {
    object[key] = value;
    object
}

fn without(mut object: Value, key: &str) -> Value {
    object.as_object_mut().unwrap().remove(key);
    object
}

#[test]
fn a_template_keeps_the_flags_that_the_catalog_knows_its_big_id_and_its_inventory_in_all_spellings() {
    for (inventory, expected) in
        [(json!("/api/v2/inventories/1234/"), "Some(1234)"), (json!(12), "Some(12)"), (Value::Null, "None")]
    {
        let object = with(template(json!(9007199254740993u64)), "inventory", inventory);
        let (lines, report) = read_files(&[("job_templates/page1.json", list(json!([object])))]).unwrap();
        let extra = r#"{"ask_inventory_on_launch":false,"ask_variables_on_launch":true,"survey_enabled":false,"type":"job_template"}"#;
        assert_eq!(lines, [format!("offering 9007199254740993 Deploy {expected} false {extra}")]);
        assert_eq!(report.collection(Collection::JobTemplates).pages.completeness(), Completeness::Complete);
    }
}

#[test]
fn only_nodes_of_jobs_and_workflow_jobs_are_kept() {
    let node = json!({"id": 1, "created": "2020-01-08T10:22:59Z", "modified": "2020-01-08T10:22:59Z",
                      "workflow_job_template": 9, "unified_job_template": 8, "inventory": null});
    let nested = |kind: &str| {
        with(node.clone(), "summary_fields", json!({"unified_job_template": {"id": 8, "unified_job_type": kind}}))
    };
    let nodes = json!([
        with(node.clone(), "unified_job_type", json!("job")),
        nested("workflow_job"),
        nested("project_update"),
        with(node.clone(), "unified_job_template", Value::Null), // its template was deleted
        with(with(node.clone(), "unified_job_type", json!("job")), "summary_fields", json!("odd")),
    ]);
    let (lines, report) = read_files(&[("workflow_job_template_nodes/page1.json", list(nodes))]).unwrap();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[1], r#"node 1 9 8 None {"unified_job_type":"workflow_job"}"#);
    assert_eq!((report.ignored_objects(), report.bad_objects()), (2, 0));
}

#[test]
fn a_bare_object_is_read_and_makes_the_collection_incomplete() {
    let (lines, report) = read_files(&[("job_templates/page1.json", template(json!(5)).to_string())]).unwrap();
    assert_eq!(lines.len(), 1);
    let pages = report.collection(Collection::JobTemplates).pages.completeness();
    assert!(matches!(pages, Completeness::Incomplete(_)), "{pages:?}");
}

#[test]
fn one_bad_object_is_reported_and_the_others_are_read() {
    for (bad, problem) in [
        (without(template(json!(2)), "name"), "name is missing"),
        (with(template(json!(2)), "name", json!(7)), "name is a number, not a string"),
        (with(template(json!("2")), "x", json!(1)), "id is a string, not a whole number"),
        (template(json!(2.5)), "id is a number, not a whole number"),
        (template(json!(-2)), "id is a number, not a whole number"),
        (with(template(json!(2)), "created", json!("yesterday")), "created is no RFC 3339 date"),
        (with(template(json!(2)), "type", json!("project")), "type is \"project\" among the job_templates"),
        (with(template(json!(2)), "inventory", json!("/x/")), "inventory is no link to an inventory"),
        (with(template(json!(2)), "ask_limit_on_launch", json!([1])), "a nested value where a plain one belongs"),
        (with(template(json!(2)), "survey_enabled", Value::Null), "survey_enabled is null, not a boolean"),
        (json!("odd"), "it is a string, not an object"),
        (json!([[]]), "it is an array, not an object"),
    ] {
        let mut results: Vec<Value> = (10..30).map(|id| template(json!(id))).collect();
        results.insert(3, bad.clone());
        let (lines, report) = read_files(&[("job_templates/page2.json", list(json!(results)))]).unwrap();
        assert_eq!((lines.len(), report.bad_objects()), (20, 1), "{bad}");
        let warning = &report.warnings.first[0];
        assert!(warning.what.contains(problem), "{} instead of {problem}", warning.what);
        assert!(warning.place.starts_with("api/v2/job_templates/page2.json object 4"), "{}", warning.place);
    }
}

#[test]
fn more_than_a_tenth_bad_is_refused() {
    let objects = |bad: usize| {
        let bad = (0..bad).map(|_| json!({}));
        list(bad.chain((0..18).map(|id| template(json!(id)))).collect())
    };
    assert!(read_files(&[("job_templates/page1.json", objects(2))]).is_ok());
    let error = read_files(&[("job_templates/page1.json", objects(3))]).unwrap_err();
    assert_eq!(error.kind(), "TooManyBadObjects");
    assert!(error.to_string().contains("3 of 21 objects are bad"), "{error}");
}

#[test]
fn a_damaged_page_is_named_with_its_offset() {
    for (content, offset) in [
        ("{\"count\": 1,\n \"results\": [{\"id\": 1},,]}", 37),
        ("[]", 0),
        ("", 0),
        ("{\"results\": 5}", 12),
        ("{\"count\": 1} x", 11),
        ("{\"id\": 1} x", 10),
    ] {
        match read_files(&[("inventories/page1.json", content.to_owned())]) {
            Err(ReadError::Page(error)) => {
                assert_eq!(error.entry, "api/v2/inventories/page1.json");
                assert!(error.offset.abs_diff(offset) <= 1, "{content}: {} instead of {offset}", error.offset);
            }
            other => panic!("{content}: {other:?}"),
        }
    }
}

#[test]
fn nesting_is_limited() {
    let page = |depth: usize| {
        let deep = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        [("job_templates/page1.json", format!(r#"{{"count":0,"results":[],"x":{deep}}}"#))]
    };
    assert!(read_files(&page(60)).is_ok());
    assert_eq!(read_files(&page(70)).unwrap_err().kind(), "Page");
    assert_eq!(read_files(&page(100_000)).unwrap_err().kind(), "Page");
}

#[test]
fn an_id_file_makes_an_archive_incremental() {
    let (lines, report) =
        read_files(&[("job_templates/id1.json", list(json!([{"id": 7}, {"id": 9007199254740993u64}])))]).unwrap();
    assert_eq!(lines, ["id job_templates 7", "id job_templates 9007199254740993"]);
    assert!(report.is_incremental());
    let (_, report) = read_files(&[("job_templates/id1.json", list(json!([{"id": 7}, {"id": "8"}])))]).unwrap();
    assert!(matches!(report.collection(Collection::JobTemplates).ids.completeness(), Completeness::Incomplete(_)));
}

proptest! {
    #[test]
    fn no_page_makes_it_panic(text in "[\\[\\]{}\":,a-z0-9.\\-\\\\ ]{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let lossy = String::from_utf8_lossy(&bytes).into_owned();
        for name in ["job_templates/page1.json", "inventories/id1.json", "job_templates/1/survey_spec/page1.json"] {
            let _ = read_files(&[(name, text.clone())]);
            let _ = read_files(&[(name, lossy.clone())]);
            let _ = read_files(&[(name, format!(r#"{{"count":1,"results":[{{"id":{text}}}]}}"#))]);
        }
    }

    #[test]
    fn an_object_with_any_value_anywhere_is_a_row_or_a_named_problem(
        key in "(id|type|name|description|created|modified|survey_enabled|inventory|ask_limit_on_launch|other)",
        value in prop_oneof![
            Just(Value::Null), any::<bool>().prop_map(Value::from), any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from), "\\PC{0,20}".prop_map(Value::from), Just(json!([1])), Just(json!({"a": 1})),
        ],
    ) {
        let mut results: Vec<Value> = (10..30).map(|id| template(json!(id))).collect();
        results.push(with(template(json!(1)), &key, value));
        let (lines, report) = read_files(&[("job_templates/page1.json", list(json!(results)))]).unwrap();
        prop_assert_eq!(lines.len() as u64 + report.bad_objects(), 21);
        prop_assert_eq!(report.warnings.count, report.bad_objects());
    }
}
