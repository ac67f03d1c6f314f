//! Pools: made from subscriptions, one each, and a second one for guests where the product allows guests.

use super::globals::new_id;
use super::subscriptions::Subscription;
use super::terms::{Keyed, Plan, Terms};
use super::unload::{Facts, SkuFacts};
use crate::db::DbError;
use crate::hosted;
use crate::outbox::{Change, Event};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use time::PrimitiveDateTime;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// Rows written by one statement.
const BATCH: usize = 1_000;

/// Which of a subscription's pools it is.
const MASTER: &str = "master";
const DERIVED: &str = "derived";

/// The quantity of a pool without end.
const UNLIMITED: i64 = -1;

/// A pool that an import made, columns under their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Pool {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub product_uuid: Uuid,
    pub quantity: i64,
    pub subscriptionid: String,
    pub subscriptionsubkey: String,
    #[serde(flatten)]
    pub terms: Terms,
    pub attributes: BTreeMap<String, Option<String>>,
}

impl Keyed for Pool {
    fn id(&self) -> &str {
        &self.id
    }
}

/// The pools that an owner's imports have made.
pub(super) async fn load(transaction: &Transaction<'_>, owner: &str) -> Result<Vec<Pool>, DbError> {
    let sql = "SELECT p.*, coalesce((
                 SELECT jsonb_object_agg(a.name, a.value) FROM cp_pool_attribute a WHERE a.pool_id = p.id
               ), '{}') AS attributes
               FROM cp_pool p
               WHERE p.owner_id = $1 AND p.managed AND p.subscriptionid IS NOT NULL";
    let rows = transaction.query_typed(sql, &[(&owner, Type::TEXT)]).await?;
    let pool = |row: &tokio_postgres::Row| Pool {
        id: row.get("id"),
        kind: row.get("type"),
        product_uuid: row.get("product_uuid"),
        quantity: row.get("quantity"),
        subscriptionid: row.get("subscriptionid"),
        subscriptionsubkey: row.get("subscriptionsubkey"),
        terms: Terms::from_row(row),
        attributes: serde_json::from_value(row.get("attributes")).unwrap_or_default(),
    };
    Ok(rows.iter().map(pool).collect())
}

/// The pools of all subscriptions that are not over yet.
pub(super) fn wanted(
    existing: &[Pool],
    subscriptions: &[Subscription],
    facts: &Facts,
    now: PrimitiveDateTime,
) -> Vec<Pool> {
    let ids: HashMap<(&str, &str), &str> =
        existing.iter().map(|pool| ((&*pool.subscriptionid, &*pool.subscriptionsubkey), pool.id.as_str())).collect();
    let id = |subscription: &Subscription, key| {
        ids.get(&(subscription.id.as_str(), key)).map_or_else(new_id, |id| (*id).to_owned())
    };
    let mut pools = Vec::new();
    for subscription in subscriptions.iter().filter(|subscription| subscription.terms.enddate >= now) {
        let Some(sku) = facts.get(&subscription.product_id) else { continue };
        let master = master(id(subscription, MASTER), subscription, sku);
        let guests = guests_of(sku, subscription.quantity);
        let derived = guests.map(|quantity| {
            let product = subscription.derivedproduct_id.as_ref().and_then(|id| facts.get(id)).unwrap_or(sku);
            derived(id(subscription, DERIVED), &master, quantity, product)
        });
        pools.push(master);
        pools.extend(derived);
    }
    pools
}

fn master(id: String, subscription: &Subscription, sku: &SkuFacts) -> Pool {
    let virt_only = sku.virt_only.clone().map(|value| ("virt_only".to_owned(), Some(value)));
    Pool {
        id,
        kind: "NORMAL".into(),
        product_uuid: sku.uuid,
        quantity: subscription.quantity,
        subscriptionid: subscription.id.clone(),
        subscriptionsubkey: MASTER.into(),
        terms: subscription.terms.clone(),
        attributes: virt_only.into_iter().collect(),
    }
}

/// How many guests a product allows on all hosts that can be entitled to it; `None` where it has no guests.
fn guests_of(sku: &SkuFacts, hosts: i64) -> Option<i64> {
    match sku.virt_limit.as_deref()?.trim() {
        "unlimited" => Some(UNLIMITED),
        number => number.parse::<i64>().ok().filter(|guests| *guests > 0).map(|guests| guests.saturating_mul(hosts)),
    }
}

/// The pool for guests whose host is not known. Whose host is known gets one of that host's, when the host is entitled.
fn derived(id: String, master: &Pool, quantity: i64, product: &SkuFacts) -> Pool {
    let attributes = [
        ("virt_only", "true"),
        ("pool_derived", "true"),
        ("physical_only", "false"),
        ("virt_limit", "0"),
        ("unmapped_guests_only", "true"),
    ];
    Pool {
        id,
        kind: "UNMAPPED_GUEST".into(),
        product_uuid: product.uuid,
        quantity,
        subscriptionsubkey: DERIVED.into(),
        attributes: attributes.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).into(),
        ..master.clone()
    }
}

/// Writes what is new and what has changed, and deletes what is gone. What was taken from a pool and is not there any more
/// is taken back.
pub(super) async fn write(
    transaction: &Transaction<'_>,
    owner: &str,
    plan: &Plan<Pool>,
    now: PrimitiveDateTime,
) -> Result<(), DbError> {
    delete(transaction, &plan.gone_ids()).await?;
    let written: Vec<&Pool> = plan.written().collect();
    for batch in written.chunks(BATCH) {
        let rows = json!(batch);
        transaction
            .execute_typed(
                include_str!("write_pools.sql"),
                &[(&rows, Type::JSONB), (&owner, Type::TEXT), (&now, Type::TIMESTAMP)],
            )
            .await?;
        transaction.execute_typed(include_str!("write_pool_attributes.sql"), &[(&rows, Type::JSONB)]).await?;
    }
    if !plan.changed.is_empty() {
        hosted::fit(transaction, owner).await?;
    }
    Ok(())
}

/// Deletes pools with their attributes and their entitlements. One that is gone already is no error.
pub(super) async fn delete(transaction: &Transaction<'_>, ids: &[&str]) -> Result<(), DbError> {
    if !ids.is_empty() {
        hosted::revoke_of_pools(transaction, ids).await?;
        let sql = "DELETE FROM cp_pool WHERE id = ANY($1)";
        transaction.execute_typed(sql, &[(&ids, Type::TEXT_ARRAY)]).await?;
    }
    Ok(())
}

/// An event for each that is new, has changed or is gone.
pub(super) fn events(plan: &Plan<Pool>, names: &HashMap<Uuid, String>) -> Vec<Event> {
    let event = |change, pool: &Pool, changed: Option<&[String]>| {
        let name = names.get(&pool.product_uuid).map_or("", String::as_str);
        let mut data = json!({
            "subscriptionId": pool.subscriptionid, "subscriptionSubKey": pool.subscriptionsubkey,
            "poolType": pool.kind, "quantity": pool.quantity,
        });
        if let Some(changed) = changed {
            data["changed"] = json!(changed);
        }
        Event::new(change, "POOL", name, &pool.id, data)
    };
    let new = plan.new.iter().map(|new| event(Change::Created, new, None));
    let changed = plan.changed.iter().map(|(object, names)| event(Change::Modified, object, Some(names)));
    let gone = plan.gone.iter().map(|gone| event(Change::Deleted, gone, None));
    new.chain(changed).chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candlepin::subscriptions::Source;
    use time::macros::datetime;

    fn subscription(quantity: i64) -> Subscription {
        Subscription {
            id: "s".into(),
            product_id: "SKU".into(),
            derivedproduct_id: None,
            quantity,
            terms: Terms {
                startdate: datetime!(2026-01-01 0:00),
                enddate: datetime!(2027-01-01 0:00),
                contractnumber: None,
                accountnumber: None,
                ordernumber: None,
                upstream_pool_id: Some("u".into()),
                upstream_entitlement_id: None,
                upstream_consumer_id: None,
                certificate_id: None,
                cdn_id: None,
            },
            provided: vec![],
            derived_provided: vec![],
            branding: vec![],
            source: Source(vec![]),
        }
    }

    fn pools(quantity: i64, virt_limit: Option<&str>, now: PrimitiveDateTime) -> Vec<(String, i64)> {
        let sku = SkuFacts { virt_limit: virt_limit.map(Into::into), ..SkuFacts::default() };
        let facts = Facts::from([("SKU".into(), sku)]);
        let pools = wanted(&[], &[subscription(quantity)], &facts, now);
        pools.into_iter().map(|pool| (pool.kind, pool.quantity)).collect()
    }

    #[test]
    fn a_product_with_guests_has_a_pool_for_them() {
        let now = datetime!(2026-06-01 0:00);
        let normal = |quantity| ("NORMAL".to_owned(), quantity);
        let guest = |quantity| ("UNMAPPED_GUEST".to_owned(), quantity);
        assert_eq!(pools(10, None, now), [normal(10)]);
        assert_eq!(pools(10, Some("4"), now), [normal(10), guest(40)]);
        assert_eq!(pools(10, Some("unlimited"), now), [normal(10), guest(-1)]);
        for none in ["0", "-1", "many", ""] {
            assert_eq!(pools(10, Some(none), now), [normal(10)], "{none}");
        }
        assert_eq!(pools(i64::MAX, Some("4"), now), [normal(i64::MAX), guest(i64::MAX)]);
    }

    #[test]
    fn a_subscription_that_is_over_has_no_pool() {
        assert_eq!(pools(1, None, datetime!(2027-01-01 0:00:01)), []);
        assert_eq!(pools(1, None, datetime!(2027-01-01 0:00)).len(), 1);
    }
}
