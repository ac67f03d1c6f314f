//! The publisher's side of the outbox.
//!
//! One publisher at a time, each for a batch: a lock that belongs to the transaction makes them take turns. Rows of one key
//! are so published in the order of their ids. Of one owner's imports, of one source's refreshes and of one request's
//! statuses that is the order in which they were committed, because each holds its owner or source, or comes after the one
//! before. A publisher that dies gives its turn back with its connection; what it had
//! sent and not yet marked is sent again, with the same ids.

use crate::db::DbError;
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::time::Duration;
use time::PrimitiveDateTime;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{Json, ToSql, Type};
use tokio_postgres::{GenericClient, Row, Transaction};
use uuid::Uuid;

/// The lock of whoever publishes.
const TURN: &str = "SELECT pg_advisory_xact_lock(hashtextextended('longshore publisher', 0))";

/// Rows of a sort that [`prune`] deletes at once.
pub const PRUNED_AT_ONCE: u64 = 10_000;

/// What sort of message it is, which decides on its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// An event.
    Event,
    /// The status of a message that was handled, for the platform.
    PayloadStatus,
    /// Whether an upload was sound, for the platform.
    Validation,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Event, Self::PayloadStatus, Self::Validation];

    /// As the database has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::PayloadStatus => "payload-status",
            Self::Validation => "validation",
        }
    }

    fn of(text: &str) -> Self {
        Self::ALL.into_iter().find(|family| family.as_str() == text).unwrap_or(Self::Event)
    }
}

/// How much a publisher takes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows.
    pub rows: i64,
    /// What they hold together, in bytes; a row that is larger comes alone.
    pub bytes: i64,
}

/// A row that waits to be published.
#[derive(Debug)]
pub struct Waiting {
    /// Its place in the order.
    pub id: i64,
    /// What readers drop repeats by.
    pub event_id: Uuid,
    /// What sort of message it is.
    pub family: Family,
    /// Rows of one key are published in order.
    pub key: String,
    /// Correlation id.
    pub request_id: Option<String>,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    /// `CREATED`, ..; an event's only.
    pub change: Option<String>,
    /// `PRODUCT`, ..; an event's only.
    pub target: Option<String>,
    /// Its name for people.
    pub target_name: Option<String>,
    /// Its id.
    pub entity_id: Option<String>,
    /// Who caused it, as JSON.
    pub principal: Option<Box<RawValue>>,
    /// What changed, or the whole message of another family, as JSON.
    pub data: Box<RawValue>,
    /// When it was written, UTC.
    pub created_at: PrimitiveDateTime,
}

/// What is not to be tried again for now: nothing of these may be sent before what waits of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldBack {
    /// Keys.
    pub keys: HashSet<String>,
    /// All of a family: its topic cannot be written to.
    pub families: HashSet<Family>,
}

impl HeldBack {
    /// Whether a row is.
    pub fn holds(&self, row: &Waiting) -> bool {
        self.families.contains(&row.family) || self.keys.contains(&row.key)
    }

    /// Those of another one too.
    pub fn extend(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.families.extend(other.families);
    }

    fn lists(&self) -> (Vec<&str>, Vec<&'static str>) {
        (self.keys.iter().map(String::as_str).collect(), self.families.iter().map(|family| family.as_str()).collect())
    }
}

/// A row that the broker will never take, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Its `id`.
    pub id: i64,
    /// Why, for a person.
    pub reason: String,
}

/// How the outbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Rows that wait.
    pub waiting: i64,
    /// How long the oldest of them has waited.
    pub oldest: Duration,
    /// Rows that are parked.
    pub parked: i64,
}

/// Waits until no other publisher is at it, for the rest of the transaction. False if that takes longer than `patience`; the
/// transaction is over then.
///
/// # Errors
/// The database failed.
pub async fn take_turn(transaction: &Transaction<'_>, patience: Duration) -> Result<bool, DbError> {
    let sql = "SELECT set_config('lock_timeout', $1, true)";
    let patience = patience.as_millis().max(1).to_string();
    transaction.query_typed(sql, &[(&patience, Type::TEXT)]).await?;
    match transaction.query_typed(TURN, &[]).await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether anything waits, but for what is held back.
///
/// # Errors
/// The database failed.
pub async fn anything_waits(client: &impl GenericClient, held_back: &HeldBack) -> Result<bool, DbError> {
    let sql = "SELECT EXISTS (
                 SELECT FROM outbox
                 WHERE published_at IS NULL AND parked_at IS NULL AND key <> ALL ($1) AND family <> ALL ($2)
               )";
    let (keys, families) = held_back.lists();
    let values: [(&(dyn ToSql + Sync), Type); 2] = [(&keys, Type::TEXT_ARRAY), (&families, Type::TEXT_ARRAY)];
    Ok(client.query_typed_one(sql, &values).await?.get(0))
}

/// The oldest rows that wait, in order, but for what is held back.
///
/// # Errors
/// The database failed.
pub async fn waiting(
    transaction: &Transaction<'_>,
    limits: Limits,
    held_back: &HeldBack,
) -> Result<Vec<Waiting>, DbError> {
    let (keys, families) = held_back.lists();
    let values: [(&(dyn ToSql + Sync), Type); 4] = [
        (&limits.rows, Type::INT8),
        (&limits.bytes, Type::INT8),
        (&keys, Type::TEXT_ARRAY),
        (&families, Type::TEXT_ARRAY),
    ];
    let rows = transaction.query_typed(include_str!("waiting.sql"), &values).await?;
    Ok(rows.iter().map(Waiting::of).collect())
}

impl Waiting {
    fn of(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            event_id: row.get("event_id"),
            family: Family::of(row.get("family")),
            key: row.get("key"),
            request_id: row.get::<_, Option<String>>("request_id").filter(|id| !id.is_empty()),
            traceparent: row.get("traceparent"),
            change: row.get("type"),
            target: row.get("target"),
            target_name: row.get("target_name"),
            entity_id: row.get("entity_id"),
            principal: row.get::<_, Option<Json<_>>>("principal_data").map(|Json(principal)| principal),
            data: row.get::<_, Json<_>>("event_data").0,
            created_at: row.get("created_at"),
        }
    }
}

/// Says what became of rows: `published` ones are in Kafka, acknowledged; `parked` ones never will be.
///
/// # Errors
/// The database failed.
pub async fn settle(
    transaction: &Transaction<'_>,
    published: &[i64],
    parked: &[Parked],
    now: PrimitiveDateTime,
) -> Result<(), DbError> {
    if !published.is_empty() {
        let sql = "UPDATE outbox SET published_at = $2 WHERE id = ANY($1)";
        transaction.execute_typed(sql, &[(&published, Type::INT8_ARRAY), (&now, Type::TIMESTAMP)]).await?;
    }
    if !parked.is_empty() {
        let (ids, reasons): (Vec<i64>, Vec<&str>) = parked.iter().map(|row| (row.id, row.reason.as_str())).unzip();
        let sql = "UPDATE outbox o SET parked_at = $3, parked_reason = p.reason
                   FROM unnest($1, $2) AS p (id, reason) WHERE o.id = p.id";
        let values: [(&(dyn ToSql + Sync), Type); 3] =
            [(&ids, Type::INT8_ARRAY), (&reasons, Type::TEXT_ARRAY), (&now, Type::TIMESTAMP)];
        transaction.execute_typed(sql, &values).await?;
    }
    Ok(())
}

/// Deletes some of the rows that were published before a time, and of the platform's messages that were parked before it, which
/// nobody wants any more; parked events stay until somebody has looked at them. Returns how many; fewer than
/// [`PRUNED_AT_ONCE`] mean that none is left.
///
/// # Errors
/// The database failed.
pub async fn prune(client: &impl GenericClient, before: PrimitiveDateTime) -> Result<u64, DbError> {
    let sql = "DELETE FROM outbox
               WHERE id IN (
                 (SELECT id FROM outbox WHERE published_at < $1 ORDER BY published_at LIMIT $2)
                 UNION ALL
                 (SELECT id FROM outbox WHERE parked_at < $1 AND family <> 'event' ORDER BY parked_at LIMIT $2)
               )";
    let values: [(&(dyn ToSql + Sync), Type); 2] = [(&before, Type::TIMESTAMP), (&(PRUNED_AT_ONCE as i64), Type::INT8)];
    Ok(client.execute_typed(sql, &values).await?)
}

/// Lets parked rows be published after all. Returns how many.
///
/// # Errors
/// The database failed.
pub async fn unpark(client: &impl GenericClient) -> Result<u64, DbError> {
    let sql = "UPDATE outbox SET parked_at = NULL, parked_reason = NULL WHERE parked_at IS NOT NULL";
    Ok(client.execute_typed(sql, &[]).await?)
}

/// How the outbox stands.
///
/// # Errors
/// The database failed.
pub async fn standing(client: &impl GenericClient, now: PrimitiveDateTime) -> Result<Standing, DbError> {
    let sql = "SELECT count(*) AS waiting, greatest(0, extract(epoch FROM $1 - min(created_at)))::float8 AS oldest,
                      (SELECT count(*) FROM outbox WHERE parked_at IS NOT NULL) AS parked
               FROM outbox WHERE published_at IS NULL AND parked_at IS NULL";
    let row = client.query_typed_one(sql, &[(&now, Type::TIMESTAMP)]).await?;
    let oldest = Duration::from_secs_f64(row.get::<_, Option<f64>>("oldest").unwrap_or_default());
    Ok(Standing { waiting: row.get("waiting"), oldest, parked: row.get("parked") })
}
