//! What stands in Kafka: CloudEvents 1.0 in structured JSON around an event, and the platform's own messages as they are.

use super::drain::{Family, Waiting};
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
    /// `content-type`, `ce_type`, `ce_id` and `request_id`, where it has them.
    pub headers: Vec<Header>,
}

/// CloudEvents 1.0, with the extension `partitionkey`.
#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: &'a str,
    datacontenttype: &'static str,
    partitionkey: &'a str,
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
    timestamp: &'a str,
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
    let time = row.created_at.assume_utc().format(&Rfc3339).unwrap_or_default();
    let envelope = Envelope {
        specversion: "1.0",
        id: &id,
        source,
        r#type: &sort,
        subject: row.entity_id.as_deref(),
        time: &time,
        datacontenttype: "application/json",
        partitionkey: &row.key,
        data: Data {
            id: &id,
            r#type: change,
            target,
            target_name: row.target_name.as_deref(),
            entity_id: row.entity_id.as_deref(),
            owner_key: row.key.strip_prefix("owner/"),
            tenant: row.key.strip_prefix("tenant/"),
            principal_data: row.principal.as_deref(),
            timestamp: &time,
            request_id: row.request_id.as_deref(),
            event_data: &row.data,
        },
    };
    // Texts, and JSON that the database has checked: there is nothing in it that cannot be written.
    let value = serde_json::to_vec(&envelope).unwrap_or_default();
    let headers = [("content-type", STRUCTURED.to_owned()), ("ce_type", sort.clone()), ("ce_id", id.clone())];
    Message { key: row.key.clone(), value, headers: headers.into_iter().chain(correlation(row)).collect() }
}

fn correlation(row: &Waiting) -> impl Iterator<Item = Header> {
    row.request_id.iter().map(|id| ("request_id", id.clone()))
}
