//! Subscriptions: what is there, what the manifest makes of it, and the rows of the difference.

use super::globals::new_id;
use super::reconcile::{self, reconcile};
use super::terms::{Keyed, Plan, Terms};
use super::unload::{Incoming, Known, KnownEntitlement};
use crate::db::DbError;
use crate::hex::hex;
use crate::outbox::{Change, Event};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::collections::HashMap;
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
    pub source: Source,
}

/// Digest of what a subscription was read from. Two subscriptions are equal whatever it is: it tells only what need not be
/// read.
#[derive(Debug, Clone, Eq)]
pub(super) struct Source(pub Vec<u8>);

impl PartialEq for Source {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

/// A subscription as it is there, with its certificate's digest and serial number.
pub(super) struct Existing {
    pub subscription: Subscription,
    certificate: Option<(Vec<u8>, i64)>,
}

impl Keyed for Subscription {
    fn id(&self) -> &str {
        &self.id
    }
}

/// What an owner has. Those that were made here, without an upstream pool, are none of an import's.
pub(super) async fn load(transaction: &Transaction<'_>, owner: &str) -> Result<Vec<Existing>, DbError> {
    let rows = transaction.query_typed(include_str!("subscriptions.sql"), &[(&owner, Type::TEXT)]).await?;
    Ok(rows.iter().map(from_row).collect())
}

fn from_row(row: &Row) -> Existing {
    let branding: Value = row.get("branding");
    let subscription = Subscription {
        id: row.get("id"),
        product_id: row.get("product_id"),
        derivedproduct_id: row.get("derivedproduct_id"),
        quantity: row.get("quantity"),
        terms: Terms::from_row(row),
        provided: row.get("provided"),
        derived_provided: row.get("derived_provided"),
        branding: branding.as_array().cloned().unwrap_or_default(),
        source: Source(row.get::<_, Option<_>>("source").unwrap_or_default()),
    };
    let digest: Option<Vec<u8>> = row.get("certificate_digest");
    Existing { subscription, certificate: digest.zip(row.get("x509_serial")) }
}

/// Adds what the reader needs to know of subscriptions that are there.
pub(super) fn known(existing: &[Existing], mut known: Known) -> Known {
    for Existing { subscription, certificate } in existing {
        if let (Some((digest, _)), Some(row)) = (certificate, &subscription.terms.certificate_id) {
            known.certificates.insert(digest.clone(), row.clone());
        }
        if let Some(incoming) = as_incoming(subscription) {
            let serial = certificate.as_ref().map(|(_, serial)| *serial);
            known.entitlements.insert(incoming.entitlement.clone(), KnownEntitlement { incoming, serial });
        }
    }
    known
}

/// The entitlement that a subscription was made from.
fn as_incoming(subscription: &Subscription) -> Option<Incoming> {
    let Subscription { terms, .. } = subscription;
    let branding = |entry: &Value| {
        let text = |index: usize| entry.get(index).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text(0), text(1), text(2))
    };
    Some(Incoming {
        entitlement: terms.upstream_entitlement_id.clone()?,
        pool: terms.upstream_pool_id.clone()?,
        quantity: subscription.quantity,
        start: terms.startdate,
        end: terms.enddate,
        product: subscription.product_id.clone(),
        derived: subscription.derivedproduct_id.clone(),
        provided: subscription.provided.clone(),
        derived_provided: subscription.derived_provided.clone(),
        branding: subscription.branding.iter().map(branding).collect(),
        contract: terms.contractnumber.clone(),
        account: terms.accountnumber.clone(),
        order: terms.ordernumber.clone(),
        certificate: terms.certificate_id.clone(),
        upstream_subscription: None,
        file: String::new(),
        source: subscription.source.0.clone(),
    })
}

/// Those that continue from other bytes: the new digests of what they were read from.
pub(super) fn resourced(existing: &[Subscription], wanted: &[Subscription]) -> Vec<(String, Vec<u8>)> {
    let before: HashMap<&str, &Source> = existing.iter().map(|old| (old.id.as_str(), &old.source)).collect();
    let differs = |new: &&Subscription| before.get(new.id.as_str()).is_some_and(|old| old.0 != new.source.0);
    wanted.iter().filter(differs).map(|new| (new.id.clone(), new.source.0.clone())).collect()
}

/// Remembers what subscriptions were read from, so that they can be passed over next time.
pub(super) async fn note_sources(
    transaction: &Transaction<'_>,
    resourced: &[(String, Vec<u8>)],
) -> Result<(), DbError> {
    if resourced.is_empty() {
        return Ok(());
    }
    let (ids, sources): (Vec<&str>, Vec<&[u8]>) =
        resourced.iter().map(|(id, source)| (id.as_str(), &source[..])).unzip();
    let sql = "UPDATE cp_subscription s SET source = n.source FROM unnest($1, $2) AS n (id, source)
               WHERE s.id = n.id AND s.source IS DISTINCT FROM n.source";
    transaction.execute_typed(sql, &[(&ids, Type::TEXT_ARRAY), (&sources, Type::BYTEA_ARRAY)]).await?;
    Ok(())
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
        source: Source(incoming.source),
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
