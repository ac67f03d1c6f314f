//! What stands in Kafka: CloudEvents 1.0 in structured JSON around an event, and the platform's own messages as they are.

use super::drain::{Family, Waiting};
use crate::trace::TRACEPARENT;
use serde::Serialize;
use serde_json::value::RawValue;
use time::format_description::well_known::Rfc3339;

/// The content type of an event in structured mode (CloudEvents 1.0, Kafka protocol binding 3.3).
const STRUCTURED: &str = "application/cloudevents+json; charset=UTF-8";

/// A header of a record.
pub type Header = (&'static str, String);

/// A record, but for its topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Records of one key are in one partition, in order.
    pub key: String,
    /// JSON.
    pub value: Vec<u8>,
    /// `content-type`, `ce_type`, `ce_id`, `request_id` and `traceparent`, where it has them.
    pub headers: Vec<Header>,
}

/// CloudEvents 1.0, with the extensions `partitionkey` and, of distributed tracing, `traceparent`.
#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a str>,
    datacontenttype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    partitionkey: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    id: &'a str,
    r#type: &'a str,
    target: &'a str,
    target_name: Option<&'a str>,
    entity_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    principal_data: Option<&'a RawValue>,
    timestamp: Option<&'a str>,
    request_id: Option<&'a str>,
    event_data: &'a RawValue,
}

impl Message {
    /// The record for a row. `source` is the CloudEvents source: which Longshore this is.
    pub fn of(row: &Waiting, source: &str) -> Self {
        match row.family {
            Family::Event => event(row, source),
            Family::PayloadStatus | Family::Validation => {
                Self { key: row.key.clone(), value: row.data.get().into(), headers: correlation(row).collect() }
            }
        }
    }

    /// Bytes that it takes in Kafka, before compression.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        self.key.len() + self.value.len() + headers + 64
    }
}

fn event(row: &Waiting, source: &str) -> Message {
    let id = row.event_id.to_string();
    let (change, target) = (row.change.as_deref().unwrap_or_default(), row.target.as_deref().unwrap_or_default());
    let sort = format!("longshore.{}.{}", target.to_ascii_lowercase(), change.to_ascii_lowercase());
    let time = row.created_at.assume_utc().format(&Rfc3339).ok();
    let envelope = Envelope {
        specversion: "1.0",
        id: &id,
        source,
        r#type: &sort,
        subject: row.entity_id.as_deref().and_then(attribute),
        time: time.as_deref(),
        datacontenttype: "application/json",
        partitionkey: attribute(&row.key),
        traceparent: row.traceparent.as_deref(),
        data: Data {
            id: &id,
            r#type: change,
            target,
            target_name: row.target_name.as_deref(),
            entity_id: row.entity_id.as_deref(),
            owner_key: row.key.strip_prefix("owner/"),
            tenant: row.key.strip_prefix("tenant/"),
            principal_data: row.principal.as_deref(),
            timestamp: time.as_deref(),
            request_id: row.request_id.as_deref(),
            event_data: &row.data,
        },
    };
    // Texts, and JSON that the database has checked: there is nothing in it that cannot be written.
    let value = serde_json::to_vec(&envelope).unwrap_or_default();
    let headers = [("content-type", STRUCTURED.to_owned()), ("ce_type", sort), ("ce_id", id)];
    Message { key: row.key.clone(), value, headers: headers.into_iter().chain(correlation(row)).collect() }
}

/// CloudEvents attributes are texts of a character or more, none of which controls anything; any other is left out. Product
/// ids and owners' keys come from others, and the event itself has them as they are.
fn attribute(text: &str) -> Option<&str> {
    let is_noncharacter = |char: char| matches!(u32::from(char), 0xFDD0..=0xFDEF) || u32::from(char) & 0xFFFE == 0xFFFE;
    let is_unfit = |char: char| char.is_control() || is_noncharacter(char);
    (!text.is_empty() && !text.contains(is_unfit)).then_some(text)
}

fn correlation(row: &Waiting) -> impl Iterator<Item = Header> {
    let request_id = row.request_id.iter().map(|id| ("request_id", id.clone()));
    request_id.chain(row.traceparent.iter().map(|parent| (TRACEPARENT, parent.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use time::macros::datetime;
    use uuid::uuid;

    fn raw(value: &Value) -> Box<RawValue> {
        serde_json::value::to_raw_value(value).unwrap()
    }

    fn row(key: &str) -> Waiting {
        Waiting {
            id: 7,
            event_id: uuid!("01998a7c-4d20-7000-8000-000000000001"),
            family: Family::Event,
            key: key.into(),
            request_id: Some("req-1".into()),
            traceparent: None,
            change: Some("CREATED".into()),
            target: Some("CONSUMER_TYPE".into()),
            target_name: Some("appliance".into()),
            entity_id: Some("t1".into()),
            principal: Some(raw(&json!({"type": "user", "name": "admin"}))),
            data: raw(&json!({"label": "appliance"})),
            created_at: datetime!(2026-03-05 10:20:30.45),
        }
    }

    fn value(row: &Waiting) -> Value {
        serde_json::from_slice(&Message::of(row, "/longshore").value).unwrap()
    }

    #[test]
    fn an_event_is_a_cloud_event_in_structured_mode() {
        let message = Message::of(&row("owner/acme"), "/longshore");
        let id = "01998a7c-4d20-7000-8000-000000000001";
        let expected = [
            ("content-type", "application/cloudevents+json; charset=UTF-8"),
            ("ce_type", "longshore.consumer_type.created"),
            ("ce_id", id),
            ("request_id", "req-1"),
        ];
        assert_eq!(message.headers, expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(message.key, "owner/acme");
        let expected = json!({
            "specversion": "1.0", "id": id, "source": "/longshore", "type": "longshore.consumer_type.created",
            "subject": "t1", "time": "2026-03-05T10:20:30.45Z", "datacontenttype": "application/json",
            "partitionkey": "owner/acme",
            "data": {
                "id": id, "type": "CREATED", "target": "CONSUMER_TYPE", "targetName": "appliance", "entityId": "t1",
                "ownerKey": "acme", "principalData": {"type": "user", "name": "admin"},
                "timestamp": "2026-03-05T10:20:30.45Z", "requestId": "req-1", "eventData": {"label": "appliance"},
            },
        });
        assert_eq!(serde_json::from_slice::<Value>(&message.value).unwrap(), expected);
    }

    #[test]
    fn whose_an_event_is_follows_from_its_key() {
        let whose = |key: &str| {
            let data = value(&row(key))["data"].clone();
            (data.get("ownerKey").cloned(), data.get("tenant").cloned())
        };
        assert_eq!(whose("owner/a/b"), (Some(json!("a/b")), None));
        assert_eq!(whose("tenant/5318290"), (None, Some(json!("5318290"))));
        assert_eq!(whose("rules"), (None, None));
    }

    #[test]
    fn what_cannot_be_an_attribute_is_left_out_and_stays_in_the_event() {
        for bad in ["", "a\tb", "a\u{7f}", "\u{85}", "\u{fdd0}", "\u{1fffe}"] {
            let row = Waiting { entity_id: Some(bad.into()), ..row(&format!("owner/{bad}")) };
            let event = value(&row);
            assert_eq!((event.get("subject"), &event["data"]["entityId"]), (None, &json!(bad)));
            assert_eq!(event.get("partitionkey").is_some(), bad.is_empty(), "{bad:?}");
        }
        let row = Waiting { entity_id: Some("Änderung 1/2".into()), ..row("owner/acme") };
        assert_eq!(value(&row)["subject"], "Änderung 1/2");
    }

    #[test]
    fn what_is_not_known_is_null_and_no_header() {
        let row = Waiting { request_id: None, principal: None, ..row("owner/acme") };
        let event = value(&row);
        assert_eq!((&event["data"]["requestId"], &event["data"]["principalData"]), (&Value::Null, &Value::Null));
        assert!(Message::of(&row, "/longshore").headers.iter().all(|(name, _)| *name != "request_id"));
    }

    #[test]
    fn an_event_and_its_record_name_the_trace_that_they_belong_to() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let row = Waiting { traceparent: Some(parent.into()), ..row("owner/acme") };
        assert_eq!(value(&row)["traceparent"], parent);
        assert!(Message::of(&row, "/longshore").headers.contains(&("traceparent", parent.into())));
    }

    #[test]
    fn a_message_for_the_platform_is_what_was_written() {
        let data = json!({"status": "success"});
        for family in [Family::PayloadStatus, Family::Validation] {
            let row = Waiting { family, change: None, target: None, data: raw(&data), ..row("5318290") };
            let message = Message::of(&row, "/longshore");
            assert_eq!(serde_json::from_slice::<Value>(&message.value).unwrap(), data);
            assert_eq!(message.headers, [("request_id", "req-1".to_owned())]);
        }
    }

    #[test]
    fn the_size_counts_key_value_and_headers() {
        let message = Message { key: "key".into(), value: vec![0; 100], headers: vec![("name", "value".into())] };
        assert_eq!(message.size(), 3 + 100 + 4 + 5 + 4 + 64);
    }
}
