//! Records that can never succeed: a row that says why, and the record itself where the setting says.

use super::{Payload, Record};
use crate::aws::S3Prefix;
use crate::clock::Clock;
use crate::db::{DbError, Pool};
use crate::failure::{Chain, Classified, Failure, brief};
use crate::kafka::event::BASE64;
use crate::outbox::Subject;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use std::str::FromStr;
use tokio_postgres::types::Type;

/// Longest reason that is kept, in bytes. It may quote what came with the record.
const MAX_REASON: usize = 2_000;

/// Where rejected records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RejectionTarget {
    /// Only the row in `rejected_records` is kept.
    None,
    /// An S3 prefix: one object a record, named by its coordinates, so that a redelivery overwrites its own.
    S3(S3Prefix),
    /// An SQS queue, by its URL.
    Sqs {
        /// `https://sqs.<region>.amazonaws.com/<account>/<name>`
        queue_url: String,
    },
}

impl FromStr for RejectionTarget {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self::None);
        }
        if let Ok(place) = text.parse() {
            return Ok(Self::S3(place));
        }
        if text.starts_with("https://sqs.") {
            return Ok(Self::Sqs { queue_url: text.into() });
        }
        Err("expected s3://bucket/prefix, the URL of an SQS queue, or none")
    }
}

/// A rejected record that could be written neither to the table nor to the target.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RejectError {
    /// The row could not be written.
    #[error("cannot write the rejected record's row")]
    Row(#[from] DbError),
    /// The target did not take the record. The text never holds the record.
    #[error("cannot write the record to the rejection target: {0}")]
    Target(String),
}

impl Classified for RejectError {
    fn kind(&self) -> &'static str {
        "Rejection"
    }
    fn is_transient(&self) -> bool {
        true
    }
}

/// Keeps rejected records.
#[derive(Debug, Clone)]
pub struct Rejections {
    target: RejectionTarget,
    pool: Pool,
    s3: aws_sdk_s3::Client,
    sqs: aws_sdk_sqs::Client,
    clock: Clock,
}

impl Rejections {
    /// `aws` makes the clients of S3 and SQS; they connect when first used.
    pub fn new(target: RejectionTarget, pool: Pool, aws: &crate::aws::Aws, clock: Clock) -> Self {
        Self { target, pool, s3: aws.s3(), sqs: aws.sqs(), clock }
    }

    /// Keeps `record`: its row, with which the platform is told of `subject`, and the record itself. Either is enough, so that a full disk or a missing
    /// permission alone does not block a partition.
    ///
    /// # Errors
    /// When neither could be written.
    pub async fn keep(
        &self,
        record: &Record,
        request_id: Option<&str>,
        why: &Failure,
        subject: &Subject,
    ) -> Result<(), RejectError> {
        let sent = self.send(record, request_id, why).await;
        if let Err(error) = &sent {
            tracing::warn!(error = %Chain(error), "the rejected record did not reach its target");
        }
        let kept_at = sent.as_ref().ok().and_then(Option::as_deref);
        let written = self.write_row(record, request_id, why, kept_at, subject).await;
        match (written, sent) {
            (Ok(()), _) => Ok(()),
            (Err(error), Ok(Some(_))) => {
                tracing::warn!(error = %Chain(&error), "the rejected record is kept, its row is not");
                Ok(())
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    async fn write_row(
        &self,
        record: &Record,
        request_id: Option<&str>,
        why: &Failure,
        kept_at: Option<&str>,
        subject: &Subject,
    ) -> Result<(), DbError> {
        let now = self.clock.timestamp();
        let mut session = self.pool.get().await?;
        session.begin();
        let transaction = session.transaction().await?;
        transaction
            .execute_typed(
                "INSERT INTO rejected_records
                   (topic, kafka_partition, kafka_offset, record_time, request_id, kind, reason, kept_at, rejected_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                 ON CONFLICT (topic, kafka_partition, kafka_offset, record_time) DO UPDATE
                   SET kind = excluded.kind, reason = excluded.reason, kept_at = excluded.kept_at",
                &[
                    (&record.topic, Type::TEXT),
                    (&record.partition, Type::INT4),
                    (&record.offset, Type::INT8),
                    (&record.time(), Type::TIMESTAMP),
                    (&request_id.unwrap_or_default(), Type::TEXT),
                    (&why.kind(), Type::TEXT),
                    (&brief(&why.to_string(), MAX_REASON), Type::TEXT),
                    (&kept_at, Type::TEXT),
                    (&now, Type::TIMESTAMP),
                ],
            )
            .await?;
        subject.failed(&transaction, why, now).await?;
        transaction.commit().await?;
        session.done();
        Ok(())
    }

    /// Returns where the record went.
    async fn send(
        &self,
        record: &Record,
        request_id: Option<&str>,
        why: &Failure,
    ) -> Result<Option<String>, RejectError> {
        match &self.target {
            RejectionTarget::None => Ok(None),
            RejectionTarget::S3(place) => {
                let Record { topic, partition, offset, .. } = record;
                // With its time: a topic that was made again counts its offsets from 0.
                let time = record.timestamp.unwrap_or(0);
                // Padded, so that the order of the keys is that of the records.
                let key = place.key(&format!("{topic}/{partition:010}/{offset:020}-{time}.json"));
                let bucket = &place.bucket;
                let body = ByteStream::from(document(record, request_id, why).into_bytes());
                let put = self.s3.put_object().bucket(bucket).key(&key).content_type("application/json").body(body);
                put.send().await.map_err(|error| RejectError::Target(Chain(&error).to_string()))?;
                Ok(Some(format!("s3://{bucket}/{key}")))
            }
            RejectionTarget::Sqs { queue_url } => {
                let body = document(record, request_id, why);
                let send = self.sqs.send_message().queue_url(queue_url).message_body(body);
                send.send().await.map_err(|error| RejectError::Target(Chain(&error).to_string()))?;
                Ok(Some(queue_url.clone()))
            }
        }
    }
}

/// The record as the target keeps it: everything that is needed to produce it again, and why it is here.
fn document(record: &Record, request_id: Option<&str>, why: &Failure) -> String {
    let value = match &record.value {
        Payload::Bytes(bytes) => Some(BASE64.encode(bytes)),
        Payload::Tombstone | Payload::NotBase64(_) => None,
    };
    let raw_value = match &record.value {
        Payload::NotBase64(json) => Some(json),
        _ => None,
    };
    let headers: Vec<_> =
        record.headers.iter().map(|(name, value)| serde_json::json!({ name: BASE64.encode(value) })).collect();
    serde_json::json!({
        "topic": record.topic, "partition": record.partition, "offset": record.offset, "timestamp": record.timestamp,
        "key": record.key.as_ref().map(|key| BASE64.encode(key)), "value": value, "rawValue": raw_value, "headers": headers,
        "requestId": request_id, "kind": why.kind(), "reason": why.to_string(),
    })
    .to_string()
}
