use super::*;
use crate::kafka::Payload;
use crate::message::tests::{encoded, ours, record};
use proptest::prelude::*;
use serde_json::{Value, json};

fn message(value: Value, headers: &[(&str, &str)]) -> Message {
    ours(Message::parse(&record(&value, headers)))
}

#[test]
fn the_ingress_form() {
    let identity = encoded(json!({"account_number": "12", "internal": {"org_id": "34"}}));
    let parsed = message(
        json!({"url": "s3://b/k", "size": 9, "service": "catalog", "request_id": "r1", "category": "catalog",
               "account": "12", "principal": "p", "b64_identity": identity.trim_end_matches('='),
               "metadata": {"reporter": "uid", "stale_timestamp": ""}, "timestamp": "2020-11-25T16:22:56.449719273Z",
               "unknown": [1]}),
        &[],
    );
    assert_eq!(parsed.form, Form::Ingress { category: None, reporter: Some("uid".into()) });
    assert_eq!(
        (parsed.announced.url.as_str(), parsed.announced.size, parsed.request_id()),
        ("s3://b/k", Some(9), Some("r1"))
    );
    assert_eq!((parsed.announced.identity.tenant(), parsed.announced.claim.tenant()), (Some("34"), Some("12")));
    assert_eq!(parsed.announced.age.unwrap().nanosecond(), 449_719_273);
    assert_eq!(parsed.task, None);
}

#[test]
fn the_persister_form() {
    let identity = encoded(json!({"account_number": "12"}));
    let parsed = message(
        json!({"tenant_id": 1, "source_id": 2, "task_url": "https://t/1", "data_url": "s3://b/k", "size": 9,
               "refresh_request_at": "2020-11-25T16:22:56Z"}),
        &[("x-rh-identity", &identity), ("X-RH-Insights-Request-Id", "r2")],
    );
    assert_eq!(parsed.form, Form::Persister { tenant: 1, source: 2 });
    assert_eq!(parsed.request_id(), Some("r2"));
    assert_eq!(parsed.task, Some(TaskRef::Url("https://t/1".into())));
    assert_eq!(parsed.announced.identity.tenant(), Some("12"));
}

#[test]
fn a_task_id_in_category_is_the_task() {
    let id = "11111111-2222-4333-8444-555555555555";
    let parsed = message(json!({"url": "s3://b/k", "category": id}), &[]);
    assert_eq!(parsed.task, Some(TaskRef::Id(id.parse().unwrap())));
}

#[test]
fn another_service_is_not_ours_by_header_or_by_key() {
    let not_ours = |value: Value, headers: &[(&str, &str)]| {
        matches!(Message::parse(&record(&value, headers)), Ok(Parsed::NotOurs(_)))
    };
    assert!(not_ours(json!("not even an object"), &[("service", "advisor")]));
    assert!(not_ours(json!({"url": "x", "service": "advisor"}), &[]));
    assert!(!not_ours(json!({"url": "x"}), &[("service", "catalog")]));
}

#[test]
fn what_is_no_message_says_why() {
    for (value, key) in [
        (json!({}), "url"),
        (json!({"url": ""}), "url"),
        (json!({"url": 1}), "url"),
        (json!({"url": "x", "metadata": 1}), "metadata"),
        (json!({"data_url": "x"}), "tenant_id"),
        (json!({"data_url": "x", "tenant_id": "1"}), "tenant_id"),
        (json!({"url": "x", "size": -1}), "size"),
    ] {
        match Message::parse(&record(&value, &[])) {
            Err(MessageError::Key { key: found, .. }) => assert_eq!(found, key, "{value}"),
            other => panic!("{value}: {other:?}"),
        }
    }
    let mut odd = record(&json!(null), &[]);
    for (value, error) in
        [(Payload::Tombstone, MessageError::Tombstone), (Payload::NotBase64(String::new()), MessageError::NotBase64)]
    {
        odd.value = value;
        assert_eq!(Message::parse(&odd).unwrap_err(), error);
    }
}

proptest! {
    #[test]
    fn no_value_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\",:a-z_0-9]{0,120}") {
        let mut odd = record(&json!(null), &[]);
        for value in [bytes, text.into_bytes()] {
            odd.value = Payload::Bytes(value);
            let _ = Message::parse(&odd);
        }
    }
}
