//! Entitlements: what a distributor has taken from a pool.

use super::HostedError;
use super::authority::Authority;
use super::certify::Certifier;
use super::consumption::{count, revoke};
use super::owner::{Owner, locked};
use super::pools::{PoolRow, consumption_event, lock_pool, write_events};
use crate::candlepin::new_id;
use crate::clock::Clock;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{GenericClient, Row, Transaction};

/// The most that one entitlement can be for: manifests write quantities as 32-bit numbers.
const MAX_QUANTITY: i64 = i32::MAX as i64;

/// An entitlement that is to be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The uuid of the distributor.
    pub consumer: String,
    /// The id of the pool.
    pub pool: String,
    /// How many.
    pub quantity: i64,
    /// The entitlement's id. Asking again under the same id gives the same entitlement; without one, each time another.
    #[serde(default)]
    pub id: Option<String>,
}

/// An entitlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entitled {
    /// Its id.
    pub id: String,
    /// The uuid of the distributor.
    pub consumer: String,
    /// The id of the pool.
    pub pool: String,
    /// The id of the product that is sold.
    pub product: String,
    /// How many.
    pub quantity: i64,
    /// The serial number of its certificate.
    pub serial: Option<i64>,
}

impl Entitled {
    fn of(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            consumer: row.get("consumer"),
            pool: row.get("pool_id"),
            product: row.get("product_id"),
            quantity: row.get("quantity"),
            serial: row.get("x509_serial"),
        }
    }
}

/// Takes a quantity from a pool for a distributor, and issues the certificate.
///
/// # Errors
/// When consumer or pool are not there or of different owners, the pool is over, is for guests, or has not that many left.
pub async fn entitle(
    transaction: &Transaction<'_>,
    wanted: &Wanted,
    authority: &Authority,
    clock: &Clock,
) -> Result<Entitled, HostedError> {
    if !(1..=MAX_QUANTITY).contains(&wanted.quantity) {
        return Err(HostedError::refused(format!("quantity: expected a number from 1 to {MAX_QUANTITY}")));
    }
    let (consumer, owner) = consumer_of(transaction, &wanted.consumer).await?;
    let owner = locked(transaction, &owner).await?;
    if let Some(id) = &wanted.id
        && let Some(found) = find(transaction, id).await?
    {
        return if (&found.consumer, &found.pool, found.quantity) == (&wanted.consumer, &wanted.pool, wanted.quantity) {
            Ok(found)
        } else {
            let problem = format!("entitlement {id} is there already, for another consumer, pool or quantity");
            Err(HostedError::refused(problem))
        };
    }
    let pool = lock_pool(transaction, &owner.id, &wanted.pool).await?;
    let pool = pool.ok_or_else(|| {
        HostedError::refused(format!("owner {} has no pool {}; list-pools lists them", owner.key, wanted.pool))
    })?;
    check(&pool, wanted.quantity, clock)?;
    let id = wanted.id.clone().unwrap_or_else(new_id);
    let sql = "INSERT INTO cp_entitlement (id, owner_id, consumer_id, pool_id, quantity, created, updated)
               VALUES ($1, $2, $3, $4, $5, $6, $6)";
    let values: [(&(dyn ToSql + Sync), Type); 6] = [
        (&id, Type::TEXT),
        (&owner.id, Type::TEXT),
        (&consumer, Type::TEXT),
        (&pool.id, Type::TEXT),
        (&wanted.quantity, Type::INT8),
        (&clock.timestamp(), Type::TIMESTAMP),
    ];
    transaction.execute_typed(sql, &values).await?;
    count(transaction, std::slice::from_ref(&pool.id)).await?;
    let certifier = Certifier { transaction, consumer: &consumer, authority, now: clock.timestamp() };
    certifier.entitlements(Some(&id)).await?;
    write_events(transaction, &owner, &[consumption_event(&pool)], clock).await?;
    let made = find(transaction, &id).await?;
    made.ok_or_else(|| HostedError::refused(format!("entitlement {id} is not there after all")))
}

/// A distributor's row, and the key of its owner.
async fn consumer_of(transaction: &Transaction<'_>, uuid: &str) -> Result<(String, String), HostedError> {
    let sql = "SELECT c.id, o.account FROM cp_consumer c JOIN cp_owner o ON o.id = c.owner_id WHERE c.uuid = $1";
    let row = transaction.query_typed_opt(sql, &[(&uuid, Type::TEXT)]).await?;
    let unknown = || HostedError::refused(format!("no consumer {uuid}; list-distributors lists them"));
    row.map(|row| (row.get("id"), row.get("account"))).ok_or_else(unknown)
}

fn check(pool: &PoolRow, quantity: i64, clock: &Clock) -> Result<(), HostedError> {
    let problem = if pool.end < clock.timestamp() {
        format!("is over since {}", pool.end.date())
    } else if pool.derived {
        "is for guests of this side's own hosts, and cannot be passed on".into()
    } else if pool.left().is_some_and(|left| left < quantity) {
        format!(
            "has {} left of {}, and {quantity} are asked for",
            pool.left().unwrap_or_default().max(0),
            pool.quantity
        )
    } else {
        return Ok(());
    };
    Err(HostedError::refused(format!("pool {} of product {} {problem}", pool.id, pool.product)))
}

/// Takes an entitlement back. False if there is none.
///
/// # Errors
/// The database failed.
pub async fn unentitle(transaction: &Transaction<'_>, id: &str, clock: &Clock) -> Result<bool, HostedError> {
    let sql = "SELECT o.account, e.pool_id FROM cp_entitlement e JOIN cp_owner o ON o.id = e.owner_id WHERE e.id = $1";
    let Some(row) = transaction.query_typed_opt(sql, &[(&id, Type::TEXT)]).await? else { return Ok(false) };
    let owner = locked(transaction, row.get("account")).await?;
    let pools = revoke(transaction, &[id.to_owned()]).await?;
    given_back(transaction, &owner, &pools, clock).await?;
    Ok(!pools.is_empty())
}

/// Counts pools anew that something was given back to, and tells of each.
pub(super) async fn given_back(
    transaction: &Transaction<'_>,
    owner: &Owner,
    pools: &[String],
    clock: &Clock,
) -> Result<(), HostedError> {
    count(transaction, pools).await?;
    let mut events = Vec::new();
    for pool in pools {
        events.extend(lock_pool(transaction, &owner.id, pool).await?.as_ref().map(consumption_event));
    }
    Ok(write_events(transaction, owner, &events, clock).await?)
}

async fn find(transaction: &Transaction<'_>, id: &str) -> Result<Option<Entitled>, HostedError> {
    let rows = select(transaction, "e.id = $1", id).await?;
    Ok(rows.into_iter().next())
}

/// A distributor's entitlements, in the order in which they were taken.
///
/// # Errors
/// The database failed.
pub async fn list_entitlements(client: &impl GenericClient, consumer: &str) -> Result<Vec<Entitled>, HostedError> {
    select(client, "c.uuid = $1", consumer).await
}

async fn select(client: &impl GenericClient, condition: &str, value: &str) -> Result<Vec<Entitled>, HostedError> {
    let sql = format!(
        "SELECT e.id, c.uuid AS consumer, e.pool_id, g.product_id, e.quantity, s.x509_serial
         FROM cp_entitlement e
         JOIN cp_consumer c ON c.id = e.consumer_id
         JOIN cp_pool p ON p.id = e.pool_id
         JOIN cp_products g ON g.uuid = p.product_uuid
         LEFT JOIN cp_ent_certificate t ON t.entitlement_id = e.id
         LEFT JOIN cp_cert_serial s ON s.id = t.serial_id
         WHERE {condition}
         ORDER BY e.created, e.id"
    );
    let rows = client.query_typed(&sql, &[(&value, Type::TEXT)]).await?;
    Ok(rows.iter().map(Entitled::of).collect())
}
