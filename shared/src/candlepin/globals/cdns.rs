//! Content delivery networks: added without a certificate; name and address follow the manifest. None is removed.

use super::super::unload::Counts;
use super::{Globals, counts, new_id};
use crate::db::DbError;
use serde_json::{Value, json};
use tokio_postgres::types::Type;

fn rows(globals: &Globals<'_>) -> Value {
    let row = |cdn: &crate::manifest::model::Cdn| json!([new_id(), cdn.label, cdn.name, cdn.url]);
    globals.head.cdns.iter().map(row).collect()
}

pub(super) async fn differs(globals: &Globals<'_>) -> Result<bool, DbError> {
    let sql = "SELECT EXISTS (
                 SELECT FROM jsonb_array_elements($1) n
                 WHERE NOT EXISTS (SELECT FROM cp_cdn c WHERE (c.label, c.name, c.url) = (n ->> 1, n ->> 2, n ->> 3)))";
    Ok(globals.transaction.query_typed_one(sql, &[(&rows(globals), Type::JSONB)]).await?.get(0))
}

pub(super) async fn apply(globals: &Globals<'_>) -> Result<Counts, DbError> {
    let sql = "INSERT INTO cp_cdn AS c (id, label, name, url, created, updated)
               SELECT n ->> 0, n ->> 1, n ->> 2, n ->> 3, $2, $2 FROM jsonb_array_elements($1) n
               ON CONFLICT (label) DO UPDATE
                 SET name = excluded.name, url = excluded.url, updated = excluded.updated
                 WHERE (c.name, c.url) IS DISTINCT FROM (excluded.name, excluded.url)
               RETURNING xmax = 0 AS is_new";
    Ok(counts(&globals.write(sql, &rows(globals)).await?, globals.head.cdns.len()))
}

/// The network that the manifest was made for, where it is known here.
pub(in crate::candlepin) async fn id_of(
    transaction: &tokio_postgres::Transaction<'_>,
    label: Option<&str>,
) -> Result<Option<String>, DbError> {
    let Some(label) = label else { return Ok(None) };
    let sql = "SELECT id FROM cp_cdn WHERE label = $1";
    Ok(transaction.query_typed_opt(sql, &[(&label, Type::TEXT)]).await?.map(|row| row.get(0)))
}
