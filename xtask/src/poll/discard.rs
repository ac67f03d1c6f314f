//! The failure destination: what was given up, in the shape in which Lambda writes it to S3.

use std::{
    io::stdout,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, macros::format_description};
use uuid::Uuid;

use super::{answer::Answer, batch::Frame, policy::Work};
use crate::progress::write_line;

/// Where given up batches go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Nowhere: they are dropped.
    Nowhere,
    /// A file each, in a folder.
    Folder(PathBuf),
    /// A line each, to stdout.
    Stdout,
}

/// Why they were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// They failed once more than they may be tried again.
    RetryAttemptsExhausted,
    /// They waited too long.
    RecordAgeExceeded,
    /// A record is larger than an event may be.
    MaximumPayloadSizeExceeded,
}

impl Condition {
    /// As Lambda writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Self::RecordAgeExceeded => "RecordAgeExceeded",
            Self::MaximumPayloadSizeExceeded => "MaximumPayloadSizeExceeded",
        }
    }
}

/// A batch that was given up.
#[derive(Debug, Clone, Copy)]
pub struct Discarded<'a> {
    /// The function that did not do it.
    pub function: &'a str,
    /// Its partition.
    pub frame: &'a Frame,
    /// Its records.
    pub work: &'a Work,
    /// Why.
    pub condition: Condition,
    /// What the function said last, if it was asked at all.
    pub answer: Option<&'a Answer>,
    /// When.
    pub at: OffsetDateTime,
}

impl Discarded<'_> {
    /// The document: what failed and how, and the whole event as a string.
    pub fn to_json(self) -> Value {
        let records = &self.work.records;
        let mut range = Map::new();
        for (record, place) in [(records.first(), "first"), (records.last(), "last")] {
            let offset = record.map(|record| record.offset.to_string());
            let written = record.and_then(|record| record.timestamp).and_then(moment);
            range.insert(format!("{place}RecordOffset"), json!(offset));
            range.insert(format!("{place}RecordTimestamp"), json!(written));
        }
        let event = self.frame.event(records);
        json!({
            "requestContext": {
                "requestId": Uuid::new_v4().to_string(),
                "functionArn": format!("arn:aws:lambda:local:000000000000:function:{}", self.function),
                "condition": self.condition.as_str(),
                "approximateInvokeCount": self.work.invocations,
            },
            "responseContext": self.answer.map(|answer| json!({
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": answer.function_error,
            })),
            "version": "1.0",
            "timestamp": shown(self.at),
            "KafkaBatchInfo": {
                "batchSize": records.len(),
                "bootstrapServers": self.frame.servers(),
                "payloadSize": event.len(),
                "recordsInfo": { self.frame.partition_key(): range },
            },
            "payload": String::from_utf8_lossy(&event),
        })
    }

    /// A name that sorts by partition and offset, and that a second batch of the same records does not have.
    fn file_name(self) -> String {
        let offset = |record: Option<&super::batch::Polled>| record.map_or(0, |record| record.offset);
        let (first, last) = (offset(self.work.records.first()), offset(self.work.records.last()));
        let millis = self.at.unix_timestamp_nanos() / 1_000_000;
        format!("{}.{first:020}-{last:020}.{millis}.json", self.frame.partition_key())
    }
}

impl Destination {
    /// Takes a batch for good, and says where it is.
    ///
    /// # Errors
    /// It could not be written: it is not to be lost, so it is not done.
    pub async fn take(&self, batch: Discarded<'_>) -> Result<String> {
        match self {
            Self::Nowhere => Ok("dropped".to_owned()),
            Self::Stdout => {
                write_line(stdout(), &batch.to_json().to_string());
                Ok("printed".to_owned())
            }
            Self::Folder(folder) => {
                let path = folder.join(batch.file_name());
                let document = format!("{:#}\n", batch.to_json());
                write(&path, &document).await.with_context(|| format!("cannot write {}", path.display()))?;
                Ok(format!("now in {}", path.display()))
            }
        }
    }
}

/// Whole or not at all: somebody may be watching the folder.
async fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    tokio::fs::write(&unfinished, text).await?;
    tokio::fs::rename(&unfinished, path).await
}

fn moment(millis: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok().map(shown)
}

fn shown(moment: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    moment.format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use event_publisher::krafka::consumer::ConsumerRecord;

    use super::*;
    use crate::poll::batch::Polled;

    fn work() -> Work {
        let polled = |offset: i64| {
            let mut record = ConsumerRecord::new("orders", 2, offset, None, Some("{}".into()));
            record.timestamp = 1_700_000_000_000 + offset;
            Polled::of(&record)
        };
        Work { records: vec![polled(5), polled(9)], retries: 2, invocations: 3 }
    }

    #[tokio::test]
    async fn a_file_holds_what_lambda_writes_to_s3() {
        let (folder, frame, work) = (tempfile::tempdir().unwrap(), Frame::new("b:9092", "orders", 2), work());
        let answer = Answer { status: 500, function_error: Some("Unhandled".to_owned()), ..Answer::default() };
        let at = OffsetDateTime::from_unix_timestamp(1_700_000_100).unwrap();
        let condition = Condition::RetryAttemptsExhausted;
        let batch = Discarded { function: "f", frame: &frame, work: &work, condition, answer: Some(&answer), at };
        let folder = folder.path().join("made");
        Destination::Folder(folder.clone()).take(batch).await.unwrap();
        let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["orders-2.00000000000000000005-00000000000000000009.1700000100000.json"]);
        let mut document: Value = serde_json::from_slice(&std::fs::read(folder.join(&names[0])).unwrap()).unwrap();
        let event: Value = serde_json::from_str(document["payload"].take().as_str().unwrap()).unwrap();
        assert_eq!(event["records"]["orders-2"][1]["offset"], 9);
        assert!(document["requestContext"]["requestId"].take().is_string());
        let expected = json!({
            "requestContext": {
                "requestId": null,
                "functionArn": "arn:aws:lambda:local:000000000000:function:f",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 3,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": "2023-11-14T22:15:00.000Z",
            "KafkaBatchInfo": {
                "batchSize": 2,
                "bootstrapServers": "b:9092",
                "payloadSize": frame.event(&work.records).len(),
                "recordsInfo": {"orders-2": {
                    "firstRecordOffset": "5",
                    "firstRecordTimestamp": "2023-11-14T22:13:20.005Z",
                    "lastRecordOffset": "9",
                    "lastRecordTimestamp": "2023-11-14T22:13:20.009Z",
                }},
            },
            "payload": null,
        });
        assert_eq!(document, expected);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_not_taken() {
        let (file, frame, work) = (tempfile::NamedTempFile::new().unwrap(), Frame::new("b", "orders", 2), work());
        let (condition, at) = (Condition::RecordAgeExceeded, OffsetDateTime::UNIX_EPOCH);
        let batch = Discarded { function: "f", frame: &frame, work: &work, condition, answer: None, at };
        let taken = Destination::Folder(file.path().join("below a file")).take(batch).await;
        assert!(taken.is_err());
    }
}
