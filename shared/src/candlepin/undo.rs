//! Taking an owner's imports back: as if there had been none, but for the history.

use super::last::METADATA_TYPE;
use super::owner::{self, Owner};
use super::record::{self, Entry, Status};
use super::terms::Plan;
use super::unload::{Counts, delete_loose_contents, delete_products, used_products};
use super::{pools, subscriptions, upstream};
use crate::clock::Clock;
use crate::db::{DbError, Session, joins_whole_tables};
use crate::failure::Classified;
use crate::outbox::{self, Change, Event};
use crate::trace::TraceParent;
use serde_json::json;
use std::collections::HashMap;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

/// Why nothing was undone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UndoError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// There is no import to undo.
    #[error("owner {owner} has no import to undo")]
    NothingImported {
        /// The owner's key.
        owner: String,
    },
}

impl From<tokio_postgres::Error> for UndoError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Classified for UndoError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Database(error) => error.kind(),
            Self::NothingImported { .. } => "NothingImported",
        }
    }
    fn is_transient(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_transient())
    }
}

/// Who undoes, and how it is found again.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// Who, as far as it is known.
    pub principal: Option<&'a str>,
    /// Correlation id.
    pub request_id: &'a str,
    /// The trace that it belongs to.
    pub trace: Option<&'a TraceParent>,
    /// Entries of the history that are kept.
    pub records: u32,
}

/// What was undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Undone {
    /// Pools deleted. Those that were made here stay.
    pub pools: u64,
    /// Subscriptions deleted.
    pub subscriptions: u64,
    /// Products deleted.
    pub products: u64,
}

/// Undoes all imports of an owner: its imported pools, subscriptions, certificates, products and contents go, and the
/// owner is linked to nobody, so that any manifest can be imported afterwards. What all owners share stays.
///
/// Dropped at any moment, it leaves nothing half done.
///
/// # Errors
/// See [`UndoError`].
pub async fn undo(session: &mut Session, owner: &Owner, by: By<'_>, clock: &Clock) -> Result<Undone, UndoError> {
    session.begin();
    let transaction = session.transaction().await?;
    joins_whole_tables(&transaction).await?;
    owner::lock(&transaction, &owner.id).await?;
    let sql = "DELETE FROM cp_export_metadata WHERE owner_id = $1 AND type = $2";
    let values: [(&(dyn ToSql + Sync), Type); 2] = [(&owner.id, Type::TEXT), (&METADATA_TYPE, Type::TEXT)];
    let linked = upstream::linked(&transaction, &owner.id).await?;
    // One whose consumer alone was imported has no metadata, and is linked all the same.
    if transaction.execute_typed(sql, &values).await? == 0 && linked.is_none() {
        transaction.rollback().await?;
        session.done();
        return Err(UndoError::NothingImported { owner: owner.key.clone() });
    }
    let (undone, mut events) = remove(&transaction, &owner.id).await?;
    let now = clock.timestamp();
    if let Some(linked) = &linked {
        upstream::unlink(&transaction, &owner.id, linked).await?;
        let data = json!({"uuid": linked.uuid});
        events.push(Event::new(Change::Deleted, "UPSTREAM_CONSUMER", &linked.name, &linked.id, data));
    }
    transaction.execute_typed("DELETE FROM consumer_type_uses WHERE owner_id = $1", &[(&owner.id, Type::TEXT)]).await?;
    let sql = "UPDATE cp_owner SET last_content_update = $2, updated = $2 WHERE id = $1";
    transaction.execute_typed(sql, &[(&owner.id, Type::TEXT), (&now, Type::TIMESTAMP)]).await?;
    let gone = |deletes| Counts { deletes, ..Counts::default() };
    let data = json!({"subscriptions": gone(undone.subscriptions), "pools": gone(undone.pools)});
    events.push(Event::new(Change::Modified, "OWNER_ENTITLEMENTS", &owner.name, &owner.id, data));
    events.push(Event::new(Change::Deleted, "IMPORT", &owner.name, &owner.id, json!(undone)));
    let context = outbox::Context {
        key: format!("owner/{}", owner.key),
        principal: by.principal,
        request_id: by.request_id,
        trace: by.trace,
        now,
    };
    outbox::write(&transaction, &context, &events).await?;
    let whom = by.principal.map_or_else(String::new, |who| format!(" by {who}"));
    let entry = Entry {
        owner: &owner.id,
        status: Status::Undone,
        message: &format!("{}: imports undone{whom}", owner.key),
        generated_by: by.principal,
        generated_date: Some(now),
        file_name: None,
        upstream: linked.as_ref(),
        now,
    };
    entry.write(&transaction).await?;
    record::clean_up(&transaction, &owner.id, by.records).await?;
    transaction.commit().await?;
    session.done();
    Ok(undone)
}

/// Deletes what imports have made.
async fn remove(transaction: &Transaction<'_>, owner: &str) -> Result<(Undone, Vec<Event>), DbError> {
    let pool_plan = Plan::of(pools::load(transaction, owner).await?, Vec::new());
    let existing = subscriptions::load(transaction, owner).await?;
    let plan = Plan::of(existing.into_iter().map(|existing| existing.subscription).collect(), Vec::new());
    pools::delete(transaction, &pool_plan.gone_ids()).await?;
    subscriptions::delete(transaction, &plan.gone_ids()).await?;
    let certificates: Vec<String> =
        plan.gone.iter().filter_map(|subscription| subscription.terms.certificate_id.clone()).collect();
    subscriptions::delete_certificates(transaction, &certificates).await?;
    let sql = "SELECT uuid, product_id, name FROM cp_products WHERE owner_id = $1 AND managed ORDER BY product_id";
    let products = transaction.query_typed(sql, &[(&owner, Type::TEXT)]).await?;
    let names: HashMap<Uuid, String> = products.iter().map(|row| (row.get("uuid"), row.get("name"))).collect();
    let by_id: HashMap<&str, &str> = products.iter().map(|row| (row.get("product_id"), row.get("name"))).collect();
    let all: Vec<Uuid> = names.keys().copied().collect();
    let used = used_products(transaction, owner, &all).await?;
    let gone: Vec<_> = products.iter().filter(|row| !used.contains(&row.get("uuid"))).collect();
    let uuids: Vec<Uuid> = gone.iter().map(|row| row.get("uuid")).collect();
    let contents = delete_products(transaction, &uuids).await?;
    delete_loose_contents(transaction, owner, &contents.into_iter().collect()).await?;

    let product_gone = |row: &&Row| {
        let (id, name): (&str, &str) = (row.get("product_id"), row.get("name"));
        Event::new(Change::Deleted, "PRODUCT", name, id, json!({"productId": id}))
    };
    let mut events: Vec<Event> = gone.iter().map(product_gone).collect();
    events.extend(subscriptions::events(&plan, |id| by_id.get(id).copied().unwrap_or(id).to_owned()));
    events.extend(pools::events(&pool_plan, &names));
    let undone = Undone {
        pools: pool_plan.counts().deletes,
        subscriptions: plan.counts().deletes,
        products: uuids.len() as u64,
    };
    Ok((undone, events))
}
