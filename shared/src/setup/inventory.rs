//! Tenants and sources of the Catalog Inventory.

use crate::db::{DbError, Pool};
use serde_json::{Value, json};
use tokio_postgres::types::Type;

pub(super) async fn create_tenant(pool: &Pool, external_tenant: &str, name: Option<&str>) -> Result<i64, DbError> {
    let sql = "INSERT INTO tenants AS t (external_tenant, name) VALUES ($1, $2)
               ON CONFLICT (external_tenant) DO UPDATE SET name = coalesce(excluded.name, t.name)
               RETURNING id";
    let row = pool.get().await?.query_typed_one(sql, &[(&external_tenant, Type::TEXT), (&name, Type::TEXT)]).await?;
    Ok(row.get(0))
}

/// `None` when there is no such tenant.
pub(super) async fn create_source(
    pool: &Pool,
    external_tenant: &str,
    uid: &str,
    name: Option<&str>,
    enabled: Option<bool>,
) -> Result<Option<Value>, DbError> {
    let sql = "INSERT INTO sources AS s (tenant_id, uid, name, enabled)
               SELECT id, $2, coalesce($3, $2), coalesce($4, true) FROM tenants WHERE external_tenant = $1
               ON CONFLICT (tenant_id, uid) DO UPDATE
                 SET name = coalesce($3, s.name), enabled = coalesce($4, s.enabled)
               RETURNING tenant_id, id, enabled";
    let row = pool
        .get()
        .await?
        .query_typed_opt(
            sql,
            &[(&external_tenant, Type::TEXT), (&uid, Type::TEXT), (&name, Type::TEXT), (&enabled, Type::BOOL)],
        )
        .await?;
    Ok(row.map(|row| {
        json!({"tenant_id": row.get::<_, i64>(0), "source_id": row.get::<_, i64>(1), "enabled": row.get::<_, Option<bool>>(2)})
    }))
}
