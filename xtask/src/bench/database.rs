//! The two databases between runs: empty, or as a server leaves them that had a moment of quiet.

use anyhow::{Context, Result, ensure};
use tokio_postgres::{Client, NoTls};

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

/// Connects, and serves the connection until the client is dropped.
pub async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("cannot connect to the database")?;
    // An error also reaches whoever waits for a statement.
    tokio::spawn(connection);
    Ok(client)
}

/// Empties every table but `longshore.migrations`, the history of migrations, and leaves nothing for the next checkpoint to write.
pub async fn empty(client: &Client) -> Result<()> {
    let tables = "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
                  WHERE schemaname IN ('public', 'longshore')
                    AND (schemaname, tablename) <> ('longshore', 'migrations')";
    let tables: String = client.query_one(tables, &[]).await?.get(0);
    client.batch_execute(&format!("TRUNCATE {tables} RESTART IDENTITY")).await?;
    client.batch_execute("CHECKPOINT").await.context("cannot write a checkpoint")
}

/// What autovacuum does in the minutes between two refreshes, done now, so that runs are equal.
pub async fn settle(client: &Client) -> Result<()> {
    client.batch_execute("VACUUM ANALYZE").await?;
    client.batch_execute("CHECKPOINT").await.context("cannot write a checkpoint")
}

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

/// Whether sessions that begin now log each statement with its plan and time.
pub async fn log_statements(client: &Client, on: bool) -> Result<()> {
    let settings: &[(&str, &str)] = &[
        ("session_preload_libraries", "'auto_explain'"),
        ("auto_explain.log_min_duration", "2"),
        ("auto_explain.log_analyze", "on"),
        ("auto_explain.log_buffers", "on"),
        ("auto_explain.log_wal", "on"),
        ("auto_explain.log_triggers", "on"),
        ("log_min_duration_statement", "2"),
    ];
    client.batch_execute("ALTER SYSTEM RESET ALL").await?;
    if on {
        // The library's own settings can be set once it is there.
        client.batch_execute("LOAD 'auto_explain'").await?;
        for (name, value) in settings {
            client.batch_execute(&format!("ALTER SYSTEM SET {name} = {value}")).await?;
        }
    }
    client.batch_execute("SELECT pg_reload_conf()").await.context("cannot reload the server's settings")
}
