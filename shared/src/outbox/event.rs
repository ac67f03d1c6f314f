//! Events, written in the transaction that makes the change they tell of. Publishing them is another function's work.

use crate::db::DbError;
use crate::trace::TraceParent;
use serde_json::{Value, json};
use time::PrimitiveDateTime;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// Events written by one statement.
const BATCH: usize = 2_000;

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Created,
    /// It says something else.
    Modified,
    /// It is gone.
    Deleted,
    /// It is over.
    Expired,
}

impl Change {
    fn name(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::Expired => "EXPIRED",
        }
    }
}

/// One event: what became of which object.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What became of it.
    pub change: Change,
    /// What it is: `PRODUCT`, `POOL`, ..
    pub target: &'static str,
    /// Its name for people.
    pub target_name: String,
    /// Its id.
    pub entity_id: String,
    /// What changed. Never a key, a certificate or an identity.
    pub event_data: Value,
    event_id: Uuid,
}

impl Event {
    /// An event with an id of its own, by which a reader drops repeats.
    pub fn new(
        change: Change,
        target: &'static str,
        target_name: impl Into<String>,
        entity_id: impl Into<String>,
        event_data: Value,
    ) -> Self {
        let (target_name, entity_id) = (target_name.into(), entity_id.into());
        Self { change, target, target_name, entity_id, event_data, event_id: Uuid::now_v7() }
    }
}

/// What all events of one transaction have in common.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// Events of one key are published in order: `owner/<key>`, `tenant/<external tenant>`, or `rules` where they are
    /// nobody's.
    pub key: String,
    /// Who caused it, as far as the message says.
    pub principal: Option<&'a str>,
    /// Correlation id.
    pub request_id: &'a str,
    /// The trace that it belongs to.
    pub trace: Option<&'a TraceParent>,
    /// When.
    pub now: PrimitiveDateTime,
}

/// Writes events, in order.
///
/// # Errors
/// The database failed.
pub async fn write(transaction: &Transaction<'_>, context: &Context<'_>, events: &[Event]) -> Result<(), DbError> {
    // Arrays, not one JSON document: the server would take that apart row by row, which takes twice as long.
    let sql = "INSERT INTO outbox (event_id, key, type, target, target_name, entity_id, principal_data, request_id,
                                   traceparent, event_data, created_at)
               SELECT e.event_id, $7, e.type, e.target, e.target_name, e.entity_id, $8, $9, $10, e.event_data, $11
               FROM unnest($1, $2, $3, $4, $5, $6) WITH ORDINALITY
                      e (event_id, type, target, target_name, entity_id, event_data, ordinality)
               ORDER BY e.ordinality";
    let principal = context.principal.map(|name| json!({"type": "user", "name": name}));
    for batch in events.chunks(BATCH) {
        transaction
            .execute_typed(
                sql,
                &[
                    (&column(batch, |event| event.event_id), Type::UUID_ARRAY),
                    (&column(batch, |event| event.change.name()), Type::TEXT_ARRAY),
                    (&column(batch, |event| event.target), Type::TEXT_ARRAY),
                    (&column(batch, |event| &*event.target_name), Type::TEXT_ARRAY),
                    (&column(batch, |event| &*event.entity_id), Type::TEXT_ARRAY),
                    (&column(batch, |event| &event.event_data), Type::JSONB_ARRAY),
                    (&context.key, Type::TEXT),
                    (&principal, Type::JSONB),
                    (&context.request_id, Type::TEXT),
                    (&context.trace.map(TraceParent::as_str), Type::TEXT),
                    (&context.now, Type::TIMESTAMP),
                ],
            )
            .await?;
    }
    Ok(())
}

/// One value of each event.
fn column<'e, T>(events: &'e [Event], value: impl Fn(&'e Event) -> T) -> Vec<T> {
    events.iter().map(value).collect()
}
