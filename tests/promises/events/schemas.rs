//! Every event is as its schema says, every schema has an event, and the documents are made from both.

use super::documents::{documents, place, problems, schema, validator};
use super::sorts::sorts;
use super::story::{Told, everything, told};
use longshore_tests::manifest::Entitlement;
use longshore_tests::{ORG, World, later, small};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// What the README, the envelope and the messages for the platform are in.
const OTHERS: [&str; 5] = ["README.md", "envelope.json", "payload-status.json", "platform.md", "validation.json"];

fn first(sort: &str) -> Value {
    schema(&format!("{sort}.json"))["examples"][0].clone()
}

/// A sort's example, changed.
fn changed(sort: &str, change: impl Fn(&mut Value)) -> Value {
    let mut event = first(sort);
    change(&mut event);
    event
}

#[tokio::test]
async fn every_event_is_as_its_schema_says_and_every_schema_has_an_event() {
    let all = everything().await;
    let mut seen = BTreeSet::new();
    let validators: BTreeMap<String, _> = sorts()
        .iter()
        .map(|sort| (format!("longshore.{}", sort.name()), validator(&schema(&format!("{}.json", sort.name())))))
        .collect();
    for told in all {
        let validator = validators.get(told.sort()).unwrap_or_else(|| panic!("no schema says {}", told.sort()));
        let wrong: Vec<String> =
            validator.iter_errors(&told.event).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{wrong:#?}\n{:#}", told.event);
        seen.insert(told.sort().to_owned());
    }
    assert_eq!(seen, validators.into_keys().collect());
}

#[tokio::test]
async fn an_event_says_once_what_its_record_and_its_headers_say() {
    let all = everything().await;
    for Told { key, headers, event } in all {
        let data = &event["data"];
        assert_eq!((&data["id"], &data["timestamp"]), (&event["id"], &event["time"]));
        assert_eq!(
            event["type"],
            format!("longshore.{}.{}", data["target"], data["type"]).replace('"', "").to_lowercase()
        );
        assert_eq!((&event["subject"], &event["partitionkey"]), (&data["entityId"], &json!(key)));
        let whose = match (data["ownerKey"].as_str(), data["tenant"].as_str()) {
            (Some(owner), None) => format!("owner/{owner}"),
            (None, Some(tenant)) => format!("tenant/{tenant}"),
            (None, None) => "rules".into(),
            both => panic!("{both:?}"),
        };
        assert_eq!(*key, whose);
        assert_eq!((&headers["ce_type"], &headers["ce_id"]), (&text(&event["type"]), &text(&event["id"])));
        assert_eq!(headers.get("request_id").map(String::as_str), data["requestId"].as_str());
        assert_eq!(headers["content-type"], "application/cloudevents+json; charset=UTF-8");
    }
    let ids: BTreeSet<String> = all.iter().map(|told| text(&told.event["id"])).collect();
    assert_eq!(ids.len(), all.len(), "each has an id of its own");
    let keys: BTreeSet<&str> = all.iter().map(|told| told.key.as_str()).collect();
    assert_eq!(keys, BTreeSet::from([&*format!("owner/{ORG}"), &*format!("tenant/{ORG}"), "rules"]));
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn no_event_holds_a_key_or_a_certificate() {
    for told in everything().await {
        let event = told.event.to_string();
        for secret in ["-----BEGIN", "PRIVATE", "CERTIFICATE-", "MII"] {
            assert!(!event.contains(secret), "{event}");
        }
        let longest = event.split('"').filter(|text| !text.contains(' ')).map(str::len).max();
        assert!(longest < Some(160), "that may be one in another form: {event}");
    }
}

/// With `LONGSHORE_TEST_WRITE` they are written first.
#[tokio::test]
async fn the_documents_say_what_is_told() {
    let documents = documents(everything().await);
    for (name, wanted) in &documents {
        if is_to_write() {
            fs::write(place(name), wanted).unwrap();
        }
        let stands = fs::read_to_string(place(name)).unwrap_or_default();
        assert!(stands == *wanted, "{name} is not up to date; LONGSHORE_TEST_WRITE=1 writes it:\n{wanted}");
    }
    let files: BTreeSet<String> =
        fs::read_dir(place("")).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, documents.into_keys().chain(OTHERS.map(String::from)).collect());
}

#[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests")]
fn is_to_write() -> bool {
    std::env::var_os("LONGSHORE_TEST_WRITE").is_some()
}

#[test]
fn every_example_is_as_its_schema_says() {
    let names = sorts().into_iter().map(|sort| format!("{}.json", sort.name()));
    let mut ids = BTreeSet::new();
    for name in names.chain(["payload-status.json".into(), "validation.json".into()]) {
        let schema = schema(&name);
        for example in schema["examples"].as_array().unwrap() {
            assert_eq!(problems(&schema, example), [""; 0], "{name}");
            assert!(example.get("id").is_none_or(|id| ids.insert(text(id))), "{name}: its id is another's");
        }
    }
}

#[test]
fn a_schema_refuses_what_is_not_promised() {
    let schema = schema("pool.modified.json");
    let refused = |change: fn(&mut Value)| {
        let problems = problems(&schema, &changed("pool.modified", change));
        assert!(!problems.is_empty(), "{:#}", changed("pool.modified", change));
    };
    assert_eq!(problems(&schema, &first("pool.modified")), [""; 0]);
    refused(|event| drop(event.as_object_mut().unwrap().remove("id")));
    refused(|event| drop(event["data"].as_object_mut().unwrap().remove("ownerKey")));
    refused(|event| drop(event["data"]["eventData"].as_object_mut().unwrap().remove("quantity")));
    refused(|event| event["data"]["tenant"] = "5318290".into());
    refused(|event| event["type"] = "longshore.pool.created".into());
    refused(|event| event["data"]["target"] = "PRODUCT".into());
    refused(|event| event["data"]["type"] = "CREATED".into());
    refused(|event| event["id"] = "1".into());
    refused(|event| event["time"] = "yesterday".into());
    refused(|event| event["source"] = "not a URI".into());
    refused(|event| event["further"] = true.into());
    refused(|event| event["data"]["eventData"]["key"] = "secret".into());
    refused(|event| event["data"]["eventData"]["quantity"] = "10".into());
    refused(|event| event["data"]["eventData"]["changed"] = json!([]));
    let upstream =
        changed("upstream_consumer.modified", |event| event["data"]["eventData"]["changed"] = json!(["key"]));
    assert!(!problems(&super::documents::schema("upstream_consumer.modified.json"), &upstream).is_empty());
}

#[tokio::test]
async fn nothing_is_told_of_what_was_rolled_back_or_is_as_it_was() {
    let world = World::with_owner().await;
    let broken = small().entitlement(Entitlement::new("e2", "p2", "NOWHERE"));
    world.import(&broken).await;
    assert!(world.import_log().await.starts_with("failed"), "{}", world.import_log().await);
    assert!(told(&world).await.is_empty());
    world.import(&small()).await;
    let before = told(&world).await.len();
    assert!(before > 0);
    world.import(&small()).await;
    world.import(&later(&broken, 1)).await;
    assert_eq!(told(&world).await.len(), before);
}
