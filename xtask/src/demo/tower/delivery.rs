//! A Kafka record, and what its refresh left behind.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use longshore_devkit::kafka_event::KafkaEvent;
use serde::Deserialize;
use serde_json::json;
use tokio_postgres::Client;

use super::{counts::Counts, expected::TABLES};
use crate::{
    demo::{Demo, ORG},
    table::thousands,
};

const TOPIC: &str = "platform.upload.catalog";
/// The uid of the source: what the collector of that Tower calls itself.
const REPORTER: &str = "9c2a1f5e-60d4-4c7b-8a35-1be7f0d9c482";

/// A record that announces one archive, as the upload service writes it. Each is a day younger than the one before.
pub struct Record {
    number: u8,
    name: &'static str,
}

impl Record {
    /// The record of day `number`, from 0, for the archive of that name.
    pub fn new(number: u8, name: &'static str) -> Self {
        Self { number, name }
    }

    /// The archive's key in the bucket.
    pub fn key(&self) -> String {
        format!("demo/{}.tar.gz", self.name)
    }

    /// Where the archive is.
    pub fn url(&self) -> String {
        Demo::url(&self.key())
    }

    fn request_id(&self) -> String {
        format!("demo-{}", self.name)
    }

    /// The payload with which a mapping on an MSK cluster invokes the function.
    pub fn event(&self) -> Vec<u8> {
        let identity = json!({"identity": {"org_id": ORG, "type": "System", "internal": {"org_id": ORG}}});
        let message = json!({
            "url": self.url(), "service": "catalog", "category": "catalog", "org_id": ORG, "account": "",
            "principal": "catalog-worker", "request_id": self.request_id(),
            "b64_identity": STANDARD.encode(identity.to_string()),
            "metadata": {"reporter": REPORTER, "stale_timestamp": ""},
            "timestamp": format!("2026-03-0{}T10:15:00.123456789Z", self.number + 2),
        });
        let (value, offset) = (message.to_string(), i64::from(self.number));
        KafkaEvent::msk().record(TOPIC, 0, offset, Some(value.as_bytes()), &[("service", b"catalog")], -1).to_json()
    }
}

/// The row in `refreshes`.
pub struct Delivery {
    id: i64,
    mode: String,
    entries: i64,
    warnings: i64,
    seconds: BTreeMap<String, f64>,
    stats: BTreeMap<String, Stats>,
}

#[derive(Deserialize)]
struct Stats {
    adds: u64,
    updates: u64,
    deletes: u64,
}

impl Delivery {
    /// What the refresh of a record left behind.
    ///
    /// # Errors
    /// It was not applied; the text says why.
    pub async fn read(client: &Client, record: &Record) -> Result<Self> {
        let sql = "SELECT outcome, error, id, mode, entries, warning_count, seconds, stats
                   FROM longshore.refreshes WHERE request_id = $1";
        let row = client.query_opt(sql, &[&record.request_id()]).await?;
        let row = row.context("the refresh left no row in `refreshes`")?;
        let (outcome, error): (&str, Option<&str>) = (row.get(0), row.get(1));
        ensure!(outcome == "applied", "the outcome of the refresh is `{outcome}`: {}", error.unwrap_or("no error"));
        Ok(Self {
            id: row.get(2),
            mode: row.get(3),
            entries: row.get(4),
            warnings: row.get(5),
            seconds: serde_json::from_value(row.get(6))?,
            stats: serde_json::from_value(row.get(7))?,
        })
    }

    /// How long each phase took, as the function recorded it.
    pub fn phases(&self) -> String {
        let phase = |name: &&str| self.seconds.get(*name).map(|seconds| format!("{name} {seconds:.2} s"));
        ["download", "read", "merge"].iter().filter_map(phase).collect::<Vec<_>>().join(", ")
    }

    /// The refresh in a few words.
    pub fn sentence(&self) -> String {
        let entries = thousands(self.entries.unsigned_abs());
        format!("{}, {entries} entries, {} warnings", self.mode, self.warnings)
    }

    /// What was added, updated and archived as the refresh recorded it; what is unchanged as the tables show it.
    pub async fn counts(&self, client: &Client) -> Result<Vec<Counts>> {
        let mut counts = Vec::new();
        for (table, _) in TABLES {
            let sql = format!(
                "SELECT count(*) FROM {table} t, longshore.refreshes r
                 WHERE r.id = $1 AND t.archived_at IS NULL AND t.last_seen_at < r.started_at"
            );
            let unchanged: i64 = client.query_one(&sql, &[&self.id]).await?.get(0);
            let stats = self.stats.get(table).with_context(|| format!("the refresh says nothing of {table}"))?;
            counts.push(Counts {
                table,
                added: stats.adds,
                updated: stats.updates,
                archived: stats.deletes,
                unchanged: unchanged.unsigned_abs(),
            });
        }
        Ok(counts)
    }
}
