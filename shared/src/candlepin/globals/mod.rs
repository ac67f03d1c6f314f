//! What all owners share: consumer types, distributor versions, content delivery networks, rules.
//!
//! Most manifests change none of it. Only one that does takes the lock, so that imports of different owners do not wait for
//! each other; then it looks again.

mod cdns;
mod consumer_types;
mod distributor_versions;
mod rules;

use super::unload::Counts;
use crate::db::DbError;
use crate::manifest::Head;
use crate::outbox::Event;
use crate::warnings::Warnings;
pub(super) use cdns::id_of as cdn_id;
use consumer_types::TypePlan;
pub use rules::{ReplacedRules, replace as replace_rules};
use serde_json::Value;
use std::collections::BTreeMap;
use time::PrimitiveDateTime;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

/// What an import does to what all owners share.
pub(super) struct Globals<'a> {
    pub transaction: &'a Transaction<'a>,
    pub owner: &'a str,
    pub head: &'a Head,
    /// The upstream consumer's type.
    pub type_label: &'a str,
    pub now: PrimitiveDateTime,
}

/// What was done, for the import's record.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub stats: BTreeMap<&'static str, Counts>,
    pub events: Vec<Event>,
    /// Whether the lock was taken.
    locked: bool,
}

impl Globals<'_> {
    /// Adds and updates. What is to be removed goes last: the upstream consumer that is about to be replaced may use it.
    pub async fn apply(&self, warnings: &mut Warnings) -> Result<Done, DbError> {
        let mut done = Done::default();
        if !self.differs().await? {
            rules::check(self, warnings).await?;
            return Ok(done);
        }
        lock(self.transaction).await?;
        done.locked = true;
        let plan = TypePlan::of(self).await?;
        done.stats.insert("consumer_types", plan.apply(self, &mut done.events).await?);
        done.stats.insert("distributor_versions", distributor_versions::apply(self).await?);
        done.stats.insert("content_delivery_networks", cdns::apply(self).await?);
        let rules = rules::apply(self, &mut done.events, warnings).await?;
        done.stats.insert("rules", rules);
        Ok(done)
    }

    /// Adds the upstream consumer's type where it is not there, and nothing else. `head` is of the consumer only.
    pub async fn add_type(&self) -> Result<Done, DbError> {
        let mut done = Done::default();
        if TypePlan::of_consumer(self).await?.is_change() {
            lock(self.transaction).await?;
            let plan = TypePlan::of_consumer(self).await?;
            done.stats.insert("consumer_types", plan.apply(self, &mut done.events).await?);
        }
        Ok(done)
    }

    /// Removes the consumer types that nobody uses any more.
    pub async fn remove_unused(&self, done: &mut Done) -> Result<(), DbError> {
        if done.locked {
            let removed = consumer_types::remove_unused(self, &mut done.events).await?;
            done.stats.entry("consumer_types").or_default().deletes = removed;
        }
        Ok(())
    }

    async fn differs(&self) -> Result<bool, DbError> {
        Ok(TypePlan::of(self).await?.is_change()
            || distributor_versions::differs(self).await?
            || cdns::differs(self).await?
            || rules::differs(self).await?)
    }

    /// Runs a statement whose `$1` is a list of objects and `$2` the time, and counts the rows that it returns.
    async fn write(&self, sql: &str, rows: &Value) -> Result<Vec<tokio_postgres::Row>, DbError> {
        Ok(self.transaction.query_typed(sql, &[(rows, Type::JSONB), (&self.now, Type::TIMESTAMP)]).await?)
    }
}

/// Whoever changes what all owners share waits here for the others.
async fn lock(transaction: &Transaction<'_>) -> Result<(), DbError> {
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('longshore candlepin globals', 0))";
    transaction.query_typed(lock, &[]).await?;
    Ok(())
}

/// New ones and changed ones, as statements tell them: a column that says whether the row is new.
fn counts(rows: &[tokio_postgres::Row], all: usize) -> Counts {
    let adds = rows.iter().filter(|row| row.get::<_, bool>("is_new")).count() as u64;
    let updates = rows.len() as u64 - adds;
    Counts { adds, updates, deletes: 0, unchanged: all as u64 - adds - updates }
}

/// A new id, as Candlepin's are: 32 hexadecimal digits.
pub(crate) fn new_id() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}
