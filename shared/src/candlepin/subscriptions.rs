//! Subscriptions: what is there, what the manifest makes of it, and the rows of the difference.

use super::globals::new_id;
use super::reconcile::{self, reconcile};
use super::terms::{Keyed, Plan, Terms};
use super::unload::Incoming;
use crate::db::DbError;
use crate::outbox::{Change, Event};
use serde::Serialize;
use serde_json::{Value, json};
use time::PrimitiveDateTime;
use tokio_postgres::types::Type;
use tokio_postgres::{Row, Transaction};

/// Rows written by one statement.
const BATCH: usize = 1_000;

/// A subscription with all that belongs to it, columns under their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Subscription {
    pub id: String,
    pub product_id: String,
    pub derivedproduct_id: Option<String>,
    pub quantity: i64,
    #[serde(flatten)]
    pub terms: Terms,
    pub provided: Vec<String>,
    pub derived_provided: Vec<String>,
    pub branding: Vec<Value>,
}

impl Keyed for Subscription {
    fn id(&self) -> &str {
        &self.id
    }
}

/// What an owner has. Those that were made here, without an upstream pool, are none of an import's.
pub(super) async fn load(transaction: &Transaction<'_>, owner: &str) -> Result<Vec<Subscription>, DbError> {
    let rows = transaction.query_typed(include_str!("subscriptions.sql"), &[(&owner, Type::TEXT)]).await?;
    Ok(rows.iter().map(from_row).collect())
}

fn from_row(row: &Row) -> Subscription {
    let branding: Value = row.get("branding");
    Subscription {
        id: row.get("id"),
        product_id: row.get("product_id"),
        derivedproduct_id: row.get("derivedproduct_id"),
        quantity: row.get("quantity"),
        terms: Terms::from_row(row),
        provided: row.get("provided"),
        derived_provided: row.get("derived_provided"),
        branding: branding.as_array().cloned().unwrap_or_default(),
    }
}

/// What the manifest makes of it: each entitlement continues a subscription or begins one.
pub(super) fn wanted(
    existing: &[Subscription],
    incoming: Vec<Incoming>,
    upstream_uuid: &str,
    cdn: Option<&str>,
) -> Vec<Subscription> {
    let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    let keys: Vec<(String, String)> = existing
        .iter()
        .map(|old| (text(&old.terms.upstream_pool_id), text(&old.terms.upstream_entitlement_id)))
        .collect();
    let old: Vec<_> = std::iter::zip(existing, &keys)
        .map(|(old, (pool, entitlement))| reconcile::Existing {
            id: &old.id,
            pool,
            entitlement,
            quantity: old.quantity,
        })
        .collect();
    let new: Vec<_> = incoming
        .iter()
        .map(|new| reconcile::Incoming { pool: &new.pool, entitlement: &new.entitlement, quantity: new.quantity })
        .collect();
    let continues = reconcile(&old, &new);
    let subscription = |(incoming, continued): (Incoming, Option<usize>)| {
        let id = continued.map_or_else(new_id, |index| existing[index].id.clone());
        of(incoming, id, upstream_uuid, cdn)
    };
    incoming.into_iter().zip(continues).map(subscription).collect()
}

fn of(incoming: Incoming, id: String, upstream_uuid: &str, cdn: Option<&str>) -> Subscription {
    let branding = |(product, kind, name): &(String, String, String)| json!([product, kind, name]);
    Subscription {
        id,
        product_id: incoming.product,
        derivedproduct_id: incoming.derived,
        quantity: incoming.quantity,
        terms: Terms {
            startdate: incoming.start,
            enddate: incoming.end,
            contractnumber: incoming.contract,
            accountnumber: incoming.account,
            ordernumber: incoming.order,
            upstream_pool_id: Some(incoming.pool),
            upstream_entitlement_id: Some(incoming.entitlement).filter(|id| !id.is_empty()),
            upstream_consumer_id: Some(upstream_uuid.into()),
            certificate_id: incoming.certificate,
            cdn_id: cdn.map(Into::into),
        },
        provided: incoming.provided,
        derived_provided: incoming.derived_provided,
        branding: incoming.branding.iter().map(branding).collect(),
    }
}

/// Writes what is new and what has changed. What is gone goes later, after its pools.
pub(super) async fn write(
    transaction: &Transaction<'_>,
    owner: &str,
    plan: &Plan<Subscription>,
    now: PrimitiveDateTime,
) -> Result<(), DbError> {
    let written: Vec<&Subscription> = plan.written().collect();
    for batch in written.chunks(BATCH) {
        let rows = json!(batch);
        transaction
            .execute_typed(
                include_str!("write_subscriptions.sql"),
                &[(&rows, Type::JSONB), (&owner, Type::TEXT), (&now, Type::TIMESTAMP)],
            )
            .await?;
        transaction.execute_typed(include_str!("write_subscription_lists.sql"), &[(&rows, Type::JSONB)]).await?;
    }
    Ok(())
}

/// Deletes those that are gone; lists that belong to them go along.
pub(super) async fn delete(transaction: &Transaction<'_>, ids: &[&str]) -> Result<(), DbError> {
    if !ids.is_empty() {
        let sql = "DELETE FROM cp_subscription WHERE id = ANY($1)";
        transaction.execute_typed(sql, &[(&ids, Type::TEXT_ARRAY)]).await?;
    }
    Ok(())
}

/// Deletes the certificates of an owner's import that no subscription has any more, with their serial numbers.
pub(super) async fn delete_certificates(transaction: &Transaction<'_>, ids: &[String]) -> Result<u64, DbError> {
    if ids.is_empty() {
        return Ok(0);
    }
    let sql = "DELETE FROM cp_certificate WHERE id = ANY($1) RETURNING serial_id";
    let rows = transaction.query_typed(sql, &[(&ids, Type::TEXT_ARRAY)]).await?;
    let serials: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let sql = "DELETE FROM cp_cert_serial WHERE id = ANY($1)";
    Ok(transaction.execute_typed(sql, &[(&serials, Type::INT8_ARRAY)]).await?)
}

/// An event for each that is new, has changed or is gone.
pub(super) fn events(plan: &Plan<Subscription>, name: impl Fn(&str) -> String) -> Vec<Event> {
    let event = |change, subscription: &Subscription, changed: Option<&[String]>| {
        let mut data = json!({
            "productId": subscription.product_id, "quantity": subscription.quantity,
            "upstreamPoolId": subscription.terms.upstream_pool_id,
            "upstreamEntitlementId": subscription.terms.upstream_entitlement_id,
        });
        if let Some(changed) = changed {
            data["changed"] = json!(changed);
        }
        Event::new(change, "SUBSCRIPTION", name(&subscription.product_id), &subscription.id, data)
    };
    let new = plan.new.iter().map(|new| event(Change::Created, new, None));
    let changed = plan.changed.iter().map(|(object, names)| event(Change::Modified, object, Some(names)));
    let gone = plan.gone.iter().map(|gone| event(Change::Deleted, gone, None));
    new.chain(changed).chain(gone).collect()
}
