//! Distributor versions: name, name for people, capabilities follow the manifest. None is removed.

use super::super::unload::Counts;
use super::{Globals, counts, new_id};
use crate::db::DbError;
use serde_json::{Value, json};
use tokio_postgres::types::Type;

/// Each as it is to be: its capabilities are sorted.
fn rows(globals: &Globals<'_>) -> Value {
    let row = |version: &crate::manifest::model::DistributorVersion| json!({"id": new_id(), "name": version.name, "display": version.display_name, "can": version.capabilities});
    globals.head.distributor_versions.iter().map(row).collect()
}

/// The manifest's versions that are not here just as they are to be.
const DIFFERING: &str = "
  SELECT n.* FROM jsonb_to_recordset($1) AS n (id text, name text, display text, can text[])
  WHERE NOT EXISTS (
    SELECT FROM cp_dist_version v
    WHERE v.name = n.name AND v.display_name = n.display
      AND n.can = ARRAY(SELECT c.name::text FROM cp_dist_version_capability c WHERE c.dist_version_id = v.id
                        ORDER BY c.name COLLATE \"C\"))";

pub(super) async fn differs(globals: &Globals<'_>) -> Result<bool, DbError> {
    let sql = format!("SELECT EXISTS ({DIFFERING})");
    Ok(globals.transaction.query_typed_one(&sql, &[(&rows(globals), Type::JSONB)]).await?.get(0))
}

pub(super) async fn apply(globals: &Globals<'_>) -> Result<Counts, DbError> {
    let sql = format!(
        "INSERT INTO cp_dist_version (id, name, display_name, created, updated)
         SELECT id, name, display, $2, $2 FROM ({DIFFERING}) d
         ON CONFLICT (name) DO UPDATE SET display_name = excluded.display_name, updated = excluded.updated
         RETURNING xmax = 0 AS is_new"
    );
    let rows = rows(globals);
    let counts = counts(&globals.write(&sql, &rows).await?, globals.head.distributor_versions.len());
    // A statement sees the rows of the one before, so it is two.
    let sql = "WITH wanted AS (
                 SELECT v.id, unnest(n.can) AS name
                 FROM jsonb_to_recordset($1) AS n (name text, can text[]) JOIN cp_dist_version v ON v.name = n.name
               ),
               gone AS (
                 DELETE FROM cp_dist_version_capability c
                 USING cp_dist_version v, jsonb_to_recordset($1) AS n (name text, can text[])
                 WHERE v.id = c.dist_version_id AND v.name = n.name AND c.name <> ALL (n.can)
               )
               INSERT INTO cp_dist_version_capability (dist_version_id, name)
               SELECT id, name FROM wanted ON CONFLICT DO NOTHING";
    globals.transaction.execute_typed(sql, &[(&rows, Type::JSONB)]).await?;
    Ok(counts)
}
