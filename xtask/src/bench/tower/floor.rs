//! The least that a first refresh can cost here: reading the archive, and COPY of the rows that come of it.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::SinkExt;
use longshore_devkit::postgres::Cluster;
use tokio::process::Command;
use tokio_postgres::Client;

use super::{database, rig, rows::CopyRows};
use crate::bench::binaries::Binaries;

/// The database of the floor.
const DATABASE: &str = "floor";

/// Measures the floor.
pub struct Floor {
    client: Client,
    reader: PathBuf,
}

impl Floor {
    /// Makes a database with the inventory's tables, as a migrated one has them but without what we add to them.
    pub async fn prepare(cluster: &Cluster, binaries: &Binaries) -> Result<Self> {
        let client = rig::migrated_database(cluster, binaries, DATABASE).await?;
        let added =
            "SELECT format('DROP INDEX %I', relname) FROM pg_class WHERE relkind = 'i' AND relname LIKE 'longshore%'
                     AND relnamespace = 'public'::regnamespace";
        for row in client.query(added, &[]).await? {
            client.batch_execute(row.get(0)).await?;
        }
        client.batch_execute("DROP SCHEMA longshore CASCADE").await?;
        Ok(Self { client, reader: binaries.path("bench-floor") })
    }

    /// Expands and parses an archive that lies in a file. Returns the time and the bytes of JSON.
    pub async fn read(&self, archive: &Path) -> Result<(Duration, u64)> {
        let output = Command::new(&self.reader).arg(archive).kill_on_drop(true).output().await;
        let output = output.with_context(|| format!("cannot start {}", self.reader.display()))?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let seconds = printed["seconds"].as_f64().context("the floor's reader printed no time")?;
        Ok((Duration::from_secs_f64(seconds), printed["json_bytes"].as_u64().unwrap_or_default()))
    }

    /// Copies the rows into empty tables, in one transaction.
    pub async fn copy(&self, rows: &CopyRows) -> Result<Duration> {
        database::empty(&self.client).await?;
        let tenant_and_source = "INSERT INTO tenants (id, external_tenant) VALUES (1, 'floor');
                                 INSERT INTO sources (id, tenant_id, uid) VALUES (1, 1, 'floor'); CHECKPOINT";
        self.client.batch_execute(tenant_and_source).await?;
        let begun = Instant::now();
        self.client.batch_execute("BEGIN").await?;
        for table in &rows.0 {
            let mut copy = std::pin::pin!(self.client.copy_in(&table.statement).await?);
            for piece in &table.pieces {
                copy.feed(piece.clone()).await?;
            }
            copy.finish().await?;
        }
        self.client.batch_execute("COMMIT").await?;
        Ok(begun.elapsed())
    }

    /// The connection, to look at what was copied.
    pub fn client(&self) -> &Client {
        &self.client
    }
}
