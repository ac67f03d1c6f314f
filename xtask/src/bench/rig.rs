//! A function as it runs on Lambda, with what it needs: PostgreSQL, archives, records.
//!
//! Archives are served from memory: the files of a local S3 server come in such small pieces that the server would be
//! measured, not the function.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use longshore_devkit::{
    http_server::{HttpServer, Reply},
    kafka_event::KafkaEvent,
    postgres::Cluster,
    runtime_api::Function,
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{Duration as Span, UtcDateTime, format_description::well_known::Rfc3339, macros::utc_datetime};
use tokio_postgres::Client;

use super::{binaries::Binaries, database, series::Series};

/// Archives by the paths of their URLs.
type Archives = Arc<Mutex<HashMap<String, Bytes>>>;

/// When the first archive was uploaded; each later one a minute after the one before.
const FIRST_UPLOAD: UtcDateTime = utc_datetime!(2026-03-02 10:15);
/// Far more than any invocation takes.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Processes started to measure the cold start.
const COLD_STARTS: usize = 20;

/// Whose uploads all archives are.
pub const ORG: &str = "5318290";

/// A function that unloads archives, and how it is told of one.
#[derive(Debug)]
pub struct Unloader {
    /// The name of its binary.
    pub binary: &'static str,
    /// Its database.
    pub database: &'static str,
    /// The service that uploads are for.
    pub service: &'static str,
    /// Where they are announced.
    pub topic: &'static str,
    /// Where it records what it did, a row a message.
    pub record: &'static str,
    /// What stands there in `outcome` when an archive was unloaded.
    pub done: &'static str,
}

/// What was done to a table, or to a kind of object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Stats {
    /// New rows, and rows that returned.
    pub adds: u64,
    /// Changed rows.
    pub updates: u64,
    /// Rows that are gone.
    pub deletes: u64,
}

/// An archive that was unloaded.
#[derive(Debug)]
pub struct Unloaded {
    /// From handing out the event to the function's answer.
    pub took: Duration,
    /// Seconds of each phase, as the function recorded them.
    pub phases: BTreeMap<String, f64>,
    /// By table or kind of object.
    pub stats: BTreeMap<String, Stats>,
}

impl Unloaded {
    /// A count of all tables but one.
    pub fn sum(&self, of: fn(&Stats) -> u64, without: Option<&str>) -> u64 {
        self.stats.iter().filter(|(table, _)| without != Some(table)).map(|(_, stats)| of(stats)).sum()
    }

    /// What was done to one table.
    pub fn of(&self, table: &str) -> Stats {
        self.stats.get(table).copied().unwrap_or_default()
    }
}

/// Everything around the function.
pub struct Rig {
    unloader: &'static Unloader,
    server: HttpServer,
    archives: Archives,
    /// A connection of our own to the function's database.
    pub client: Client,
    binary: PathBuf,
    env: Vec<(String, String)>,
    records: i64,
}

impl Rig {
    /// Starts a web server, and migrates a new database with the real function. `env`: what this function is set besides.
    pub async fn start(
        unloader: &'static Unloader,
        cluster: &Cluster,
        binaries: &Binaries,
        env: Vec<(String, String)>,
    ) -> Result<Self> {
        let archives = Archives::default();
        let served = Arc::clone(&archives);
        let server = HttpServer::start(move |request| {
            let archive = served.lock().unwrap_or_else(PoisonError::into_inner).get(&request.path).cloned();
            Reply::file(&request, archive.unwrap_or_default())
        });
        let server = server.await?;
        let client = migrated_database(cluster, binaries, unloader.database).await?;
        let env = environment(&cluster.url(unloader.database)).into_iter().chain(env).collect();
        Ok(Self { unloader, server, archives, client, binary: binaries.path(unloader.binary), env, records: 0 })
    }

    /// What the function is set.
    pub fn env(&self) -> &[(String, String)] {
        &self.env
    }

    /// Starts a process of the function.
    pub async fn function(&self) -> Result<Function> {
        Function::spawn(&self.binary, &self.env).await
    }

    /// Starts processes, and lets them do nothing.
    pub async fn cold_starts(&self) -> Result<Series> {
        let mut series = Series::default();
        for start in 0..=COLD_STARTS {
            let function = self.function().await?;
            let took = function.time_to_first_next().await?;
            // The first reads the binary from the disk.
            if start > 0 {
                series.push(took);
            }
        }
        Ok(series)
    }

    /// Serves an archive.
    pub fn upload(&self, key: &str, archive: &[u8]) {
        let mut archives = self.archives.lock().unwrap_or_else(PoisonError::into_inner);
        archives.insert(format!("/{key}"), Bytes::copy_from_slice(archive));
    }

    /// Invokes the function with a record that announces the archive `key`, and insists that it was unloaded.
    pub async fn unload(&mut self, function: &mut Function, key: &str, metadata: &Value) -> Result<Unloaded> {
        self.records += 1;
        let Unloader { record, done, .. } = self.unloader;
        let request_id = format!("bench-{}", self.records);
        let took = self.announce(function, key, metadata).await?;
        let logs = || function.logs().join("\n");
        let sql = format!("SELECT outcome, stats, seconds FROM longshore.{record} WHERE request_id = $1");
        let row = self.client.query_opt(&sql, &[&request_id]).await?;
        let row = row.with_context(|| format!("{key} was not unloaded:\n{}", logs()))?;
        let outcome: &str = row.get(0);
        ensure!(outcome == *done, "{key} was {outcome} instead of {done}:\n{}", logs());
        Ok(Unloaded { took, stats: serde_json::from_value(row.get(1))?, phases: serde_json::from_value(row.get(2))? })
    }

    /// Delivers the record of the last upload once more: all that it says is done already.
    pub async fn repeat(&self, function: &mut Function, key: &str, metadata: &Value) -> Result<Duration> {
        self.announce(function, key, metadata).await
    }

    async fn announce(&self, function: &mut Function, key: &str, metadata: &Value) -> Result<Duration> {
        let Unloader { topic, service, .. } = self.unloader;
        let value = self.message(key, &format!("bench-{}", self.records), metadata)?;
        let headers = [("service", service.as_bytes())];
        let event = KafkaEvent::msk().record(topic, 0, self.records, Some(&value), &headers, -1);
        let invocation = function.invoke(&event.to_json(), TIMEOUT).await?;
        let answer = answer(invocation.result)?;
        let failures = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
        ensure!(failures == 0, "unloading {key} failed:\n{}", function.logs().join("\n"));
        Ok(invocation.took)
    }

    /// The announcement of an upload, in the form of the ingress service.
    fn message(&self, key: &str, request_id: &str, metadata: &Value) -> Result<Vec<u8>> {
        let uploaded = FIRST_UPLOAD + Span::minutes(self.records);
        let service = self.unloader.service;
        let message = json!({
            "url": self.server.url(&format!("/{key}")), "service": service, "category": service,
            "request_id": request_id, "account": "1460290", "org_id": ORG, "principal": "uploader",
            "metadata": metadata, "timestamp": uploaded.format(&Rfc3339)?,
        });
        Ok(message.to_string().into_bytes())
    }
}

/// Makes a database anew and migrates it with the real function. Returns a connection to it.
pub async fn migrated_database(cluster: &Cluster, binaries: &Binaries, name: &str) -> Result<Client> {
    cluster.drop_database(name).await?;
    cluster.create_database(name, None).await?;
    set_up(cluster, binaries, name, &json!({"command": "migrate"})).await?;
    database::connect(&cluster.url(name)).await
}

/// Has `setup` carry out a command on a database.
pub async fn set_up(cluster: &Cluster, binaries: &Binaries, database: &str, command: &Value) -> Result<()> {
    set_up_with(cluster, binaries, database, &[], command).await.map(drop)
}

/// As [`set_up`], with further variables; returns what it answered.
pub async fn set_up_with(
    cluster: &Cluster,
    binaries: &Binaries,
    database: &str,
    env: &[(String, String)],
    command: &Value,
) -> Result<Value> {
    let url = ("DATABASE_URL".to_owned(), cluster.url(database));
    let env: Vec<_> = env.iter().cloned().chain([url]).collect();
    let mut setup = Function::spawn(&binaries.path("setup"), &env).await?;
    let done = setup.invoke(command.to_string().as_bytes(), TIMEOUT).await?;
    answer(done.result).with_context(|| format!("{command} failed on the database `{database}`"))
}

/// A function's answer as JSON, or its error as ours.
pub fn answer(result: Result<Vec<u8>, Vec<u8>>) -> Result<Value> {
    let body = result.map_err(|error| anyhow::anyhow!("{}", String::from_utf8_lossy(&error)))?;
    Ok(serde_json::from_slice(&body)?)
}

fn environment(url: &str) -> [(String, String); 3] {
    let variables =
        [("DATABASE_URL", url), ("LONGSHORE_ALLOWED_HOSTS", "127.0.0.1"), ("LONGSHORE_LOCAL_DEVELOPMENT", "true")];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned()))
}
