//! What the inventory tables hold, compared between two databases.

use anyhow::{Result, ensure};
use tokio_postgres::Client;

/// What each inventory table says, with links by `source_ref` as ids may differ.
const CONTENTS: [(&str, &str); 6] = [
    ("service_credential_types", "name, description, kind, namespace, source_created_at, source_updated_at"),
    (
        "service_credentials",
        "name, description, source_created_at, source_updated_at,
         (SELECT l.source_ref FROM service_credential_types l WHERE l.id = t.service_credential_type_id)",
    ),
    ("service_inventories", "name, description, extra, source_created_at, source_updated_at"),
    (
        "service_offerings",
        "name, description, extra, source_created_at, source_updated_at,
         (SELECT l.source_ref FROM service_inventories l WHERE l.id = t.service_inventory_id)",
    ),
    (
        "service_offering_nodes",
        "extra, source_created_at, source_updated_at,
         (SELECT l.source_ref FROM service_offerings l WHERE l.id = t.service_offering_id),
         (SELECT l.source_ref FROM service_offerings l WHERE l.id = t.root_service_offering_id),
         (SELECT l.source_ref FROM service_inventories l WHERE l.id = t.service_inventory_id)",
    ),
    (
        "service_plans",
        "name, description, extra, create_json_schema,
         (SELECT l.source_ref FROM service_offerings l WHERE l.id = t.service_offering_id)",
    ),
];

/// Fails unless the inventory tables of both databases say the same, and shows the first row that differs.
pub async fn expect_same(refreshed: &Client, floor: &Client) -> Result<()> {
    for (table, contents) in CONTENTS {
        let sql = format!(
            "SELECT ROW (source_ref, {contents})::text FROM {table} t WHERE archived_at IS NULL ORDER BY source_ref"
        );
        let (ours, floors) = (refreshed.query(&sql, &[]).await?, floor.query(&sql, &[]).await?);
        ensure!(ours.len() == floors.len(), "{table}: {} rows, the floor has {}", ours.len(), floors.len());
        for (ours, floors) in ours.iter().zip(&floors) {
            let (ours, floors): (&str, &str) = (ours.get(0), floors.get(0));
            ensure!(ours == floors, "{table} differs from the floor:\n{ours}\n{floors}");
        }
    }
    Ok(())
}
