//! What every message says of the archive that it announces.

use super::{Claim, Fields, MessageError, Sender};
use crate::failure::brief;
use crate::kafka::Record;
use std::time::Duration;
use time::OffsetDateTime;

/// How far the clocks of producers may be ahead.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// The header that carries the correlation id.
const REQUEST_ID: &str = "x-rh-insights-request-id";

/// Longest correlation id that is kept, in bytes. It stands in every line, row and event.
const MAX_REQUEST_ID: usize = 200;

/// An announced archive: where it is, and who says so.
pub struct Announcement {
    /// Where it is: `https://` or `s3://`. May be presigned, so it is a secret.
    pub url: String,
    /// Its bytes as uploaded.
    pub size: Option<u64>,
    /// The correlation id.
    pub request_id: Option<String>,
    /// When it was requested or uploaded, as the producer or else Kafka has it.
    pub age: Option<OffsetDateTime>,
    /// Whom the identity names.
    pub identity: Claim,
    /// Whom the message itself names.
    pub claim: Claim,
    /// The identity as it came.
    pub(crate) forwarded_identity: Option<String>,
}

impl std::fmt::Debug for Announcement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may be presigned, and the identity is nobody's business.
        f.debug_struct("Announcement").field("size", &self.size).field("age", &self.age).finish_non_exhaustive()
    }
}

impl Announcement {
    /// Reads the ingress form, the Upload Service's.
    pub(crate) fn ingress(fields: &Fields, record: &Record) -> Result<Self, MessageError> {
        Self::read(fields, record, "url", "timestamp", Sender::of(fields, record)?)
    }

    /// Reads the persister form: only headers say whose the archive is.
    pub(crate) fn persister(fields: &Fields, record: &Record) -> Result<Self, MessageError> {
        Self::read(fields, record, "data_url", "refresh_request_at", Sender::of_header(record)?)
    }

    fn read(
        fields: &Fields,
        record: &Record,
        url: &'static str,
        age: &'static str,
        sender: Sender,
    ) -> Result<Self, MessageError> {
        Ok(Self {
            url: fields.required_text(url)?,
            size: fields.size("size")?,
            request_id: request_id(fields.text("request_id")?, record),
            age: fields.time(age)?.or_else(|| kafka_time(record)),
            identity: sender.identity,
            claim: sender.claim,
            forwarded_identity: sender.forwarded,
        })
    }

    /// When the archive was uploaded. A time in the future would keep all later archives out: then it is Kafka's time of
    /// the record, if that is any better.
    pub fn credible_age(&self, record: &Record, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let age = self.age?;
        if age <= now + CLOCK_SKEW {
            return Some(age);
        }
        tracing::warn!(%age, "the message's time lies in the future; Kafka's time of the record is taken instead");
        // Where Kafka has none it is now, never 1970: that would supersede an archive that nobody has applied.
        let by_kafka = record.timestamp.map_or(now, |_| record.time().assume_utc());
        Some(by_kafka.min(now))
    }
}

/// The correlation id of a record, so far as it can be read.
pub(crate) fn request_id_of(record: &Record) -> Option<String> {
    let own = Fields::of(record).and_then(|fields| fields.text("request_id"));
    request_id(own.ok().flatten(), record)
}

/// The message's own, else the header's.
fn request_id(own: Option<String>, record: &Record) -> Option<String> {
    own.or_else(|| header(record, REQUEST_ID)).map(|text| brief(&text, MAX_REQUEST_ID))
}

pub(super) fn header(record: &Record, name: &str) -> Option<String> {
    record.header(name).filter(|value| !value.is_empty()).map(Into::into)
}

/// When the message says nothing, Kafka's own time of the record.
fn kafka_time(record: &Record) -> Option<OffsetDateTime> {
    let millis = record.timestamp.map(i128::from)?;
    OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000).ok()
}
