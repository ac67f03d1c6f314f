//! The answer to an upload: what its message said, and whether it was sound.
//!
//! An identity stays out of it, though it came with the message: rows of the outbox are kept and topics are read by many, and
//! whoever has it can act for its bearer. The platform finds an upload by its request id, account and organisation.

use crate::kafka::Record;
use crate::message::Fields;
use serde_json::{Map, Value};

/// Keys of identities, in lower case.
const IDENTITIES: [&str; 3] = ["b64_identity", "identity", "x-rh-identity"];

/// What a message said, without what is secret in it. One that could not be read said nothing but its request id.
pub(super) fn received(record: &Record, request_id: &str) -> Map<String, Value> {
    let mut message = Fields::of(record).map(Fields::into_map).unwrap_or_default();
    clean_map(&mut message);
    message.insert("request_id".into(), request_id.into());
    message
}

/// The answer; without a reason the upload was sound.
pub(super) fn answer(received: &Map<String, Value>, reason: Option<&str>) -> Value {
    let mut answer = received.clone();
    answer.insert("validation".into(), if reason.is_some() { "failure" } else { "success" }.into());
    match reason {
        Some(reason) => answer.insert("reason".into(), reason.into()),
        None => answer.remove("reason"),
    };
    Value::Object(answer)
}

fn clean_map(map: &mut Map<String, Value>) {
    let kept = std::mem::take(map).into_iter().filter(|(key, _)| !IDENTITIES.contains(&&*key.to_ascii_lowercase()));
    map.extend(kept.map(|(key, mut value)| {
        clean(&mut value);
        (storable(&key), value)
    }));
}

fn clean(value: &mut Value) {
    match value {
        Value::Object(map) => clean_map(map),
        Value::Array(list) => list.iter_mut().for_each(clean),
        Value::String(text) => *text = storable(&plain(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// URLs without what lets anybody in who has it: a password, and the query, where a presigned one has its signature. Keys and
/// certificates not at all.
fn plain(text: &str) -> String {
    if text.contains("-----BEGIN") {
        return String::new();
    }
    text.split_inclusive(char::is_whitespace).map(plain_word).collect()
}

fn plain_word(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let end = word.trim_end().len();
    let (rest, space) = (rest.trim_end(), &word[end..]);
    let place = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}{space}")
}

/// PostgreSQL cannot hold U+0000.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::record;
    use serde_json::json;

    #[test]
    fn an_answer_is_the_message_without_identities_and_what_lets_anybody_in() {
        let message = json!({
            "url": "https://bucket.example/key?X-Amz-Signature=secret", "b64_identity": "secret", "size": 7, "reason": "x",
            "metadata": {"Identity": {"a": "secret"}, "list": ["s3://b/k#secret", "a\0b", "FTP://me:secret@host?secret", "see\n(http://a/b?secret) or\u{a0}c"], "pem": "-----BEGIN secret"},
        });
        let received = received(&record(&message, &[("x-rh-identity", "secret")]), "r-1");
        let mut expected = json!({
            "url": "https://bucket.example/key", "size": 7, "request_id": "r-1", "validation": "success",
            "metadata": {"list": ["s3://b/k", "a\u{fffd}b", "FTP://host", "see\n(http://a/b or\u{a0}c"], "pem": ""},
        });
        assert_eq!(answer(&received, None), expected);
        expected["validation"] = "failure".into();
        expected["reason"] = "why".into();
        assert_eq!(answer(&received, Some("why")), expected);
    }

    #[test]
    fn a_message_that_cannot_be_read_is_answered_by_its_request_id() {
        let answer = answer(&received(&record(&json!([1]), &[]), "r-1"), Some("why"));
        assert_eq!(answer, json!({"request_id": "r-1", "validation": "failure", "reason": "why"}));
    }
}
