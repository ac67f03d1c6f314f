//! What an import leaves on record: a row of ours, and the owner's history as Candlepin keeps it.

use super::globals::new_id;
use super::outcome::RECORD_IMPORTED;
use super::owner;
use super::unload::Counts;
use super::upstream::Upstream;
use crate::db::{DbError, Session};
use crate::failure::brief;
use crate::kafka::Record;
use crate::manifest::model::{Consumer, Meta};
use crate::outbox::Subject;
use crate::trace::TraceParent;
use crate::warnings::Warnings;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use time::PrimitiveDateTime;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{GenericClient, Transaction};

/// Longest error that is kept, in bytes. It may quote what came with the manifest.
const MAX_ERROR: usize = 2_000;

/// Longest status message, in bytes: 255 with the two dots that say that it was cut.
const MAX_MESSAGE: usize = 253;

/// How an import ended, as the history keeps it: `cp_import_record.status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    Success = 0,
    Failure = 1,
    #[serde(rename = "DELETE")]
    Undone = 2,
    SuccessWithWarning = 3,
}

impl Status {
    /// What a number of the table means.
    pub fn of(number: i32) -> Option<Self> {
        let all = [Self::Success, Self::Failure, Self::Undone, Self::SuccessWithWarning];
        all.into_iter().find(|status| *status as i32 == number)
    }
}

/// Numbers by the kind of object.
pub type Stats = BTreeMap<&'static str, Counts>;

/// Seconds spent in each phase.
pub(super) type Phases = BTreeMap<&'static str, f64>;

/// Which record an import is for, and when it began.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub record_time: PrimitiveDateTime,
    pub request_id: String,
    pub trace: Option<TraceParent>,
    pub file_name: Option<String>,
    pub started_at: PrimitiveDateTime,
    pub subject: Subject,
}

impl Origin {
    pub fn new(
        record: &Record,
        subject: Subject,
        request_id: Option<&str>,
        file_name: Option<&str>,
        now: PrimitiveDateTime,
    ) -> Self {
        Self {
            topic: record.topic.clone(),
            partition: record.partition,
            offset: record.offset,
            record_time: record.time(),
            request_id: request_id.unwrap_or_default().into(),
            trace: TraceParent::of_record(record),
            file_name: file_name.map(Into::into),
            started_at: now,
            subject,
        }
    }

    /// Its coordinates, as `$1` to `$4`.
    fn coordinates(&self) -> [(&(dyn ToSql + Sync), Type); 4] {
        [
            (&self.topic, Type::TEXT),
            (&self.partition, Type::INT4),
            (&self.offset, Type::INT8),
            (&self.record_time, Type::TIMESTAMP),
        ]
    }
}

/// What is known of a manifest, so far as it could be read.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    pub sha256: Option<String>,
    pub archive_bytes: Option<u64>,
    pub expanded_bytes: Option<u64>,
    pub entries: Option<u64>,
    pub signed_by: Option<String>,
    pub meta: Option<Meta>,
    pub consumer: Option<Consumer>,
}

/// How it ended, with everything that a person would ask about it.
#[derive(Debug, Default)]
pub(super) struct Ending<'a> {
    pub outcome: &'static str,
    pub record: Option<&'a str>,
    pub stats: Stats,
    pub warnings: Warnings,
    /// Conflicts: those that were forced, or those that it failed for.
    pub conflicts: Vec<&'static str>,
    pub phases: Phases,
    pub error: Option<(&'static str, String)>,
}

/// Whether the record was imported before: then what it did is done, whatever became of the answer.
pub(super) async fn done_before(client: &impl GenericClient, origin: &Origin) -> Result<bool, DbError> {
    let sql = "SELECT FROM imports
               WHERE (topic, kafka_partition, kafka_offset, record_time) = ($1, $2, $3, $4) AND outcome <> 'failed'";
    Ok(client.query_typed_opt(sql, &origin.coordinates()).await?.is_some())
}

/// The row of one import. A record that is delivered again after a failure keeps its row.
pub(super) async fn write_import(
    client: &impl GenericClient,
    origin: &Origin,
    owner: Option<&str>,
    seen: &Seen,
    ending: &Ending<'_>,
    finished_at: PrimitiveDateTime,
) -> Result<(), DbError> {
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let (kind, error) = ending.error.as_ref().map(|(kind, text)| (*kind, text.as_str())).unzip();
    let upstream_uuid = seen.consumer.as_ref().map(|consumer| brief(&consumer.uuid, MAX_MESSAGE));
    let values: [(&(dyn ToSql + Sync), Type); 24] = [
        (&origin.topic, Type::TEXT),
        (&origin.partition, Type::INT4),
        (&origin.offset, Type::INT8),
        (&origin.record_time, Type::TIMESTAMP),
        (&owner, Type::TEXT),
        (&origin.request_id, Type::TEXT),
        (&origin.started_at, Type::TIMESTAMP),
        (&finished_at, Type::TIMESTAMP),
        (&ending.outcome, Type::TEXT),
        (&ending.record, Type::TEXT),
        (&upstream_uuid, Type::TEXT),
        (&seen.meta.as_ref().map(|meta| meta.created.0), Type::TIMESTAMP),
        (&seen.signed_by, Type::TEXT),
        (&seen.sha256, Type::TEXT),
        (&seen.archive_bytes.map(count), Type::INT8),
        (&seen.expanded_bytes.map(count), Type::INT8),
        (&seen.entries.map(count), Type::INT8),
        (&json!(ending.stats), Type::JSONB),
        (&json!(ending.warnings.first), Type::JSONB),
        (&count(ending.warnings.count), Type::INT8),
        (&ending.conflicts, Type::TEXT_ARRAY),
        (&json!(ending.phases), Type::JSONB),
        (&kind, Type::TEXT),
        (&error, Type::TEXT),
    ];
    client.execute_typed(include_str!("write_import.sql"), &values).await?;
    Ok(())
}

/// An entry of an owner's history.
pub(super) struct Entry<'a> {
    pub owner: &'a str,
    pub status: Status,
    pub message: &'a str,
    pub generated_by: Option<&'a str>,
    pub generated_date: Option<PrimitiveDateTime>,
    pub file_name: Option<&'a str>,
    /// Whose manifest it was; a snapshot is kept.
    pub upstream: Option<&'a Upstream>,
    pub now: PrimitiveDateTime,
}

impl<'a> Entry<'a> {
    /// Of a manifest; how it ended is still to be said.
    pub fn of(origin: &'a Origin, seen: &'a Seen, owner: &'a str, now: PrimitiveDateTime) -> Self {
        Self {
            owner,
            status: Status::Failure,
            message: "",
            generated_by: seen.meta.as_ref().and_then(|meta| meta.principal_name.as_deref()),
            generated_date: seen.meta.as_ref().map(|meta| meta.created.0),
            file_name: origin.file_name.as_deref(),
            upstream: None,
            now,
        }
    }

    /// Writes it, and returns its id.
    pub async fn write(&self, client: &impl GenericClient) -> Result<String, DbError> {
        let id = new_id();
        let snapshot = match self.upstream {
            Some(upstream) => {
                self.write_snapshot(client, &id, upstream).await?;
                Some(&id)
            }
            None => None,
        };
        let sql = "INSERT INTO cp_import_record
                     (id, owner_id, status, statusmessage, generated_by, generated_date, file_name, upstream_id, created,
                      updated)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)";
        let values: [(&(dyn ToSql + Sync), Type); 9] = [
            (&id, Type::TEXT),
            (&self.owner, Type::TEXT),
            (&(self.status as i32), Type::INT4),
            (&brief(self.message, MAX_MESSAGE), Type::TEXT),
            (&self.generated_by.map(|name| brief(name, MAX_MESSAGE)), Type::TEXT),
            (&self.generated_date, Type::TIMESTAMP),
            (&self.file_name, Type::TEXT),
            (&snapshot, Type::TEXT),
            (&self.now, Type::TIMESTAMP),
        ];
        client.execute_typed(sql, &values).await?;
        Ok(id)
    }

    /// Whose manifest it was, without certificate and key.
    async fn write_snapshot(&self, client: &impl GenericClient, id: &str, upstream: &Upstream) -> Result<(), DbError> {
        // Another owner's import may be about to remove the type: locked, it stays, or is not found.
        let sql = "INSERT INTO cp_import_upstream_consumer
                     (id, uuid, name, owner_id, type_id, type_label, prefix_url_web, prefix_url_api, content_access_mode,
                      created, updated)
                   SELECT $1, $2, $3, $4, (SELECT id FROM cp_consumer_type WHERE label = $5 FOR KEY SHARE), $5, $6, $7,
                          $8, $9, $9";
        let cut = |text: &str| brief(text, MAX_MESSAGE);
        let values: [(&(dyn ToSql + Sync), Type); 9] = [
            (&id, Type::TEXT),
            (&cut(&upstream.uuid), Type::TEXT),
            (&cut(&upstream.name), Type::TEXT),
            (&self.owner, Type::TEXT),
            (&cut(&upstream.type_label), Type::TEXT),
            (&upstream.url_web.as_deref().map(cut), Type::TEXT),
            (&upstream.url_api.as_deref().map(cut), Type::TEXT),
            (&upstream.content_access_mode.as_deref().map(cut), Type::TEXT),
            (&self.now, Type::TIMESTAMP),
        ];
        client.execute_typed(sql, &values).await?;
        Ok(())
    }
}

/// Keeps the newest `records` entries of an owner's history.
pub(super) async fn clean_up(transaction: &Transaction<'_>, owner: &str, records: u32) -> Result<(), DbError> {
    let sql = "WITH gone AS (
                 DELETE FROM cp_import_record WHERE id IN (
                   SELECT id FROM cp_import_record WHERE owner_id = $1 ORDER BY seq DESC OFFSET $2
                 ) RETURNING upstream_id
               )
               SELECT upstream_id FROM gone WHERE upstream_id IS NOT NULL";
    let rows = transaction.query_typed(sql, &[(&owner, Type::TEXT), (&i64::from(records), Type::INT8)]).await?;
    let snapshots: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let sql = "DELETE FROM cp_import_upstream_consumer WHERE id = ANY($1)";
    transaction.execute_typed(sql, &[(&snapshots, Type::TEXT_ARRAY)]).await?;
    Ok(())
}

/// A failure, as it is left on record.
pub(super) struct FailureNote<'a> {
    pub kind: &'static str,
    pub text: String,
    pub is_transient: bool,
    pub conflicts: Vec<&'static str>,
    /// In whose history it goes, where that is known.
    pub owner: Option<&'a str>,
    pub upstream: Option<&'a Upstream>,
    pub records: u32,
}

/// Leaves a failure on record, unless the record was imported before: the answer to the COMMIT may be what was lost. Then
/// returns true.
///
/// The owner's history gets one entry a record, and none for what will be tried again.
pub(super) async fn write_failure(
    session: &mut Session,
    origin: &Origin,
    seen: &Seen,
    note: FailureNote<'_>,
    now: PrimitiveDateTime,
) -> Result<bool, DbError> {
    session.begin();
    let transaction = session.transaction().await?;
    let owner = note.owner.filter(|_| !note.is_transient);
    if let Some(owner) = owner {
        // In turn with whoever else writes its history: the same record may be with another function.
        owner::lock(&transaction, owner).await?;
    }
    let sql = "SELECT outcome, import_record_id FROM imports
               WHERE (topic, kafka_partition, kafka_offset, record_time) = ($1, $2, $3, $4)";
    let row = transaction.query_typed_opt(sql, &origin.coordinates()).await?;
    if row.as_ref().is_some_and(|row| row.get::<_, &str>(0) != "failed") {
        origin.subject.succeeded(&transaction, RECORD_IMPORTED, now).await?;
        transaction.commit().await?;
        session.done();
        return Ok(true);
    }
    let mut record: Option<String> = row.and_then(|row| row.get(1));
    if let (Some(owner), None) = (owner, &record) {
        let entry = Entry {
            status: Status::Failure,
            message: &note.text,
            upstream: note.upstream,
            ..Entry::of(origin, seen, owner, now)
        };
        record = Some(entry.write(&transaction).await?);
        clean_up(&transaction, owner, note.records).await?;
    }
    let ending = Ending {
        outcome: "failed",
        record: record.as_deref(),
        conflicts: note.conflicts,
        error: Some((note.kind, brief(&note.text, MAX_ERROR))),
        ..Ending::default()
    };
    write_import(&transaction, origin, note.owner, seen, &ending, now).await?;
    transaction.commit().await?;
    session.done();
    Ok(false)
}

/// Adds a phase's duration.
pub(super) fn phase(phases: &mut Phases, name: &'static str, duration: Duration) {
    *phases.entry(name).or_default() += (duration.as_secs_f64() * 1e6).round() / 1e6;
}
