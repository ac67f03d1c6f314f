//! The invocation payload of an MSK or self-managed Kafka event source mapping.
//!
//! A model of our own instead of `aws_lambda_events::KafkaEvent`, because one odd record must not fail a batch: there
//! a timestamp of -1, a header byte over 127 or missing headers refuse the whole payload, partitions come in random
//! order and half of all timestamps lose a millisecond. A test holds the two against each other.

use crate::failure::Classified;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::Value;
use serde_json::value::RawValue;

/// Base64 in the standard alphabet; producers differ about padding.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One invocation's records, in the order of the payload; within a partition that is the order of their offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// All records of all partitions.
    pub records: Vec<Record>,
}

/// One Kafka record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The key of its partition in the payload, `<topic>-<partition>`: what a partial batch response names.
    pub partition_key: String,
    /// Topic.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
    /// Milliseconds since 1970, absent when the broker has none (-1).
    pub timestamp: Option<i64>,
    /// The record's key, when it has one that is base64.
    pub key: Option<Vec<u8>>,
    /// The record's value.
    pub value: Payload,
    /// Headers in their order; a name may repeat.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// A record's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// None: the record deletes its key.
    Tombstone,
    /// The payload holds something that is not base64: this, as JSON.
    NotBase64(String),
}

/// The payload is no Kafka event: nothing in it can be answered for, so the invocation fails as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// Not the JSON of a Kafka event.
    #[error("the payload is no Kafka event")]
    Json(#[from] serde_json::Error),
    /// Another service's event.
    #[error("the payload's eventSource is {0:?}, not Kafka")]
    Source(String),
    /// A record that could not be named in an answer.
    #[error("record {index} of {partition_key}: {what}")]
    Record {
        /// The partition's key in the payload.
        partition_key: String,
        /// Position within that list.
        index: usize,
        /// What is missing.
        what: &'static str,
    },
}

impl Classified for EventError {
    fn kind(&self) -> &'static str {
        "Event"
    }
    fn is_transient(&self) -> bool {
        false
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEvent<'a> {
    #[serde(default)]
    event_source: Option<String>,
    #[serde(borrow)]
    records: Partitions<'a>,
}

/// The `records` object as pairs: a map type would lose the order.
struct Partitions<'a>(Vec<(String, Vec<&'a RawValue>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Partitions<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Partitions<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of partitions")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Partitions(pairs))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Partitions(Vec::new()))
            }
        }
        deserializer.deserialize_any(Pairs)
    }
}

impl Event {
    /// Decodes an invocation payload.
    ///
    /// # Errors
    /// When it is no Kafka event, or a record lacks its offset. A record that is odd in any other way is kept as it
    /// is: it is the consumer's to reject.
    pub fn parse(payload: &str) -> Result<Self, EventError> {
        let event: RawEvent<'_> = serde_json::from_str(payload)?;
        if let Some(source) = event.event_source
            && !matches!(source.as_str(), "aws:kafka" | "SelfManagedKafka" | "aws:SelfManagedKafka")
        {
            return Err(EventError::Source(source));
        }
        let mut records = Vec::new();
        for (partition_key, list) in event.records.0 {
            for (index, raw) in list.into_iter().enumerate() {
                let record = record(&partition_key, raw).map_err(|what| EventError::Record {
                    partition_key: partition_key.clone(),
                    index,
                    what,
                })?;
                records.push(record);
            }
        }
        Ok(Self { records })
    }
}

fn record(partition_key: &str, raw: &RawValue) -> Result<Record, &'static str> {
    let mut fields: serde_json::Map<String, Value> =
        serde_json::from_str(raw.get()).map_err(|_| "it is not a JSON object")?;
    let offset = integer(fields.get("offset")).ok_or("it has no offset")?;
    // A topic may contain `-`, a partition number cannot.
    let (key_topic, key_partition) = partition_key.rsplit_once('-').unwrap_or((partition_key, ""));
    let partition = integer(fields.get("partition")).or_else(|| key_partition.parse().ok()).unwrap_or(0);
    Ok(Record {
        partition_key: partition_key.into(),
        topic: fields.get("topic").and_then(Value::as_str).unwrap_or(key_topic).into(),
        partition: i32::try_from(partition).map_err(|_| "its partition is no 32-bit number")?,
        offset,
        timestamp: integer(fields.get("timestamp")).filter(|&millis| millis >= 0),
        key: match fields.remove("key") {
            Some(Value::String(text)) => BASE64.decode(text).ok(),
            _ => None,
        },
        value: match fields.remove("value") {
            None | Some(Value::Null) => Payload::Tombstone,
            Some(Value::String(text)) => match BASE64.decode(&text) {
                Ok(bytes) => Payload::Bytes(bytes),
                Err(_) => Payload::NotBase64(Value::String(text).to_string()),
            },
            Some(other) => Payload::NotBase64(other.to_string()),
        },
        headers: fields.get("headers").map(headers).unwrap_or_default(),
    })
}

/// Older documents show some numbers as strings.
fn integer(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A list of one-entry maps, each a name and its bytes: signed as Lambda sends them, unsigned as fixtures have them.
fn headers(value: &Value) -> Vec<(String, Vec<u8>)> {
    let bytes = |value: &Value| -> Vec<u8> {
        let numbers = value.as_array().map(Vec::as_slice).unwrap_or_default();
        numbers.iter().filter_map(Value::as_i64).map(|number| number.to_le_bytes()[0]).collect()
    };
    let maps = value.as_array().map(Vec::as_slice).unwrap_or_default();
    maps.iter().filter_map(Value::as_object).flatten().map(|(name, value)| (name.clone(), bytes(value))).collect()
}

impl Record {
    /// Kafka's time of the record, in UTC; 1970 when the broker has none. With topic, partition and offset it tells the
    /// record apart from all others, those of another cluster or of a topic that was made again included.
    pub fn time(&self) -> time::PrimitiveDateTime {
        let millis = i128::from(self.timestamp.unwrap_or(0));
        let moment = time::OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000);
        crate::clock::to_timestamp(moment.unwrap_or(time::OffsetDateTime::UNIX_EPOCH))
    }

    /// The last header of that name as text, case ignored: HTTP gateways put names in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }
}
