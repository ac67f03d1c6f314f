//! The tables of an import: what is there before, and what it leaves.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Result, ensure};
use tokio_postgres::Client;

use crate::bench::{
    copy::{TableRows, copy},
    database,
};

/// What an import fills, what is referred to first.
const FILLED: [&str; 27] = [
    "candlepin.cp_rules",
    "candlepin.cp_dist_version",
    "candlepin.cp_dist_version_capability",
    "candlepin.cp_cdn",
    "candlepin.cp_cert_serial",
    "candlepin.cp_id_cert",
    "candlepin.cp_certificate",
    "candlepin.cp_key_pair",
    "candlepin.cp_upstream_consumer",
    "candlepin.cp_export_metadata",
    "candlepin.cp_import_upstream_consumer",
    "candlepin.cp_import_record",
    "candlepin.cp_contents",
    "candlepin.cp_products",
    "candlepin.cp_product_attributes",
    "candlepin.cp_product_contents",
    "candlepin.cp_product_dependent_products",
    "candlepin.cp_product_reliance",
    "candlepin.cp_product_provided_products",
    "candlepin.cp_product_certificates",
    "candlepin.cp_subscription",
    "candlepin.cp_subscription_products",
    "candlepin.cp_sub_derivedprods",
    "candlepin.cp_subscription_branding",
    "candlepin.cp_pool",
    "candlepin.cp_pool_attribute",
    "longshore.outbox",
];

/// What is there before an import, and gets a few rows or values more: too little to count.
const SEEDED: [&str; 2] = ["candlepin.cp_consumer_type", "candlepin.cp_owner"];

/// What a database holds before an import.
pub struct Seed(Vec<TableRows>);

impl Seed {
    /// Of a database that is migrated, and has an owner.
    pub async fn of(client: &Client) -> Result<Self> {
        let mut rows = Vec::new();
        for table in SEEDED {
            rows.push(TableRows::of(client, table).await?);
        }
        Ok(Self(rows))
    }

    /// Makes this all that the database holds, and leaves nothing for the next checkpoint to write.
    pub async fn restore(&self, client: &Client) -> Result<()> {
        database::empty(client).await?;
        copy(client, &self.0).await?;
        client.batch_execute("CHECKPOINT").await?;
        Ok(())
    }
}

/// The rows that an import left.
pub struct Snapshot(Vec<TableRows>);

impl Snapshot {
    /// Takes them. Fails when there is a row that would be left out.
    pub async fn of(client: &Client) -> Result<Self> {
        let known: BTreeSet<&str> = FILLED.into_iter().chain(SEEDED).collect();
        let tables = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'candlepin'";
        for row in client.query(tables, &[]).await? {
            let table: &str = row.get(0);
            ensure!(known.contains(table), "{table} is not among the tables of an import");
        }
        let mut rows = Vec::new();
        for table in FILLED {
            rows.push(TableRows::of(client, table).await?);
        }
        rows.retain(|table| table.count > 0);
        Ok(Self(rows))
    }

    /// Copies them into a database that holds a [`Seed`].
    pub async fn copy(&self, client: &Client) -> Result<Duration> {
        copy(client, &self.0).await
    }

    /// Fails unless the database holds as many of each.
    pub async fn expect_counts(&self, client: &Client) -> Result<()> {
        for table in FILLED {
            let now: i64 = client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await?.get(0);
            let then = self.0.iter().find(|rows| rows.table == table).map_or(0, |rows| rows.count);
            ensure!(now.unsigned_abs() == then, "{table}: {now} rows, after another import {then}");
        }
        Ok(())
    }

    /// How many rows there are.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|table| table.count).sum()
    }
}
