use super::*;
use crate::kafka::Payload;
use crate::message::tests::{encoded, ours, record};
use proptest::prelude::*;
use serde_json::json;

/// A message that says no more than it must, with `metadata`.
fn with_metadata(metadata: Value) -> Value {
    json!({"url": "s3://b/k", "service": "candlepin", "org_id": "1", "metadata": metadata})
}

fn parse(value: Value) -> Result<Parsed<ManifestMessage>, MessageError> {
    ManifestMessage::parse(&record(&value, &[]))
}

fn forced(force: Value) -> Result<Vec<Conflict>, MessageError> {
    parse(with_metadata(json!({ "force": force }))).map(|parsed| ours(Ok(parsed)).force)
}

#[test]
fn everything_that_an_import_needs_is_read() {
    let identity = encoded(json!({"org_id": "34", "account_number": "12"}));
    let message = ours(parse(json!({
        "url": "https://h/first.zip?sig=1", "size": 9, "service": "candlepin", "request_id": "r1", "principal": "jane",
        "account": "12", "b64_identity": identity, "timestamp": "2026-03-05T10:15:00.123456789Z", "unknown": {},
        "signature_url": "s3://b/first.sig",
        "metadata": {"owner": "acme", "force": ["MANIFEST_OLD"], "signature": "AQ==", "file_name": "first.zip",
                     "signature_url": "not this one", "reporter": ""},
    })));
    assert_eq!(message.announced.url, "https://h/first.zip?sig=1");
    assert_eq!((message.announced.size, message.announced.request_id.as_deref()), (Some(9), Some("r1")));
    assert_eq!(message.announced.age.unwrap().nanosecond(), 123_456_789);
    assert_eq!((message.announced.identity.tenant(), message.announced.claim.tenant()), (Some("34"), Some("12")));
    assert_eq!((message.principal.as_deref(), message.owner.as_deref()), (Some("jane"), Some("acme")));
    assert_eq!(message.force, [Conflict::ManifestOld]);
    assert_eq!(message.signature.as_deref(), Some(&[1][..]));
    assert_eq!(message.signature_url.as_deref(), Some("s3://b/first.sig"));
    assert_eq!(message.file_name.as_deref(), Some("first.zip"));
}

#[test]
fn what_is_missing_null_or_empty_is_none() {
    for metadata in [json!(null), json!({}), json!({"owner": "", "force": null, "signature": "", "file_name": null})] {
        let message = ours(parse(with_metadata(metadata)));
        assert_eq!((message.owner, message.signature, message.signature_url), (None, None, None));
        assert_eq!((message.force, message.file_name, message.principal), (vec![], None, None));
    }
}

#[test]
fn conflicts_are_forced_by_name_and_as_it_was_done_before_they_had_names() {
    use Conflict::{DistributorConflict, ManifestOld, ManifestSame};
    for (force, expected) in [
        (json!(["distributor_conflict", "MANIFEST_SAME", "Manifest_Same"]), vec![ManifestSame, DistributorConflict]),
        (json!("manifest_old"), vec![ManifestOld]),
        (json!(true), vec![ManifestOld]),
        (json!("True"), vec![ManifestOld]),
        (json!(["true"]), vec![ManifestOld]),
        (json!(false), vec![]),
        (json!("false"), vec![]),
        (json!(""), vec![]),
        (json!([]), vec![]),
        (json!([""]), vec![]),
        (json!(null), vec![]),
    ] {
        assert_eq!(forced(force.clone()).unwrap(), expected, "{force}");
    }
    for conflict in Conflict::ALL {
        assert_eq!(forced(json!([conflict.name()])).unwrap(), [conflict]);
    }
}

#[test]
fn what_is_forced_and_is_no_conflict_is_named() {
    let error = forced(json!(["MANIFEST_OLD", "MANIFEST_ODD"])).unwrap_err();
    assert!(error.to_string().starts_with("metadata.force: \"MANIFEST_ODD\" is no conflict; they are MANIFEST_OLD, "));
    assert!(matches!(forced(json!([true, "MANIFEST_OLD"])), Err(MessageError::Unknown { .. })));
    assert!(matches!(forced(json!(1)), Err(MessageError::Key { key: "metadata.force", .. })));
}

#[test]
fn the_consumer_can_be_imported_alone_and_nothing_else_can() {
    let only = |part: Value| parse(with_metadata(json!({ "only": part }))).map(|parsed| ours(Ok(parsed)).consumer_only);
    assert_eq!(only(json!("consumer")), Ok(true));
    assert_eq!([only(json!(null)), only(json!(""))], [Ok(false), Ok(false)]);
    let error = only(json!("products")).unwrap_err();
    assert_eq!(error.to_string(), "metadata.only: \"products\" cannot be imported alone; consumer can");
    assert!(matches!(only(json!(["consumer"])), Err(MessageError::Key { key: "only", .. })));
}

#[test]
fn a_signature_is_base64_of_any_padding_and_in_lines() {
    let signature = |text: &str| parse(with_metadata(json!({ "signature": text })));
    for text in ["AQID/w==", "AQID/w", "AQ\nID\r\n/w==\n"] {
        assert_eq!(ours(signature(text)).signature.unwrap(), [1, 2, 3, 255], "{text:?}");
    }
    assert!(matches!(signature("%"), Err(MessageError::Key { key: "metadata.signature", .. })));
}

#[test]
fn a_signature_url_may_be_in_the_metadata() {
    let message = ours(parse(with_metadata(json!({"signature_url": "s3://b/k.sig"}))));
    assert_eq!(message.signature_url.as_deref(), Some("s3://b/k.sig"));
}

#[test]
fn another_service_is_not_ours_by_header_or_by_key() {
    let not_ours = |value: Value, headers: &[(&str, &str)]| {
        matches!(ManifestMessage::parse(&record(&value, headers)), Ok(Parsed::NotOurs(_)))
    };
    assert!(not_ours(json!("not even an object"), &[("service", "catalog")]));
    assert!(not_ours(json!({"url": "x", "service": "catalog"}), &[]));
    assert!(!not_ours(json!({"url": "x", "org_id": "1"}), &[("service", "candlepin")]));
}

#[test]
fn a_message_of_nobody_is_none() {
    let error = parse(json!({"url": "x", "service": "candlepin"})).unwrap_err();
    assert!(matches!(error, MessageError::Identity(_)));
    assert!(parse(json!({"url": "x", "account": "1"})).is_ok());
}

#[test]
fn a_long_name_fits_its_column() {
    let message = ours(parse(with_metadata(json!({"file_name": "x".repeat(300)}))));
    assert_eq!(message.file_name.unwrap().len(), 255);
}

#[test]
fn no_secret_is_shown() {
    let message = ours(parse(json!({
        "url": "https://secret-1", "org_id": "secret-2", "principal": "secret-3", "signature_url": "https://secret-4",
        "b64_identity": encoded(json!({"org_id": "secret-5"})), "metadata": {"signature": "c2VjcmV0"},
    })));
    let debug = format!("{message:?}");
    assert!(!debug.contains("secret") && !debug.contains("115, 101"), "{debug}");
}

proptest! {
    #[test]
    fn no_value_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\",:a-z_0-9]{0,120}") {
        let mut odd = record(&json!(null), &[]);
        for value in [bytes, text.into_bytes()] {
            odd.value = Payload::Bytes(value);
            let _ = ManifestMessage::parse(&odd);
        }
    }

    #[test]
    fn any_text_anywhere_is_a_message_or_a_named_problem(text in "\\PC{0,40}", key in 0..6_usize) {
        let key = ["owner", "force", "signature", "signature_url", "file_name", "only"][key];
        match parse(with_metadata(json!({ key: text }))) {
            Ok(parsed) => { ours(Ok(parsed)); }
            Err(error) => prop_assert!(error.to_string().contains(key), "{}", error),
        }
    }
}
