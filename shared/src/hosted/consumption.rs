//! What is taken from pools: counted, and taken back where a pool has not got it any more.

use crate::db::DbError;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

/// Takes entitlements back, certificates and serial numbers included. Returns the pools that they were from.
pub(super) async fn revoke(transaction: &Transaction<'_>, entitlements: &[String]) -> Result<Vec<String>, DbError> {
    if entitlements.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "WITH certificates AS (
                 DELETE FROM cp_ent_certificate WHERE entitlement_id = ANY($1) RETURNING serial_id
               ),
               serials AS (
                 DELETE FROM cp_cert_serial WHERE id IN (SELECT serial_id FROM certificates)
               ),
               entitlements AS (
                 DELETE FROM cp_entitlement WHERE id = ANY($1) RETURNING pool_id
               )
               SELECT DISTINCT pool_id FROM entitlements";
    let rows = transaction.query_typed(sql, &[(&entitlements, Type::TEXT_ARRAY)]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Takes back all entitlements from pools that are about to go.
pub(crate) async fn revoke_of_pools(transaction: &Transaction<'_>, pools: &[&str]) -> Result<(), DbError> {
    let sql = "SELECT id FROM cp_entitlement WHERE pool_id = ANY($1)";
    let rows = transaction.query_typed(sql, &[(&pools, Type::TEXT_ARRAY)]).await?;
    let entitlements: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    revoke(transaction, &entitlements).await?;
    Ok(())
}

/// Takes entitlements back, the newest first, from an owner's pools that have become too small for what is taken.
pub(crate) async fn fit(transaction: &Transaction<'_>, owner: &str) -> Result<(), DbError> {
    // What the oldest ones take fits or it does not, and with it everything newer: sums only grow.
    let sql = "SELECT id FROM (
                 SELECT e.id, p.quantity,
                        sum(e.quantity) OVER (PARTITION BY p.id ORDER BY e.created NULLS FIRST, e.id) AS taken
                 FROM cp_entitlement e JOIN cp_pool p ON p.id = e.pool_id
                 WHERE p.owner_id = $1 AND p.quantity >= 0
               ) held
               WHERE taken > quantity";
    let rows = transaction.query_typed(sql, &[(&owner, Type::TEXT)]).await?;
    let entitlements: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let pools = revoke(transaction, &entitlements).await?;
    count(transaction, &pools).await
}

/// Counts what is taken from pools: all of it, and what distributors have taken.
pub(super) async fn count(transaction: &Transaction<'_>, pools: &[String]) -> Result<(), DbError> {
    if pools.is_empty() {
        return Ok(());
    }
    let sql = "UPDATE cp_pool p
               SET quantity_consumed = n.consumed, quantity_exported = n.exported, version = p.version + 1
               FROM (
                 SELECT i.id, coalesce(sum(e.quantity), 0)::bigint AS consumed,
                        coalesce(sum(e.quantity) FILTER (WHERE t.manifest), 0)::bigint AS exported
                 FROM unnest($1) AS i (id)
                 LEFT JOIN cp_entitlement e ON e.pool_id = i.id
                 LEFT JOIN cp_consumer c ON c.id = e.consumer_id
                 LEFT JOIN cp_consumer_type t ON t.id = c.type_id
                 GROUP BY i.id
               ) n
               WHERE p.id = n.id";
    transaction.execute_typed(sql, &[(&pools, Type::TEXT_ARRAY)]).await?;
    Ok(())
}
