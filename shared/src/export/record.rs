//! What an export leaves on record: a row, and an event.

use super::ExportError;
use super::consumer::Found;
use super::exports::{By, Exported, Place};
use super::request::{Format, Request};
use crate::db::{DbError, Session};
use crate::failure::{Chain, Classified, brief};
use crate::kafka::Record;
use crate::outbox::{self, Change, Event, Subject};
use serde_json::json;
use time::PrimitiveDateTime;
use tokio_postgres::GenericClient;
use tokio_postgres::types::{ToSql, Type};

/// Longest error that is kept, in bytes. It may quote what came with the request.
const MAX_ERROR: usize = 2_000;

/// Longest uuid of a consumer that is kept, in bytes: 255 with the two dots that say that it was cut.
const MAX_UUID: usize = 253;

/// Which record an export is for.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    topic: String,
    partition: i32,
    offset: i64,
    record_time: PrimitiveDateTime,
    pub subject: Subject,
}

impl Origin {
    pub fn new(record: &Record, subject: Subject) -> Self {
        let Record { topic, partition, offset, .. } = record;
        Self { topic: topic.clone(), partition: *partition, offset: *offset, record_time: record.time(), subject }
    }
}

/// Whether the record was exported before: then what it did is done, whatever became of the answer.
pub(super) async fn done_before(client: &impl GenericClient, origin: &Origin) -> Result<bool, DbError> {
    let sql = "SELECT FROM exports
               WHERE (topic, kafka_partition, kafka_offset, record_time) = ($1, $2, $3, $4) AND outcome = 'exported'";
    let values: [(&(dyn ToSql + Sync), Type); 4] = [
        (&origin.topic, Type::TEXT),
        (&origin.partition, Type::INT4),
        (&origin.offset, Type::INT8),
        (&origin.record_time, Type::TIMESTAMP),
    ];
    Ok(client.query_typed_opt(sql, &values).await?.is_some())
}

/// What the platform is told of a record that had been exported before.
pub(super) const ALREADY_EXPORTED: &str = "the record had been exported before";

/// A row to be.
#[derive(Default)]
struct Ending<'a> {
    owner: Option<&'a str>,
    consumer: &'a str,
    format: Format,
    exported: Option<&'a Exported>,
    error: Option<(&'static str, String)>,
}

/// Tells of an export that is there: its row and its event, or neither.
pub(super) async fn write_export(
    session: &mut Session,
    found: &Found,
    exported: &Exported,
    by: &By<'_>,
    origin: Option<&Origin>,
    times: [PrimitiveDateTime; 2],
) -> Result<(), ExportError> {
    session.begin();
    let transaction = session.transaction().await?;
    let ending = Ending {
        owner: Some(&found.owner_id),
        consumer: &found.uuid,
        format: exported.format,
        exported: Some(exported),
        error: None,
    };
    // Nothing is told twice, where the same record was with another function meanwhile.
    let is_first = write_row(&transaction, &ending, by, origin, times).await?;
    if is_first {
        let data = json!({
            "location": location(exported), "entitlements": exported.entitlements, "format": exported.format.name(),
            "sha256": exported.sha256,
        });
        let context = outbox::Context {
            key: format!("owner/{}", found.owner_key),
            principal: by.principal,
            request_id: by.request_id,
            trace: by.trace,
            now: times[1],
        };
        let event = Event::new(Change::Created, "EXPORT", &found.name, &found.uuid, data);
        outbox::write(&transaction, &context, &[event]).await?;
    }
    if let Some(origin) = origin {
        let told = if is_first { "manifest exported" } else { ALREADY_EXPORTED };
        origin.subject.succeeded(&transaction, told, times[1]).await?;
    }
    transaction.commit().await?;
    session.done();
    Ok(())
}

/// Leaves a failure on record, unless the record was exported before: the answer to the COMMIT may be what was lost. Then
/// returns true.
pub(super) async fn write_failure(
    client: &impl GenericClient,
    request: &Request,
    error: &ExportError,
    by: &By<'_>,
    origin: Option<&Origin>,
    times: [PrimitiveDateTime; 2],
) -> Result<bool, DbError> {
    let text = brief(&Chain(error).to_string(), MAX_ERROR);
    let consumer = brief(&request.consumer, MAX_UUID);
    let ending =
        Ending { consumer: &consumer, format: request.format, error: Some((error.kind(), text)), ..Ending::default() };
    let is_written = write_row(client, &ending, by, origin, times).await?;
    if let Some(origin) = origin.filter(|_| !is_written) {
        origin.subject.succeeded(client, ALREADY_EXPORTED, times[1]).await?;
    }
    Ok(!is_written)
}

/// Returns whether the row was written: one of an export is never replaced.
async fn write_row(
    client: &impl GenericClient,
    ending: &Ending<'_>,
    by: &By<'_>,
    origin: Option<&Origin>,
    [started_at, finished_at]: [PrimitiveDateTime; 2],
) -> Result<bool, DbError> {
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let (kind, error) = ending.error.as_ref().map(|(kind, text)| (*kind, text.as_str())).unzip();
    let exported = ending.exported;
    let values: [(&(dyn ToSql + Sync), Type); 18] = [
        (&origin.map(|origin| &origin.topic), Type::TEXT),
        (&origin.map(|origin| origin.partition), Type::INT4),
        (&origin.map(|origin| origin.offset), Type::INT8),
        (&origin.map(|origin| origin.record_time), Type::TIMESTAMP),
        (&ending.owner, Type::TEXT),
        (&ending.consumer, Type::TEXT),
        (&by.request_id, Type::TEXT),
        (&by.principal, Type::TEXT),
        (&started_at, Type::TIMESTAMP),
        (&finished_at, Type::TIMESTAMP),
        (&if exported.is_some() { "exported" } else { "failed" }, Type::TEXT),
        (&ending.format.name(), Type::TEXT),
        (&exported.and_then(location), Type::TEXT),
        (&exported.map(|exported| count(exported.bytes)), Type::INT8),
        (&exported.map(|exported| &exported.sha256), Type::TEXT),
        (&exported.map(|exported| count(exported.entitlements)), Type::INT8),
        (&kind, Type::TEXT),
        (&error, Type::TEXT),
    ];
    Ok(client.execute_typed(include_str!("sql/write_export.sql"), &values).await? > 0)
}

fn location(exported: &Exported) -> Option<&str> {
    match &exported.place {
        Place::Stored { location, .. } => Some(location),
        Place::AtOnce { .. } => None,
    }
}
