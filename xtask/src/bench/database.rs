//! The server, and its databases between runs: empty, or as a server leaves them that had a moment of quiet.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use longshore_devkit::postgres::Cluster;
use tokio::task::spawn_blocking;
use tokio_postgres::{Client, NoTls};

/// Starts the server of the benchmark, durable as any.
pub async fn start_cluster(dir: &Path, explain: bool) -> Result<Cluster> {
    let home = dir.join("postgres");
    let cluster = spawn_blocking(move || Cluster::start(&home)).await?.context("PostgreSQL")?;
    let client = connect(&cluster.url("postgres")).await?;
    log_statements(&client, explain).await?;
    Ok(cluster)
}

/// The server's log. The cluster says where it is when it could not stay in the directory that it was given.
pub fn server_log(dir: &Path) -> PathBuf {
    let home = dir.join("postgres");
    let elsewhere = std::fs::read_to_string(home.join("location"));
    elsewhere.map_or_else(|_| home.join("server"), |path| PathBuf::from(path.trim())).join("server.log")
}

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
                  WHERE schemaname IN ('public', 'candlepin', 'longshore')
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

/// Whether sessions that begin now log each statement with its plan and time.
async fn log_statements(client: &Client, on: bool) -> Result<()> {
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
