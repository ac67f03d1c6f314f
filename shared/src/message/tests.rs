use super::*;
use crate::kafka::{BASE64, Payload, Record};
use base64::Engine as _;
use serde_json::{Value, json};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// A record of a shared topic.
pub(crate) fn record(value: &Value, headers: &[(&str, &str)]) -> Record {
    Record {
        partition_key: "platform.upload.announce-0".into(),
        topic: "platform.upload.announce".into(),
        partition: 0,
        offset: 7,
        timestamp: Some(1_600_000_000_123),
        key: None,
        value: Payload::Bytes(value.to_string().into_bytes()),
        headers: headers.iter().map(|(name, value)| ((*name).into(), value.as_bytes().to_vec())).collect(),
    }
}

/// An identity as messages carry it.
pub(crate) fn encoded(identity: Value) -> String {
    BASE64.encode(json!({ "identity": identity }).to_string())
}

/// What `parse` makes of a message that is ours.
pub(crate) fn ours<M>(parsed: Result<Parsed<M>, MessageError>) -> M {
    match parsed.unwrap() {
        Parsed::Message(message) => *message,
        Parsed::NotOurs(why) => panic!("{why}"),
    }
}

fn ingress(value: Value, headers: &[(&str, &str)]) -> Result<Announcement, MessageError> {
    let record = record(&value, headers);
    Announcement::ingress(&Fields::of(&record)?, &record)
}

#[test]
fn an_identity_is_read_with_or_without_padding_from_the_value_or_the_header() {
    let identity = encoded(json!({"account_number": "12", "internal": {"org_id": "34"}}));
    let unpadded = identity.trim_end_matches('=');
    for announced in [
        ingress(json!({"url": "x", "b64_identity": unpadded}), &[]).unwrap(),
        ingress(json!({"url": "x", "b64_identity": ""}), &[("X-RH-Identity", &identity)]).unwrap(),
    ] {
        assert_eq!(announced.identity.tenant(), Some("34"));
        assert_eq!(announced.identity.account.as_deref(), Some("12"));
    }
    for identity in ["%%%", "bm90IGpzb24", "e30="] {
        let error = ingress(json!({"url": "x", "b64_identity": identity}), &[]).unwrap_err();
        assert!(matches!(error, MessageError::Identity(_)), "{identity}");
    }
}

#[test]
fn two_claims_contradict_only_in_the_same_number() {
    let claim = |org: Option<&str>, account: Option<&str>| Claim {
        org_id: org.map(Into::into),
        account: account.map(Into::into),
    };
    assert!(claim(Some("1"), None).contradicts(&claim(Some("2"), None)));
    assert!(claim(Some("1"), Some("7")).contradicts(&claim(Some("1"), Some("8"))));
    assert!(!claim(Some("1"), None).contradicts(&claim(None, Some("8"))));
}

#[test]
fn the_age_falls_back_to_kafkas_time_and_never_to_a_guess() {
    let age = ingress(json!({"url": "x"}), &[]).unwrap().age.unwrap();
    assert_eq!(age.unix_timestamp_nanos(), 1_600_000_000_123_000_000);
    let bad = ingress(json!({"url": "x", "timestamp": "yesterday"}), &[]);
    assert!(matches!(bad, Err(MessageError::Key { key: "timestamp", .. })));
}

#[test]
fn a_time_in_the_future_is_replaced_by_kafkas_or_by_now_but_a_clock_may_be_a_little_ahead() {
    let now = datetime!(2026-03-05 12:00 UTC);
    let mut record = record(&json!(null), &[]);
    let mut credible = |age: OffsetDateTime, kafka: Option<OffsetDateTime>| {
        record.timestamp = kafka.map(|moment| moment.unix_timestamp() * 1000);
        let mut announced = ingress(json!({"url": "x"}), &[]).unwrap();
        announced.age = Some(age);
        announced.credible_age(&record, now)
    };
    let (ahead, future) = (now + Duration::minutes(5), now + Duration::days(365));
    let an_hour_ago = now - Duration::hours(1);
    assert_eq!(credible(ahead, None), Some(ahead));
    assert_eq!(credible(future, Some(an_hour_ago)), Some(an_hour_ago));
    assert_eq!(credible(future, Some(future)), Some(now));
    assert_eq!(credible(future, None), Some(now));
}

#[test]
fn a_request_id_is_the_messages_own_or_the_headers_and_is_known_of_bad_messages_too() {
    let header = [("x-rh-insights-request-id", "from header")];
    let id = |value: Value, headers: &[(&str, &str)]| request_id_of(&record(&value, headers));
    assert_eq!(id(json!({"request_id": "own"}), &header).as_deref(), Some("own"));
    assert_eq!(id(json!({"request_id": 1}), &header).as_deref(), Some("from header"));
    assert_eq!(id(json!([]), &header).as_deref(), Some("from header"));
    assert_eq!(id(json!({"request_id": "x".repeat(300)}), &[]).unwrap().len(), 202);
    assert_eq!(id(json!({}), &[]), None);
}

#[test]
fn an_announcement_shows_no_url_and_no_identity() {
    let identity = encoded(json!({"org_id": "5318290"}));
    let announced = ingress(json!({"url": "s3://secret", "org_id": "5318290", "b64_identity": identity}), &[]).unwrap();
    let debug = format!("{announced:?}");
    for hidden in ["secret", "5318290", &identity] {
        assert!(!debug.contains(hidden), "{debug}");
    }
}
