//! What was kept, as the event that a function takes.

use crate::kafka::Event;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Why a document cannot be handed to a function.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// It is not what is kept.
    #[error("neither a batch that Lambda gave up nor a record that was rejected: {0}")]
    Unknown(String),
    /// SQS and SNS are told what failed, but do not get it.
    #[error("the batch is not in it: only S3 as the failure destination keeps whole batches")]
    NoPayload,
}

/// An event to be handed over again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// The event of an event source mapping.
    pub event: String,
    /// How many records it has.
    pub records: usize,
    /// Their topics, each once.
    pub topics: Vec<String>,
    /// The function that it was for, where the document says so: its name, without version or alias.
    pub function: Option<String>,
    /// Why it was given up: Lambda's condition, or the kind of the rejection.
    pub why: Option<String>,
}

/// What Lambda writes to S3.
///
/// Source: AWS Lambda Developer Guide, "Retain records of failed invocations" for Kafka event sources.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenUp {
    request_context: RequestContext,
    payload: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    #[serde(default)]
    function_arn: Option<String>,
    #[serde(default)]
    condition: Option<String>,
}

/// What [`crate::kafka::Rejections`] writes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rejected {
    topic: String,
    partition: i32,
    offset: i64,
    timestamp: Option<i64>,
    key: Option<String>,
    value: Option<String>,
    raw_value: Option<String>,
    #[serde(default)]
    headers: Vec<Map<String, Value>>,
    kind: String,
}

impl Again {
    /// Reads a document of either kind.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub fn read(document: &[u8]) -> Result<Self, DocumentError> {
        let unknown = |error: serde_json::Error| DocumentError::Unknown(error.to_string());
        let document: Value = serde_json::from_slice(document).map_err(unknown)?;
        if document.get("requestContext").is_some() {
            return serde_json::from_value::<GivenUp>(document).map_err(unknown)?.again();
        }
        serde_json::from_value::<Rejected>(document).map_err(unknown)?.again()
    }

    fn new(event: String, function: Option<String>, why: Option<String>) -> Result<Self, DocumentError> {
        let parsed = Event::parse(&event).map_err(|error| DocumentError::Unknown(error.to_string()))?;
        let mut topics: Vec<String> = parsed.records.iter().map(|record| record.topic.clone()).collect();
        topics.sort_unstable();
        topics.dedup();
        Ok(Self { event, records: parsed.records.len(), topics, function, why })
    }
}

impl GivenUp {
    fn again(self) -> Result<Again, DocumentError> {
        let event = match self.payload {
            Some(Value::String(event)) => event,
            Some(event @ Value::Object(_)) => event.to_string(),
            _ => return Err(DocumentError::NoPayload),
        };
        let function = self.request_context.function_arn.as_deref().and_then(function_name);
        Again::new(event, function, self.request_context.condition)
    }
}

/// `arn:aws:lambda:region:account:function:name`, and perhaps `:alias` or `:version`.
fn function_name(arn: &str) -> Option<String> {
    arn.split(':').nth(6).filter(|name| !name.is_empty()).map(Into::into)
}

impl Rejected {
    fn again(self) -> Result<Again, DocumentError> {
        let value = match self.raw_value {
            // What was no base64 is handed over as it came, to be rejected again unless the function knows better now.
            Some(json) => serde_json::from_str(&json).unwrap_or(Value::String(json)),
            None => json!(self.value),
        };
        let record = json!({
            "topic": self.topic, "partition": self.partition, "offset": self.offset, "timestamp": self.timestamp.unwrap_or(-1),
            "timestampType": "CREATE_TIME", "key": self.key, "value": value,
            "headers": self.headers.iter().map(signed).collect::<Vec<_>>(),
        });
        let partition_key = format!("{}-{}", self.topic, self.partition);
        let event = json!({"eventSource": "aws:kafka", "records": {partition_key: [record]}});
        Again::new(event.to_string(), None, Some(self.kind))
    }
}

/// A header as an event has it: its bytes, signed.
fn signed(header: &Map<String, Value>) -> Value {
    let bytes = |value: &Value| -> Vec<i8> {
        let bytes = value.as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        bytes.into_iter().map(u8::cast_signed).collect()
    };
    header.iter().map(|(name, value)| (name.clone(), json!(bytes(value)))).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::Payload;

    fn event() -> Value {
        let record = |offset: i64| json!({"topic": "uploads", "partition": 0, "offset": offset, "value": "e30="});
        json!({"eventSource": "aws:kafka", "records": {"uploads-0": [record(7), record(8)]}})
    }

    fn given_up(payload: &Value) -> Value {
        json!({
            "requestContext": {
                "requestId": "r", "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:stack-tower-persister:live",
                "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 3,
            },
            "version": "1.0", "KafkaBatchInfo": {"batchSize": 2}, "payload": payload,
        })
    }

    #[test]
    fn a_batch_that_lambda_gave_up_is_its_payload() {
        for payload in [event(), event().to_string().into()] {
            let again = Again::read(given_up(&payload).to_string().as_bytes()).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&again.event).unwrap(), event());
            assert_eq!((again.records, again.topics), (2, vec!["uploads".to_owned()]));
            assert_eq!(again.function.as_deref(), Some("stack-tower-persister"));
            assert_eq!(again.why.as_deref(), Some("RetryAttemptsExhausted"));
        }
    }

    #[test]
    fn a_rejected_record_is_the_record_that_it_was() {
        let document = json!({
            "topic": "a-b", "partition": 3, "offset": 9, "timestamp": 1_700_000_000_000_i64, "key": "aw==", "value": "e30=",
            "rawValue": null, "headers": [{"h": STANDARD.encode([104, 195, 171])}], "requestId": "r", "kind": "Message",
            "reason": "why",
        });
        let again = Again::read(document.to_string().as_bytes()).unwrap();
        let record = Event::parse(&again.event).unwrap().records.remove(0);
        assert_eq!((record.partition_key.as_str(), record.offset), ("a-b-3", 9));
        assert_eq!(record.timestamp, Some(1_700_000_000_000));
        assert_eq!((record.key, record.value), (Some(b"k".to_vec()), Payload::Bytes(b"{}".to_vec())));
        assert_eq!(record.headers, [("h".to_owned(), "hë".as_bytes().to_vec())]);
        assert_eq!((again.function, again.why.as_deref()), (None, Some("Message")));
    }

    #[test]
    fn tombstones_and_what_is_no_base64_stay_what_they_were() {
        let rejected = |raw: Value| json!({"topic": "t", "partition": 0, "offset": 1, "timestamp": null, "rawValue": raw, "kind": "Message"});
        let value = |raw: Value| {
            let again = Again::read(rejected(raw).to_string().as_bytes()).unwrap();
            Event::parse(&again.event).unwrap().records.remove(0).value
        };
        assert_eq!(value(Value::Null), Payload::Tombstone);
        assert_eq!(value("\"%%\"".into()), Payload::NotBase64("\"%%\"".into()));
    }

    #[test]
    fn what_cannot_be_handed_over_says_why() {
        let error = |document: &str| Again::read(document.as_bytes()).unwrap_err().to_string();
        assert!(error(&given_up(&Value::Null).to_string()).starts_with("the batch is not in it"));
        assert!(error("{}").contains("missing field `topic`"), "{}", error("{}"));
        assert!(error("no JSON").contains("neither a batch"));
        assert!(error(&given_up(&json!({"eventSource": "aws:s3"})).to_string()).contains("neither a batch"));
    }
}
