//! The payload with which a Kafka event source mapping invokes a function.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// An event, built record by record.
#[derive(Debug, Clone)]
pub struct KafkaEvent {
    envelope: Map<String, Value>,
    /// JSON texts by `<topic>-<partition>`.
    records: BTreeMap<String, Vec<String>>,
}

/// A record, as it lies in Kafka.
#[derive(Debug, Clone, Default)]
pub struct EventRecord<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// Milliseconds since 1970, -1 when the broker has none.
    pub timestamp_ms: i64,
    /// Whether the time is the broker's and not the producer's.
    pub log_append_time: bool,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers; a name may repeat.
    pub headers: Vec<(&'a str, &'a [u8])>,
}

impl EventRecord<'_> {
    /// The record as an event holds it: JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| json!({ *name: signed(value) }));
        json!({
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "timestamp": self.timestamp_ms,
            "timestampType": if self.log_append_time { "LOG_APPEND_TIME" } else { "CREATE_TIME" },
            "key": self.key.map(|bytes| STANDARD.encode(bytes)),
            "value": self.value.map(|bytes| STANDARD.encode(bytes)),
            "headers": headers.collect::<Vec<_>>(),
        })
        .to_string()
    }
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
        Self { envelope, records: BTreeMap::new() }.of_servers("b-1.example.com:9092,b-2.example.com:9092")
    }

    /// The brokers of the cluster that it comes from.
    #[must_use]
    pub fn of_servers(mut self, servers: &str) -> Self {
        self.envelope.insert("bootstrapServers".to_owned(), json!(servers));
        self
    }

    /// Adds a record. `value` of `None` is a tombstone; `timestamp_ms` is since 1970, -1 when the broker has none.
    #[must_use]
    pub fn record(
        self,
        topic: &str,
        partition: i32,
        offset: i64,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
        timestamp_ms: i64,
    ) -> Self {
        let headers = headers.to_vec();
        let record = EventRecord { topic, partition, offset, value, headers, timestamp_ms, ..EventRecord::default() };
        self.records(&format!("{topic}-{partition}"), [record.to_json()])
    }

    /// Adds records of one partition, each as [`EventRecord::to_json`] has it.
    #[must_use]
    pub fn records(mut self, partition_key: &str, records: impl IntoIterator<Item = String>) -> Self {
        self.records.entry(partition_key.to_owned()).or_default().extend(records);
        self
    }

    /// The event as JSON text.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let partition = |(key, records): (&String, &Vec<String>)| format!("{}:[{}]", json!(key), records.join(","));
        let partitions: Vec<String> = self.records.iter().map(partition).collect();
        let envelope: String = self.envelope.iter().map(|(name, value)| format!("{}:{value},", json!(name))).collect();
        format!("{{{envelope}\"records\":{{{}}}}}", partitions.join(",")).into_bytes()
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
        assert_eq!(event["bootstrapServers"], "b-1.example.com:9092,b-2.example.com:9092");
    }

    #[test]
    fn a_record_has_its_key_and_says_whose_time_it_has() {
        let record = EventRecord { key: Some(b"owner"), log_append_time: true, topic: "t", ..EventRecord::default() };
        let event = KafkaEvent::self_managed().of_servers("here:9092").records("t-0", [record.to_json()]);
        let event: Value = serde_json::from_slice(&event.to_json()).unwrap();
        let record = &event["records"]["t-0"][0];
        assert_eq!((&record["key"], &record["timestampType"]), (&json!("b3duZXI="), &json!("LOG_APPEND_TIME")));
        assert_eq!((&event["bootstrapServers"], &record["value"]), (&json!("here:9092"), &Value::Null));
    }
}
