//! Whose the manifests of a consumer are, and who may act for an owner that is not its own.

use super::SetupError;
use super::owners::{plain, unknown};
use crate::candlepin::Permission;
use crate::clock::Clock;
use crate::db::{DbError, Pool};
use crate::http::principal;
use serde_json::{Value, json};
use std::borrow::Cow;
use tokio_postgres::types::Type;

pub(super) async fn register(pool: &Pool, clock: &Clock, uuid: &str, owner: &str) -> Result<Value, SetupError> {
    let (uuid, owner) = (plain("uuid", uuid)?, plain("owner", owner)?);
    let session = pool.get().await?;
    // Written first and looked at afterwards: of two that come at once, one finds the other's.
    let insert = "INSERT INTO upstream_registrations (uuid, owner_id, created_at)
                  SELECT $1, o.id, $3 FROM cp_owner o
                  WHERE o.account = $2
                    AND NOT EXISTS (SELECT FROM cp_upstream_consumer u WHERE u.uuid = $1 AND u.owner_id <> o.id)
                  ON CONFLICT (uuid) DO NOTHING";
    session
        .execute_typed(insert, &[(&uuid, Type::TEXT), (&owner, Type::TEXT), (&clock.timestamp(), Type::TIMESTAMP)])
        .await
        .map_err(DbError::from)?;
    let look = "SELECT
        (SELECT o.account FROM cp_owner o WHERE o.account = $2) AS owner,
        (SELECT o.account FROM cp_upstream_consumer u JOIN cp_owner o ON o.id = u.owner_id WHERE u.uuid = $1) AS linked,
        (SELECT o.account FROM upstream_registrations r JOIN cp_owner o ON o.id = r.owner_id WHERE r.uuid = $1)
          AS registered";
    let row =
        session.query_typed_one(look, &[(&uuid, Type::TEXT), (&owner, Type::TEXT)]).await.map_err(DbError::from)?;
    let key = |column| row.get::<_, Option<&str>>(column);
    if key("owner").is_none() {
        return Err(unknown(owner));
    }
    if let Some(other) = key("linked").filter(|linked| *linked != owner) {
        let told = format!("consumer {uuid} is linked to owner {other} by an import, so it cannot be that of {owner}");
        return Err(SetupError::Argument(told));
    }
    match key("registered") {
        Some(registered) if registered == owner => Ok(json!({"uuid": uuid, "owner": owner})),
        Some(other) => Err(SetupError::Argument(format!(
            "consumer {uuid} is registered for owner {other}; unregister-upstream-consumer frees it"
        ))),
        // Somebody took it back in between, or undid the import that it was linked by.
        None => Err(SetupError::Argument(format!("consumer {uuid} changed hands meanwhile; try again"))),
    }
}

pub(super) async fn unregister(pool: &Pool, uuid: &str) -> Result<Value, SetupError> {
    let uuid = plain("uuid", uuid)?;
    let sql = "DELETE FROM upstream_registrations WHERE uuid = $1";
    let removed = pool.get().await?.execute_typed(sql, &[(&uuid, Type::TEXT)]).await.map_err(DbError::from)?;
    Ok(json!({"uuid": uuid, "removed": removed > 0}))
}

/// An organisation, or an IAM principal by its ARN, as callers are known by.
fn grantee(org: &str) -> Result<Cow<'_, str>, SetupError> {
    let org = plain("org", org)?;
    if !principal::is_arn(org) {
        return Ok(org.into());
    }
    principal::of_arn(org).map(Cow::Owned).ok_or_else(|| {
        SetupError::Argument(
            "org begins like an ARN, but is not that of an IAM role, of a user or of an account's root".into(),
        )
    })
}

pub(super) async fn grant(
    pool: &Pool,
    clock: &Clock,
    org: &str,
    owner: &str,
    permission: Permission,
) -> Result<Value, SetupError> {
    let (org, owner) = (grantee(org)?, plain("owner", owner)?);
    // An update that changes nothing, because `DO NOTHING` would not tell whether there is such an owner.
    let sql = "INSERT INTO grants AS g (org, owner_id, permission, created_at)
               SELECT $1, o.id, $3, $4 FROM cp_owner o WHERE o.account = $2
               ON CONFLICT (org, owner_id, permission) DO UPDATE SET created_at = g.created_at";
    let granted = pool
        .get()
        .await?
        .execute_typed(
            sql,
            &[
                (&org, Type::TEXT),
                (&owner, Type::TEXT),
                (&permission.as_str(), Type::TEXT),
                (&clock.timestamp(), Type::TIMESTAMP),
            ],
        )
        .await
        .map_err(DbError::from)?;
    if granted == 0 {
        return Err(unknown(owner));
    }
    Ok(json!({"org": org, "owner": owner, "permission": permission.as_str()}))
}

pub(super) async fn revoke(pool: &Pool, org: &str, owner: &str, permission: Permission) -> Result<Value, SetupError> {
    let (org, owner) = (grantee(org)?, plain("owner", owner)?);
    let sql = "WITH removed AS (
                 DELETE FROM grants g USING cp_owner o
                 WHERE o.account = $2 AND g.owner_id = o.id AND g.org = $1 AND g.permission = $3
                 RETURNING 1
               )
               SELECT EXISTS (SELECT FROM removed) FROM cp_owner WHERE account = $2";
    let row = pool
        .get()
        .await?
        .query_typed_opt(sql, &[(&org, Type::TEXT), (&owner, Type::TEXT), (&permission.as_str(), Type::TEXT)])
        .await
        .map_err(DbError::from)?;
    let removed: bool = row.ok_or_else(|| unknown(owner))?.get(0);
    Ok(json!({"org": org, "owner": owner, "permission": permission.as_str(), "removed": removed}))
}

pub(super) async fn list_grants(pool: &Pool) -> Result<Value, SetupError> {
    let sql = "SELECT g.org, o.account, g.permission, to_char(g.created_at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
               FROM grants g JOIN cp_owner o ON o.id = g.owner_id
               ORDER BY o.account COLLATE \"C\", g.org COLLATE \"C\", g.permission";
    let rows = pool.get().await?.query_typed(sql, &[]).await.map_err(DbError::from)?;
    let text = |row: &tokio_postgres::Row, column: usize| row.get::<_, String>(column);
    let grants: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({"org": text(row, 0), "owner": text(row, 1), "permission": text(row, 2), "created": text(row, 3)})
        })
        .collect();
    Ok(json!({ "grants": grants }))
}
