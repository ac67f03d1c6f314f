//! The database of the floor: the inventory's tables, into that the rows of a Tower are copied.

use std::time::Duration;

use anyhow::Result;
use longshore_devkit::postgres::Cluster;
use tokio_postgres::Client;

use super::rows::CopyRows;
use crate::bench::{binaries::Binaries, copy, database, rig};

/// The database of the floor.
const DATABASE: &str = "floor";

/// Measures the floor.
pub struct Floor {
    client: Client,
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
        Ok(Self { client })
    }

    /// Copies the rows into empty tables, in one transaction.
    pub async fn copy(&self, rows: &CopyRows) -> Result<Duration> {
        database::empty(&self.client).await?;
        let tenant_and_source = "INSERT INTO tenants (id, external_tenant) VALUES (1, 'floor');
                                 INSERT INTO sources (id, tenant_id, uid) VALUES (1, 1, 'floor'); CHECKPOINT";
        self.client.batch_execute(tenant_and_source).await?;
        copy::copy(&self.client, &rows.0).await
    }

    /// The connection, to look at what was copied.
    pub fn client(&self) -> &Client {
        &self.client
    }
}
