//! `GET` of an owner's upstream consumers, fifty at a time.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use longshore_devkit::{keys::random_key_file, postgres::Cluster};
use serde::Deserialize;
use tokio::process::Command;
use tokio_postgres::Client;

use super::super::{
    Options,
    binaries::Binaries,
    database,
    outcome::{Bar, Outcome},
    rig,
    series::Series,
};
use crate::progress::Progress;

/// The program that asks.
pub const BINARY: &str = "bench-requests";

/// The database.
const DATABASE: &str = "requests";

/// Owners with an upstream consumer each.
const OWNERS: f64 = 10_000.0;

/// Requests at the same time, with a connection each.
const SIDE_BY_SIDE: usize = 50;

/// How long a run of each kind lasts, in seconds.
const LASTING: &str = "3";

/// An owner, its upstream consumer with an identity as large as real ones, and another organisation that may read.
const ROWS: &str = "
  INSERT INTO cp_owner (id, account, displayname, created, updated)
    SELECT 'o' || n, 'owner-' || n, 'Owner ' || n, now(), now() FROM generate_series(0, $1::int - 1) n;
  INSERT INTO cp_cert_serial (id, x509_serial, expiration, created, updated)
    SELECT n + 1, n + 1, now() + interval '1 year', now(), now() FROM generate_series(0, $1::int - 1) n;
  INSERT INTO cp_id_cert (id, cert, privatekey, privatekey_key_id, digest, serial_id, created, updated)
    SELECT 'c' || n,
           convert_to('-----BEGIN CERTIFICATE-----' || (
             SELECT string_agg(md5((n * 64 + m)::text), '') FROM generate_series(1, 48) m), 'UTF8'),
           decode((SELECT string_agg(md5((n * 64 + m)::text), '') FROM generate_series(1, 112) m), 'hex'), 'k1',
           sha256(n::text::bytea), n + 1, now(), now()
    FROM generate_series(0, $1::int - 1) n;
  INSERT INTO cp_upstream_consumer (id, uuid, name, owner_id, type_id, consumer_idcert_id, prefix_url_web, prefix_url_api,
                                    content_access_mode, created, updated)
    SELECT 'u' || n, 'consumer-' || n, 'Distributor ' || n, 'o' || n, '1003', 'c' || n, 'upstream.example/subs/',
           'https://upstream.example/candlepin/consumers/', 'entitlement', now(), now()
    FROM generate_series(0, $1::int - 1) n;
  UPDATE cp_owner SET upstream_id = 'u' || substr(id, 2);
  INSERT INTO grants (org, owner_id, permission, created_at)
    SELECT 'owner-' || (n + 1) % $1::int, 'o' || n, 'read', now() FROM generate_series(0, $1::int - 1) n";

/// A database full of owners.
pub struct Requests {
    /// A connection to it.
    pub client: Client,
    owners: u32,
    url: String,
    keys: PathBuf,
    results: PathBuf,
}

/// Requests of one kind in one run.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Rate {
    per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// One run of both.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Round {
    /// Two of the tables.
    least: Rate,
    /// What the handler asks.
    query: Rate,
    get: Rate,
}

/// All runs that count.
pub struct Measured(Vec<Round>);

impl Requests {
    /// Makes the database.
    pub async fn prepare(
        cluster: &Cluster,
        binaries: &Binaries,
        dir: &Path,
        options: &Options,
        progress: Progress,
    ) -> Result<Self> {
        let owners = (OWNERS * options.scale).max(1.0) as u32;
        progress.note(&format!("making {owners} owners"));
        let client = rig::migrated_database(cluster, binaries, DATABASE).await?;
        client.batch_execute("SET search_path = candlepin, longshore").await?;
        client.batch_execute(&ROWS.replace("$1", &owners.to_string())).await?;
        database::settle(&client).await?;
        let keys = dir.join("requests-keys.json");
        fs::write(&keys, random_key_file()?).with_context(|| format!("cannot write {}", keys.display()))?;
        Ok(Self { client, owners, url: cluster.url(DATABASE), keys, results: dir.join("requests.json") })
    }

    /// One round to warm up, then `runs` that count.
    pub async fn measure(&self, binaries: &Binaries, runs: u32, progress: Progress) -> Result<Measured> {
        let arguments = [self.owners.to_string(), SIDE_BY_SIDE.to_string(), LASTING.to_owned(), runs.to_string()];
        let mut command = Command::new(binaries.path(BINARY));
        command.args(arguments).arg(&self.results).kill_on_drop(true);
        command.env("DATABASE_URL", &self.url).env("LONGSHORE_CONCURRENCY", SIDE_BY_SIDE.to_string());
        command.env("LONGSHORE_KEYS", format!("file:{}", self.keys.display()));
        // Its lines are written as in Lambda, and read by nobody.
        let status = command.stdout(Stdio::null()).status().await.context("cannot start the program that asks")?;
        ensure!(status.success(), "the requests failed");
        let rounds: Vec<Round> = serde_json::from_slice(&fs::read(&self.results)?)?;
        ensure!(rounds.len() == runs as usize, "there are {} runs instead of {runs}", rounds.len());
        progress.note("measured the requests");
        Ok(Measured(rounds))
    }
}

impl Measured {
    fn median(&self, of: fn(&Round) -> f64) -> f64 {
        self.0.iter().map(of).collect::<Series>().median()
    }

    fn seconds(&self, of: fn(&Round) -> f64) -> Series {
        self.0.iter().map(|round| of(round) / 1e3).collect()
    }

    /// The lines of the table, and the bars.
    pub fn report(&self, outcome: &mut Outcome) {
        let (query, get) = (self.median(|round| round.query.per_s), self.median(|round| round.get.per_s));
        outcome.title.push(format!(
            "{SIDE_BY_SIDE} at a time with a connection each, through event, routing, rights, JSON and log lines in one process"
        ));
        let each = |per_s: f64| format!("{per_s:.0} a second");
        let least = self.median(|round| round.least.per_s);
        outcome.measure("least_query_s", "two tables only", &self.seconds(|round| round.least.p50_ms), each(least));
        outcome.measure("query_s", "bare query", &self.seconds(|round| round.query.p50_ms), each(query));
        outcome.measure("query_p99_s", "bare query, 99 of 100", &self.seconds(|round| round.query.p99_ms), "");
        outcome.measure("get_s", "GET", &self.seconds(|round| round.get.p50_ms), each(get));
        outcome.measure("get_p99_s", "GET, 99 of 100", &self.seconds(|round| round.get.p99_ms), "");
        outcome.number("least_query_per_s", least);
        outcome.number("query_per_s", query);
        outcome.number("get_per_s", get);
        // Round by round: what slows the machine for a while slows both.
        let throughput = self.median(|round| round.get.per_s / round.query.per_s);
        let over = self.median(|round| round.get.p99_ms - round.query.p99_ms);
        outcome.bar(Bar::at_least("GET to the bare query", "get_to_query_throughput", throughput, 0.5, "x"));
        outcome.bar(Bar::new("p99 of GET over the query's", "get_p99_over_query_ms", over, 5.0, "ms"));
    }
}
