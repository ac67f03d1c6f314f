//! What a refresh leaves on record: the source's state, a row of its own, an event.

use super::Table;
use super::merge::{Stats, TableStats};
use super::refresh::ALREADY_APPLIED;
use super::report::Report;
use super::resolve::{SourceId, Target};
use super::task::stats_by_key;
use crate::db::{DbError, Session};
use crate::failure::brief;
use crate::kafka::Record;
use crate::outbox::{self, Change, Event, Subject};
use crate::trace::TraceParent;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use time::PrimitiveDateTime;
use tokio_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

/// How the archive was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Full,
    Incremental,
    /// An incremental archive that is older than the last one applied.
    OlderIncremental,
}

impl Mode {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::OlderIncremental => "older incremental",
        }
    }
}

/// Which record a refresh is for, and when it began.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub target: Target,
    pub subject: Subject,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub record_time: PrimitiveDateTime,
    pub request_id: String,
    pub trace: Option<TraceParent>,
    pub requested_at: Option<PrimitiveDateTime>,
    pub started_at: PrimitiveDateTime,
}

impl Origin {
    pub fn new(
        record: &Record,
        target: Target,
        subject: Subject,
        request_id: Option<&str>,
        requested_at: Option<PrimitiveDateTime>,
        started_at: PrimitiveDateTime,
    ) -> Self {
        Self {
            target,
            subject,
            topic: record.topic.clone(),
            partition: record.partition,
            offset: record.offset,
            record_time: record.time(),
            request_id: request_id.unwrap_or_default().into(),
            trace: TraceParent::of_record(record),
            requested_at,
            started_at,
        }
    }
}

/// Longest error that is kept, in bytes. It may quote what came with the archive.
const MAX_ERROR: usize = 2_000;

/// Seconds spent in each phase.
pub(super) type Phases = BTreeMap<&'static str, f64>;

/// Everything that is known of a refresh when it ends.
#[derive(Debug, Default)]
pub(super) struct Ending<'a> {
    pub outcome: &'static str,
    pub mode: Option<Mode>,
    pub sha256: Option<&'a str>,
    pub archive_bytes: Option<u64>,
    pub report: Option<&'a Report>,
    pub stats: Stats,
    pub phases: Phases,
    pub error: Option<(&'static str, String)>,
}

/// The row of one refresh. A record that is delivered again after a failure keeps its row.
pub(super) async fn write_refresh(
    client: &impl tokio_postgres::GenericClient,
    origin: &Origin,
    ending: &Ending<'_>,
    finished_at: PrimitiveDateTime,
) -> Result<(), DbError> {
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let report = ending.report;
    let totals = report.map(|report| &report.totals);
    let (kind, error) = ending.error.as_ref().map(|(kind, text)| (*kind, text.as_str())).unzip();
    let warnings = report.map_or(json!([]), |report| json!(report.warnings.first));
    let values: [(&(dyn ToSql + Sync), Type); 25] = [
        (&origin.target.tenant.0, Type::INT8),
        (&origin.target.source.0, Type::INT8),
        (&origin.request_id, Type::TEXT),
        (&origin.topic, Type::TEXT),
        (&origin.partition, Type::INT4),
        (&origin.offset, Type::INT8),
        (&origin.record_time, Type::TIMESTAMP),
        (&origin.requested_at, Type::TIMESTAMP),
        (&origin.started_at, Type::TIMESTAMP),
        (&finished_at, Type::TIMESTAMP),
        (&ending.outcome, Type::TEXT),
        (&ending.mode.map(Mode::name), Type::TEXT),
        (&ending.sha256, Type::TEXT),
        (&ending.archive_bytes.map(count), Type::INT8),
        (&totals.map(|totals| count(totals.expanded_bytes)), Type::INT8),
        (&totals.map(|totals| count(totals.entries)), Type::INT8),
        (&totals.map(|totals| count(totals.ignored)), Type::INT8),
        (&report.map(|report| count(report.bad_objects())), Type::INT8),
        (&report.map(|report| count(report.ignored_objects())), Type::INT8),
        (&json!(by_table(&ending.stats)), Type::JSONB),
        (&warnings, Type::JSONB),
        (&report.map_or(0, |report| count(report.warnings.count)), Type::INT8),
        (&json!(ending.phases), Type::JSONB),
        (&kind, Type::TEXT),
        (&error, Type::TEXT),
    ];
    client.execute_typed(include_str!("write_refresh.sql"), &values).await?;
    Ok(())
}

fn by_table(stats: &Stats) -> BTreeMap<&'static str, TableStats> {
    stats.iter().map(|(table, done)| (table.name(), *done)).collect()
}

/// What the source's row said before.
#[derive(Debug, Default)]
pub(super) struct Previous {
    pub sha: Option<String>,
    pub applied_at: Option<PrimitiveDateTime>,
}

/// Takes the source's turn: refreshes of one source wait here for each other until they end. Returns what was applied
/// last.
pub(super) async fn claim(transaction: &Transaction<'_>, source: SourceId) -> Result<Previous, DbError> {
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('longshore refresh of source ' || $1::bigint, 0))";
    transaction.query_typed(lock, &[(&source.0, Type::INT8)]).await?;
    let sql = "SELECT previous_sha, last_successful_refresh_at FROM sources WHERE id = $1";
    let row = transaction.query_typed_opt(sql, &[(&source.0, Type::INT8)]).await?;
    Ok(row.map(|row| Previous { sha: row.get(0), applied_at: row.get(1) }).unwrap_or_default())
}

/// Shows that a refresh is under way. Committed before the refresh, so that others see it.
pub(super) async fn mark_resyncing(
    client: &impl tokio_postgres::GenericClient,
    source: SourceId,
    now: PrimitiveDateTime,
) -> Result<(), DbError> {
    let sql = "UPDATE sources SET refresh_state = 'Resyncing', refresh_started_at = $2 WHERE id = $1";
    client.execute_typed(sql, &[(&source.0, Type::INT8), (&now, Type::TIMESTAMP)]).await?;
    Ok(())
}

/// The source's state after an archive that changed what "last applied" means.
pub(super) async fn finish_source(
    transaction: &Transaction<'_>,
    origin: &Origin,
    sha256: &str,
    bytes: usize,
    message: &str,
    now: PrimitiveDateTime,
) -> Result<(), DbError> {
    let sql = "UPDATE sources
               SET refresh_state = 'Done', refresh_finished_at = $2, last_successful_refresh_at = $3,
                   last_refresh_message = $4, previous_sha = $5, previous_size = $6
               WHERE id = $1";
    transaction
        .execute_typed(
            sql,
            &[
                (&origin.target.source.0, Type::INT8),
                (&now, Type::TIMESTAMP),
                (&origin.requested_at.unwrap_or(now), Type::TIMESTAMP),
                (&message, Type::TEXT),
                (&sha256, Type::TEXT),
                (&i32::try_from(bytes).unwrap_or(i32::MAX), Type::INT4),
            ],
        )
        .await?;
    Ok(())
}

/// The source's state after an archive that is older than the last one applied: what was applied last stays.
pub(super) async fn finish_older(
    transaction: &Transaction<'_>,
    source: SourceId,
    now: PrimitiveDateTime,
) -> Result<(), DbError> {
    let sql = "UPDATE sources SET refresh_state = 'Done', refresh_finished_at = $2 WHERE id = $1";
    transaction.execute_typed(sql, &[(&source.0, Type::INT8), (&now, Type::TIMESTAMP)]).await?;
    Ok(())
}

/// A failure, as it is left on record.
pub(super) struct FailureNote<'a> {
    pub kind: &'static str,
    pub text: String,
    pub is_transient: bool,
    pub report: Option<&'a Report>,
}

/// Leaves a failure on record, unless the record was applied before: the answer to the COMMIT may be what was lost, or a
/// redelivery came when its archive was gone. Then returns what it did.
///
/// Does not wait for the source's turn. Who has it may be the server, still busy with the connection that was lost, so
/// that nothing is known yet: a passing failure comes again anyway. Or another refresh, whose state is not to be touched.
pub(super) async fn write_failure(
    session: &mut Session,
    origin: &Origin,
    failure: FailureNote<'_>,
    now: PrimitiveDateTime,
) -> Result<Option<Stats>, DbError> {
    session.begin();
    let transaction = session.transaction().await?;
    let has_turn = try_turn(&transaction, origin.target.source).await?;
    let applied = applied_before(&transaction, origin, None).await?;
    if applied.is_none() && (has_turn || !failure.is_transient) {
        let text = brief(&failure.text, MAX_ERROR);
        if has_turn {
            fail_source(&transaction, origin, &text, now).await?;
        }
        let error = Some((failure.kind, text));
        let ending = Ending { outcome: "failed", error, report: failure.report, ..Ending::default() };
        write_refresh(&transaction, origin, &ending, now).await?;
    }
    if applied.is_some() {
        origin.subject.succeeded(&transaction, ALREADY_APPLIED, now).await?;
    }
    transaction.commit().await?;
    session.done();
    Ok(applied)
}

/// Takes the source's turn if nobody has it.
async fn try_turn(transaction: &Transaction<'_>, source: SourceId) -> Result<bool, DbError> {
    let sql = "SELECT pg_try_advisory_xact_lock(hashtextextended('longshore refresh of source ' || $1::bigint, 0))";
    Ok(transaction.query_typed_one(sql, &[(&source.0, Type::INT8)]).await?.get(0))
}

/// What the record did when it was applied, or another one with the same archive; `None` when neither was.
pub(super) async fn applied_before(
    transaction: &Transaction<'_>,
    origin: &Origin,
    sha256: Option<&str>,
) -> Result<Option<Stats>, DbError> {
    let sql = "SELECT stats FROM refreshes
               WHERE source_id = $1 AND outcome <> 'failed'
                 AND ((topic, kafka_partition, kafka_offset, record_time) = ($2, $3, $4, $5) OR archive_sha256 = $6)
               ORDER BY id DESC LIMIT 1";
    let values: [(&(dyn ToSql + Sync), Type); 6] = [
        (&origin.target.source.0, Type::INT8),
        (&origin.topic, Type::TEXT),
        (&origin.partition, Type::INT4),
        (&origin.offset, Type::INT8),
        (&origin.record_time, Type::TIMESTAMP),
        (&sha256, Type::TEXT),
    ];
    let row = transaction.query_typed_opt(sql, &values).await?;
    let stats_of = |stats: Value| -> Stats {
        let of = |table: Table| Some((table, serde_json::from_value(stats.get(table.name())?.clone()).ok()?));
        Table::ALL.into_iter().filter_map(of).collect()
    };
    Ok(row.map(|row| stats_of(row.get(0))))
}

/// The source's state after a failure, for whoever looks at the source. A failure of an archive that is older than the
/// last one applied says nothing about the source.
async fn fail_source(
    transaction: &Transaction<'_>,
    origin: &Origin,
    error: &str,
    now: PrimitiveDateTime,
) -> Result<(), DbError> {
    let sql = "UPDATE sources
               SET refresh_state = 'Error', refresh_finished_at = $2, last_refresh_message = $3
               WHERE id = $1 AND coalesce(last_successful_refresh_at <= $4, true)";
    let values: [(&(dyn ToSql + Sync), Type); 4] = [
        (&origin.target.source.0, Type::INT8),
        (&now, Type::TIMESTAMP),
        (&error, Type::TEXT),
        (&origin.requested_at, Type::TIMESTAMP),
    ];
    transaction.execute_typed(sql, &values).await?;
    Ok(())
}

/// The same archive was uploaded again: the source is as the archive says as of then, too.
pub(super) async fn still_current(transaction: &Transaction<'_>, origin: &Origin) -> Result<(), DbError> {
    let sql = "UPDATE sources SET last_successful_refresh_at = $2 WHERE id = $1 AND last_successful_refresh_at < $2";
    let values: [(&(dyn ToSql + Sync), Type); 2] =
        [(&origin.target.source.0, Type::INT8), (&origin.requested_at, Type::TIMESTAMP)];
    transaction.execute_typed(sql, &values).await?;
    Ok(())
}

/// `service_offering: adds=1,updates=2`, a line a table that changed.
pub(super) fn refresh_message(stats: &Stats) -> String {
    let line = |(table, done): (&Table, &TableStats)| {
        let counts = [("adds", done.adds), ("updates", done.updates), ("deletes", done.deletes)];
        let changed: Vec<String> =
            counts.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name}={count}")).collect();
        (!changed.is_empty()).then(|| format!("{}: {}", table.stats_key(), changed.join(",")))
    };
    let lines: Vec<String> = stats.iter().filter_map(line).collect();
    if lines.is_empty() { "No updates".into() } else { lines.join("\n") }
}

/// The event of a refresh that changed something, into the outbox. Its readers know the tenant by the number that identities
/// have.
pub(super) async fn write_event(
    transaction: &Transaction<'_>,
    origin: &Origin,
    mode: Mode,
    stats: &Stats,
    now: PrimitiveDateTime,
) -> Result<(), DbError> {
    if stats.values().all(|done| done.adds + done.updates + done.deletes == 0) {
        return Ok(());
    }
    let Target { source, tenant, .. } = origin.target;
    let sql = "SELECT coalesce(nullif(t.external_tenant, ''), $1::bigint::text) AS tenant, s.name
               FROM sources s LEFT JOIN tenants t ON t.id = $1 WHERE s.id = $2";
    let names = transaction.query_typed_one(sql, &[(&tenant.0, Type::INT8), (&source.0, Type::INT8)]).await?;
    let context = outbox::Context {
        key: format!("tenant/{}", names.get::<_, &str>("tenant")),
        principal: None,
        request_id: &origin.request_id,
        trace: origin.trace.as_ref(),
        now,
    };
    let name = names.get::<_, Option<String>>("name").unwrap_or_default();
    let data = json!({"mode": mode.name(), "stats": stats_by_key(stats)});
    let event = Event::new(Change::Modified, "INVENTORY_REFRESH", name, source.0.to_string(), data);
    outbox::write(transaction, &context, &[event]).await
}

/// Adds a phase's duration.
pub(super) fn phase(phases: &mut Phases, name: &'static str, duration: Duration) {
    *phases.entry(name).or_default() += (duration.as_secs_f64() * 1e6).round() / 1e6;
}
