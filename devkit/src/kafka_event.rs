//! The payload with which a Kafka event source mapping invokes a function.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// An event, built record by record.
#[derive(Debug, Clone)]
pub struct KafkaEvent {
    envelope: Map<String, Value>,
    /// By `<topic>-<partition>`.
    records: BTreeMap<String, Vec<Value>>,
}

impl KafkaEvent {
    /// An event of a mapping on an MSK cluster.
    #[must_use]
    pub fn msk() -> Self {
        let mut event = Self::of_source("aws:kafka");
        let arn = "arn:aws:kafka:us-east-1:123456789012:cluster/example/6cc0432b-8618-4f44-bccc-e1fbd8fb7c4d-2";
        event.envelope.insert("eventSourceArn".to_owned(), json!(arn));
        event
    }

    /// An event of a mapping on a cluster that is not MSK.
    #[must_use]
    pub fn self_managed() -> Self {
        Self::of_source("SelfManagedKafka")
    }

    fn of_source(source: &str) -> Self {
        let mut envelope = Map::new();
        envelope.insert("eventSource".to_owned(), json!(source));
        envelope.insert("bootstrapServers".to_owned(), json!("b-1.example.com:9092,b-2.example.com:9092"));
        Self { envelope, records: BTreeMap::new() }
    }

    /// Adds a record. `value` of `None` is a tombstone; `timestamp_ms` is since 1970, -1 when the broker has none.
    #[must_use]
    pub fn record(
        mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
        timestamp_ms: i64,
    ) -> Self {
        let record = json!({
            "topic": topic,
            "partition": partition,
            "offset": offset,
            "timestamp": timestamp_ms,
            "timestampType": "CREATE_TIME",
            "key": Value::Null,
            "value": value.map(|bytes| STANDARD.encode(bytes)),
            "headers": headers.iter().map(|(name, value)| json!({ *name: signed(value) })).collect::<Vec<_>>(),
        });
        self.records.entry(format!("{topic}-{partition}")).or_default().push(record);
        self
    }

    /// The event as JSON text.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut event = self.envelope.clone();
        event.insert("records".to_owned(), json!(self.records));
        Value::Object(event).to_string().into_bytes()
    }
}

/// Lambda writes the bytes of a header as Java does: signed.
fn signed(bytes: &[u8]) -> Vec<i8> {
    bytes.iter().map(|byte| byte.cast_signed()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_shape_that_lambda_sends() {
        let event =
            KafkaEvent::msk().record("a-topic", 3, 15, Some(b"{}"), &[("service", "hé".as_bytes())], 1_545_084_650_987);
        let event: Value = serde_json::from_slice(&event.record("a-topic", 3, 16, None, &[], -1).to_json()).unwrap();
        assert_eq!(event["eventSource"], "aws:kafka");
        let records = &event["records"]["a-topic-3"];
        assert_eq!(records[0]["value"], "e30=");
        assert_eq!(records[0]["headers"], json!([{"service": [104, -61, -87]}]));
        assert_eq!(records[1]["value"], Value::Null);
        assert_eq!(records[1]["offset"], 16);
    }
}
