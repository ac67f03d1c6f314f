//! The function as it runs on Lambda, with what it needs: PostgreSQL, S3, records.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use longshore_devkit::{
    kafka_event::KafkaEvent,
    postgres::Cluster,
    runtime_api::Function,
    s3::{Credentials, S3Server},
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{Duration as Span, UtcDateTime, format_description::well_known::Rfc3339, macros::utc_datetime};
use tokio_postgres::Client;

use super::database;
use crate::bench::binaries::Binaries;

/// The database of the function.
const DATABASE: &str = "refreshed";

const BUCKET: &str = "uploads";
const TOPIC: &str = "platform.upload.catalog";
/// When the first archive was uploaded; each later one a minute after the one before.
const FIRST_UPLOAD: UtcDateTime = utc_datetime!(2026-03-02 10:15);
/// Far more than a refresh takes.
const TIMEOUT: Duration = Duration::from_secs(600);

/// What one refresh did to a table.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct TableStats {
    /// New rows, and rows that returned.
    pub adds: u64,
    /// Changed rows.
    pub updates: u64,
    /// Archived rows.
    pub deletes: u64,
}

/// A refresh that was done.
#[derive(Debug)]
pub struct Refreshed {
    /// From handing out the event to the function's answer.
    pub took: Duration,
    /// Seconds of each phase, as the function recorded them.
    pub phases: BTreeMap<String, f64>,
    /// By table.
    pub stats: BTreeMap<String, TableStats>,
}

impl Refreshed {
    /// A count of all tables but one.
    pub fn sum(&self, of: fn(&TableStats) -> u64, without: Option<&str>) -> u64 {
        self.stats.iter().filter(|(table, _)| without != Some(table)).map(|(_, stats)| of(stats)).sum()
    }
}

/// Everything around the function.
pub struct Rig {
    s3: S3Server,
    /// A connection of our own to the function's database.
    pub client: Client,
    binary: PathBuf,
    env: Vec<(String, String)>,
    records: i64,
}

impl Rig {
    /// Starts S3 and migrates a new database, with the real function.
    pub async fn start(cluster: &Cluster, binaries: &Binaries, dir: &Path) -> Result<Self> {
        let s3 = S3Server::start(&dir.join("s3"), Credentials::random()).await?;
        s3.create_bucket(BUCKET)?;
        let client = migrated_database(cluster, binaries, DATABASE).await?;
        let env = environment(&cluster.url(DATABASE), &s3);
        Ok(Self { client, binary: binaries.path("tower-persister"), s3, env, records: 0 })
    }

    /// Starts a process of the function.
    pub async fn function(&self) -> Result<Function> {
        Function::spawn(&self.binary, &self.env).await
    }

    /// Uploads an archive.
    pub async fn upload(&self, key: &str, archive: &[u8]) -> Result<()> {
        self.s3.put(BUCKET, key, archive.to_vec()).await
    }

    /// Invokes the function with a record that announces the archive `key`, and insists that it was applied.
    pub async fn refresh(&mut self, function: &mut Function, key: &str) -> Result<Refreshed> {
        self.records += 1;
        let request_id = format!("bench-{}", self.records);
        let value = self.message(key, &request_id)?;
        let event = KafkaEvent::msk().record(TOPIC, 0, self.records, Some(&value), &[("service", b"catalog")], -1);
        let invocation = function.invoke(&event.to_json(), TIMEOUT).await?;
        let answer = answer(invocation.result)?;
        let logs = || function.logs().join("\n");
        let failures = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
        ensure!(failures == 0, "the refresh of {key} failed:\n{}", logs());
        let sql = "SELECT outcome, stats, seconds FROM longshore.refreshes WHERE request_id = $1";
        let row = self.client.query_opt(sql, &[&request_id]).await?;
        let row = row.with_context(|| format!("{key} was not applied:\n{}", logs()))?;
        ensure!(row.get::<_, &str>(0) == "applied", "the refresh of {key} was {}", row.get::<_, &str>(0));
        Ok(Refreshed {
            took: invocation.took,
            stats: serde_json::from_value(row.get(1))?,
            phases: serde_json::from_value(row.get(2))?,
        })
    }

    /// The announcement of an upload, in the form of the ingress service.
    fn message(&self, key: &str, request_id: &str) -> Result<Vec<u8>> {
        let uploaded = FIRST_UPLOAD + Span::minutes(self.records);
        let message = json!({
            "url": format!("s3://{BUCKET}/{key}"), "service": "catalog", "category": "catalog",
            "request_id": request_id, "account": "1460290", "org_id": "5318290", "principal": "catalog-worker",
            "metadata": {"reporter": "6b5a4c1e-1b7e-4f55-9d1c-2f0f3c2b7a10", "stale_timestamp": ""},
            "timestamp": uploaded.format(&Rfc3339)?,
        });
        Ok(message.to_string().into_bytes())
    }
}

/// Makes a database anew and migrates it with the real function. Returns a connection to it.
pub async fn migrated_database(cluster: &Cluster, binaries: &Binaries, name: &str) -> Result<Client> {
    cluster.drop_database(name).await?;
    cluster.create_database(name, None).await?;
    let env = [("DATABASE_URL".to_owned(), cluster.url(name))];
    let mut setup = Function::spawn(&binaries.path("setup"), &env).await?;
    let migrated = setup.invoke(br#"{"command":"migrate"}"#, TIMEOUT).await?;
    answer(migrated.result).with_context(|| format!("the database `{name}` could not be migrated"))?;
    database::connect(&cluster.url(name)).await
}

/// A function's answer as JSON, or its error as ours.
fn answer(result: Result<Vec<u8>, Vec<u8>>) -> Result<Value> {
    let body = result.map_err(|error| anyhow::anyhow!("{}", String::from_utf8_lossy(&error)))?;
    Ok(serde_json::from_slice(&body)?)
}

fn environment(url: &str, s3: &S3Server) -> Vec<(String, String)> {
    let keys = s3.credentials();
    let variables = [
        ("DATABASE_URL", url),
        ("AWS_ENDPOINT_URL_S3", s3.endpoint()),
        ("AWS_ACCESS_KEY_ID", &keys.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &keys.secret_access_key),
        ("LONGSHORE_ALLOWED_BUCKETS", BUCKET),
        ("LONGSHORE_LOCAL_DEVELOPMENT", "true"),
    ];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}
