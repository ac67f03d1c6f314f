//! Pools: those that are made here, and what all have in common for whom takes from them.

use super::HostedError;
use super::owner::{Owner, locked};
use crate::candlepin::new_id;
use crate::clock::Clock;
use crate::db::DbError;
use crate::manifest::model::Moment;
use crate::outbox::{self, Change, Event};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{Duration, PrimitiveDateTime};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

/// The quantity of a pool without end.
const UNLIMITED: i64 = -1;

/// How long a pool lasts that nobody gave an end.
const DEFAULT_TERM: Duration = Duration::days(365);

/// A pool that is to be, or is to be changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPool {
    /// The key of its owner.
    pub owner: String,
    /// The id of the product that is sold.
    pub product: String,
    /// How many there are; -1 for no limit.
    pub quantity: i64,
    /// From when on; now if it is not given.
    #[serde(default)]
    pub start: Option<Moment>,
    /// Until when; a year after the start if it is not given.
    #[serde(default)]
    pub end: Option<Moment>,
    /// The contract's number.
    #[serde(default)]
    pub contract: Option<String>,
    /// The account's number.
    #[serde(default)]
    pub account: Option<String>,
    /// The order's number.
    #[serde(default)]
    pub order: Option<String>,
    /// Its id. Asking again under the same id changes the pool; without one, each time another is made.
    #[serde(default)]
    pub id: Option<String>,
}

/// A pool as it stands there.
pub(super) struct PoolRow {
    pub id: String,
    /// The id of the product that is sold.
    pub product: String,
    pub name: String,
    pub kind: String,
    pub managed: bool,
    pub quantity: i64,
    pub consumed: i64,
    pub start: PrimitiveDateTime,
    pub end: PrimitiveDateTime,
    /// Whether it was made for the guests of what another pool has.
    pub derived: bool,
}

impl PoolRow {
    /// How many can be taken; `None` for any number.
    pub fn left(&self) -> Option<i64> {
        (self.quantity >= 0).then(|| self.quantity.saturating_sub(self.consumed))
    }
}

/// Locks a pool of an owner.
pub(super) async fn lock_pool(
    transaction: &Transaction<'_>,
    owner: &str,
    id: &str,
) -> Result<Option<PoolRow>, DbError> {
    let sql =
        "SELECT p.id, p.type, g.product_id, g.name, p.managed, p.quantity, p.quantity_consumed, p.startdate, p.enddate,
                      EXISTS (SELECT FROM cp_pool_attribute a
                              WHERE a.pool_id = p.id AND a.name = 'pool_derived' AND a.value = 'true') AS derived
               FROM cp_pool p JOIN cp_products g ON g.uuid = p.product_uuid
               WHERE p.id = $1 AND p.owner_id = $2 FOR NO KEY UPDATE OF p";
    let row = transaction.query_typed_opt(sql, &[(&id, Type::TEXT), (&owner, Type::TEXT)]).await?;
    Ok(row.map(|row| PoolRow {
        id: row.get("id"),
        product: row.get("product_id"),
        name: row.get("name"),
        kind: row.get("type"),
        managed: row.get("managed"),
        quantity: row.get("quantity"),
        consumed: row.get("quantity_consumed"),
        start: row.get("startdate"),
        end: row.get("enddate"),
        derived: row.get("derived"),
    }))
}

/// Makes a pool, or changes the one of this id: quantity, and what else is given. Returns its id.
///
/// # Errors
/// When there is no such owner or product, the dates make no sense, or the pool is of another product, is an import's, or
/// has more taken from it than is to be left.
pub async fn create_pool(
    transaction: &Transaction<'_>,
    wanted: &NewPool,
    clock: &Clock,
) -> Result<String, HostedError> {
    if wanted.quantity < UNLIMITED {
        return Err(HostedError::refused("quantity: expected a number from 0 on, or -1 for no limit"));
    }
    let owner = locked(transaction, &wanted.owner).await?;
    let (product_uuid, name) = product_of(transaction, &owner, &wanted.product).await?;
    let before = match &wanted.id {
        Some(id) => lock_pool(transaction, &owner.id, id).await?,
        None => None,
    };
    if let Some(before) = &before {
        check_change(before, wanted)?;
    }
    let start = wanted.start.map(|Moment(start)| start).or(before.as_ref().map(|before| before.start));
    let start = start.unwrap_or_else(|| clock.timestamp());
    let end = wanted.end.map(|Moment(end)| end).or(before.as_ref().map(|before| before.end));
    let end = end.or_else(|| start.checked_add(DEFAULT_TERM)).unwrap_or(start);
    if end <= start {
        return Err(HostedError::refused("end: expected a time after the start"));
    }
    let id = wanted.id.clone().unwrap_or_else(new_id);
    let change = write(transaction, &Terms { id: &id, owner: &owner, product_uuid, start, end, wanted }, clock).await?;
    let data = json!({"poolType": "NORMAL", "quantity": wanted.quantity, "productId": wanted.product});
    let events: Vec<Event> = change.map(|change| Event::new(change, "POOL", name, &id, data)).into_iter().collect();
    write_events(transaction, &owner, &events, clock).await?;
    Ok(id)
}

fn check_change(before: &PoolRow, wanted: &NewPool) -> Result<(), HostedError> {
    let problem = if before.managed {
        "came with an import, which alone changes it".to_owned()
    } else if before.product != wanted.product {
        format!("is of product {}, and that does not change", before.product)
    } else if wanted.quantity >= 0 && wanted.quantity < before.consumed {
        format!("has {} taken from it; unentitle takes some back", before.consumed)
    } else {
        return Ok(());
    };
    Err(HostedError::refused(format!("pool {} {problem}", before.id)))
}

/// One that was made here rather than one that was imported.
async fn product_of(transaction: &Transaction<'_>, owner: &Owner, id: &str) -> Result<(Uuid, String), HostedError> {
    let sql = "SELECT uuid, name FROM cp_products WHERE owner_id = $1 AND product_id = $2 ORDER BY managed LIMIT 1";
    let row = transaction.query_typed_opt(sql, &[(&owner.id, Type::TEXT), (&id, Type::TEXT)]).await?;
    let unknown = || HostedError::refused(format!("owner {} has no product {id}; create-product makes one", owner.key));
    row.map(|row| (row.get("uuid"), row.get("name"))).ok_or_else(unknown)
}

struct Terms<'a> {
    id: &'a str,
    owner: &'a Owner,
    product_uuid: Uuid,
    start: PrimitiveDateTime,
    end: PrimitiveDateTime,
    wanted: &'a NewPool,
}

/// What became of the pool; `None` where it is as it was.
async fn write(transaction: &Transaction<'_>, terms: &Terms<'_>, clock: &Clock) -> Result<Option<Change>, HostedError> {
    // A pool of this id that is not the owner's is left alone, and is told of by returning no row and not being there.
    let sql = "INSERT INTO cp_pool AS p
                 (id, owner_id, type, managed, product_uuid, quantity, startdate, enddate, contractnumber, accountnumber,
                  ordernumber, created, updated)
               VALUES ($1, $2, 'NORMAL', false, $3, $4, $5, $6, $7, $8, $9, $10, $10)
               ON CONFLICT (id) DO UPDATE SET
                 quantity = excluded.quantity, startdate = excluded.startdate, enddate = excluded.enddate,
                 contractnumber = coalesce(excluded.contractnumber, p.contractnumber),
                 accountnumber = coalesce(excluded.accountnumber, p.accountnumber),
                 ordernumber = coalesce(excluded.ordernumber, p.ordernumber),
                 version = p.version + 1, updated = excluded.updated
               WHERE p.owner_id = excluded.owner_id
                 AND (p.quantity, p.startdate, p.enddate, p.contractnumber, p.accountnumber, p.ordernumber)
                     IS DISTINCT FROM
                     (excluded.quantity, excluded.startdate, excluded.enddate,
                      coalesce(excluded.contractnumber, p.contractnumber),
                      coalesce(excluded.accountnumber, p.accountnumber),
                      coalesce(excluded.ordernumber, p.ordernumber))
               RETURNING p.version = 0 AS is_new";
    let values: [(&(dyn ToSql + Sync), Type); 10] = [
        (&terms.id, Type::TEXT),
        (&terms.owner.id, Type::TEXT),
        (&terms.product_uuid, Type::UUID),
        (&terms.wanted.quantity, Type::INT8),
        (&terms.start, Type::TIMESTAMP),
        (&terms.end, Type::TIMESTAMP),
        (&terms.wanted.contract, Type::TEXT),
        (&terms.wanted.account, Type::TEXT),
        (&terms.wanted.order, Type::TEXT),
        (&clock.timestamp(), Type::TIMESTAMP),
    ];
    if let Some(row) = transaction.query_typed_opt(sql, &values).await? {
        return Ok(Some(if row.get("is_new") { Change::Created } else { Change::Modified }));
    }
    match lock_pool(transaction, &terms.owner.id, terms.id).await? {
        Some(_) => Ok(None),
        None => Err(HostedError::refused(format!("pool {} is another owner's", terms.id))),
    }
}

/// That something was taken from a pool, or given back.
pub(super) fn consumption_event(pool: &PoolRow) -> Event {
    let data = json!({
        "poolType": pool.kind, "quantity": pool.quantity, "productId": pool.product,
        "changed": ["quantity_consumed", "quantity_exported"],
    });
    Event::new(Change::Modified, "POOL", &pool.name, &pool.id, data)
}

/// Events of what was done by hand.
pub(super) async fn write_events(
    transaction: &Transaction<'_>,
    owner: &Owner,
    events: &[Event],
    clock: &Clock,
) -> Result<(), DbError> {
    let context = outbox::Context {
        key: format!("owner/{}", owner.key),
        principal: None,
        request_id: "",
        trace: None,
        now: clock.timestamp(),
    };
    outbox::write(transaction, &context, events).await
}

/// An owner's pools, as JSON objects, by product and start.
///
/// # Errors
/// When there is no such owner.
pub async fn list_pools(client: &impl GenericClient, owner: &str) -> Result<Vec<Value>, HostedError> {
    let sql = include_str!("list_pools.sql");
    let rows = client.query_typed(sql, &[(&owner, Type::TEXT)]).await?;
    if rows.is_empty() {
        return Err(HostedError::refused(format!("no owner {owner}; create-owner makes one")));
    }
    Ok(rows.iter().filter_map(|row| row.get(0)).collect())
}
