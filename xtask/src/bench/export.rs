//! Exports of a distributor with as many entitlements and products as the manifest of the import's measure: the real
//! process, a real PostgreSQL; S3 is a web server that takes everything and keeps it in memory.
//!
//! The floor compresses the same files, each alone, at the same level. Both take turns.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use longshore::archive::{Limits, Members};
use longshore_devkit::{
    http_server::{HttpServer, Reply, Request},
    kafka_event::KafkaEvent,
    manifest::{Authority, Scale},
    postgres::Cluster,
    runtime_api::Function,
};
use serde_json::json;
use tokio::task::spawn_blocking;

use super::{
    Options,
    binaries::Binaries,
    database,
    manifest::{load::Load, trust},
    outcome::{Bar, Outcome},
    reader,
    rig::{self, Rig, Unloader},
    series::Series,
    timings::MIB,
};
use crate::{progress::Progress, table::size, workspace::Workspace};

/// Who brings what is exported.
static IMPORTER: Unloader = Unloader {
    binary: "manifest-importer",
    database: "exported",
    service: "candlepin",
    topic: "platform.upload.candlepin",
    record: "imports",
    done: "imported",
};

const EXPORTER: &str = "manifest-exporter";

/// Far more than an export takes.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Measures everything.
pub async fn measure(workspace: &Workspace, options: &Options, progress: Progress) -> Result<Outcome> {
    progress.note("building the functions as they are deployed; the first time takes minutes");
    let binaries = Binaries::build(workspace, &[EXPORTER, IMPORTER.binary, "setup", reader::BINARY]).await?;
    let dir = workspace.target("bench");
    let cluster = database::start_cluster(&dir, options.explain).await?;
    let mut bench = Bench::prepare(&cluster, &binaries, &dir, options, progress).await?;
    bench.run(options.runs, progress).await?;
    let mut outcome = bench.outcome(options);
    outcome.fact("machine", super::machine::facts(&bench.rig.client).await?);
    drop(bench);
    spawn_blocking(move || cluster.stop()).await?;
    Ok(outcome)
}

struct Bench<'b> {
    binaries: &'b Binaries,
    rig: Rig,
    bucket: HttpServer,
    env: Vec<(String, String)>,
    /// The distributor's uuid.
    consumer: String,
    load: Load,
    /// The files of the export, for the floor.
    files: PathBuf,
    records: i64,
    took: Series,
    floor: Series,
    /// Bytes: the files, the archive, the peak of a process that has exported once.
    file_bytes: u64,
    archive_bytes: u64,
    peak_bytes: u64,
}

impl<'b> Bench<'b> {
    async fn prepare(
        cluster: &Cluster,
        binaries: &'b Binaries,
        dir: &Path,
        options: &Options,
        progress: Progress,
    ) -> Result<Self> {
        let trust = trust::write(dir, &Authority::new())?;
        let mut rig = Rig::start(&IMPORTER, cluster, binaries, trust.env.clone()).await?;
        rig::set_up(cluster, binaries, IMPORTER.database, &json!({"command": "create-owner", "owner": rig::ORG}))
            .await?;
        let grant = json!({"command": "grant", "org": rig::ORG, "owner": rig::ORG, "permission": "export"});
        rig::set_up(cluster, binaries, IMPORTER.database, &grant).await?;
        progress.note("making and importing what is to be exported");
        let load = spawn_blocking({
            let scale = Scale::scaled(options.scale);
            move || Load::new(scale)
        });
        let load = load.await?;
        rig.upload("manifest.zip", &load.archive);
        let mut importer = rig.function().await?;
        rig.unload(&mut importer, "manifest.zip", &json!({})).await?;
        let command = json!({"command": "create-distributor", "owner": rig::ORG, "name": "bench"});
        let made = rig::set_up_with(cluster, binaries, IMPORTER.database, &trust.env, &command).await?;
        let consumer = made["uuid"].as_str().context("create-distributor answered no uuid")?.to_owned();
        let all =
            "INSERT INTO candlepin.cp_entitlement (id, owner_id, consumer_id, pool_id, quantity, created, updated)
                   SELECT md5(p.id), p.owner_id, c.id, p.id, 1, now(), now()
                   FROM candlepin.cp_pool p, candlepin.cp_consumer c";
        rig.client.execute(all, &[]).await?;
        let bucket = HttpServer::start(take).await?;
        let env = [
            ("AWS_ENDPOINT_URL_S3", bucket.url("")),
            ("AWS_ACCESS_KEY_ID", "key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
            ("LONGSHORE_EXPORT_TARGET", "s3://exports".to_owned()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value));
        let env = rig.env().iter().cloned().chain(env).collect();
        let files = dir.join("export.files");
        let (took, floor) = (Series::default(), Series::default());
        let (file_bytes, archive_bytes, peak_bytes) = (0, 0, 0);
        Ok(Self {
            binaries,
            rig,
            bucket,
            env,
            consumer,
            load,
            files,
            records: 0,
            took,
            floor,
            file_bytes,
            archive_bytes,
            peak_bytes,
        })
    }

    async fn run(&mut self, runs: u32, progress: Progress) -> Result<()> {
        let mut function = self.function().await?;
        let issuing = self.export(&mut function).await?;
        progress.note(&format!("issued all certificates and exported in {:.1} s", issuing.as_secs_f64()));
        database::settle(&self.rig.client).await?;
        let mut function = self.function().await?;
        for round in 0..=runs {
            let took = self.export(&mut function).await?;
            let archive = archive(&self.bucket.take_requests())?;
            if round == 0 {
                self.peak_bytes = function.peak_rss_bytes()?;
                self.keep(archive)?;
            }
            let floor = reader::deflate(self.binaries, &self.files).await?.took;
            if round > 0 {
                self.took.push(took);
                self.floor.push(floor);
                let (took, floor) = (took.as_secs_f64(), floor.as_secs_f64());
                progress.note(&format!("run {round} of {runs}: {took:.2} s, {:.2} x the floor", took / floor));
            }
        }
        Ok(())
    }

    async fn function(&self) -> Result<Function> {
        Function::spawn(&self.binaries.path(EXPORTER), &self.env).await
    }

    /// One export by a Kafka record; what was stored is with the bucket.
    async fn export(&mut self, function: &mut Function) -> Result<Duration> {
        self.records += 1;
        let value = json!({"consumer": self.consumer, "org_id": rig::ORG}).to_string();
        let event = KafkaEvent::msk().record("exports", 0, self.records, Some(value.as_bytes()), &[], -1);
        let invocation = function.invoke(&event.to_json(), TIMEOUT).await?;
        let answer = rig::answer(invocation.result)?;
        let done = "SELECT outcome = 'exported' FROM longshore.exports ORDER BY id DESC LIMIT 1";
        let done: bool = self.rig.client.query_one(done, &[]).await?.get(0);
        ensure!(done, "nothing was exported: {answer}\n{}", function.logs().join("\n"));
        Ok(invocation.took)
    }

    /// Unpacks the archive for the floor.
    fn keep(&mut self, archive: Vec<u8>) -> Result<()> {
        let limits = Limits {
            entry_bytes: 1 << 32,
            expanded_bytes: 1 << 34,
            compressed_bytes: 1 << 32,
            ..Limits::for_manifests()
        };
        self.archive_bytes = archive.len() as u64;
        let outer = Members::zip(archive.into(), &limits)?;
        let inner = outer.get("consumer_export.zip").context("the export has no zip in it")?.read()?;
        let mut files = Vec::new();
        for file in Members::zip(inner.into(), &limits)?.iter() {
            let content = file.read()?;
            files.extend(u32::try_from(content.len())?.to_le_bytes());
            files.extend(content);
        }
        self.file_bytes = files.len() as u64;
        std::fs::write(&self.files, files).with_context(|| format!("cannot write {}", self.files.display()))
    }

    fn outcome(&self, options: &Options) -> Outcome {
        let mut outcome = Outcome::default();
        outcome.title = vec![
            format!("export: {}", self.load.describe()),
            format!(
                "{} of files in an archive of {}; {}",
                size(self.file_bytes),
                size(self.archive_bytes),
                options.describe()
            ),
        ];
        options.report(&mut outcome);
        outcome.fact("export_bytes", json!(self.file_bytes));
        outcome.fact("export_archive_bytes", json!(self.archive_bytes));
        outcome.measure("export_floor_s", "floor: compress the same files", &self.floor, "");
        outcome.measure("export_s", "export", &self.took, "");
        outcome.number("export_peak_mib", self.peak_bytes as f64 / MIB);
        let ratio = self.took.median() / self.floor.median();
        outcome.bar(Bar::new("export to compressing", "export_to_zip", ratio, 3.0, "x"));
        outcome
    }
}

/// S3, as far as an upload needs it.
fn take(request: Request) -> Reply {
    match request.method {
        Method::POST if request.path.contains("uploads") => {
            Reply::ok("<InitiateMultipartUploadResult><UploadId>bench</UploadId></InitiateMultipartUploadResult>")
        }
        Method::POST => {
            Reply::ok("<CompleteMultipartUploadResult><ETag>\"bench\"</ETag></CompleteMultipartUploadResult>")
        }
        Method::PUT => Reply::ok("").header("etag", "\"bench\""),
        _ => Reply::status(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// The object that was put in parts.
fn archive(requests: &[Request]) -> Result<Vec<u8>> {
    let mut parts = BTreeMap::new();
    for request in requests.iter().filter(|request| request.method == Method::PUT) {
        let number = request.path.split(['?', '&']).find_map(|pair| pair.strip_prefix("partNumber="));
        let number: u32 = number.map_or(Ok(0), str::parse)?;
        parts.insert(number, unchunked(request)?);
    }
    Ok(parts.into_values().flatten().collect())
}

/// The bytes of a body that the SDK has sent in chunks, each with its length in front, and a checksum at the end.
fn unchunked(request: &Request) -> Result<Vec<u8>> {
    if request.header("content-encoding") != Some("aws-chunked") {
        return Ok(request.body.to_vec());
    }
    let (mut rest, mut bytes) = (&request.body[..], Vec::new());
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").context("a chunk has no length")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end])?, 16)?;
        if length == 0 {
            return Ok(bytes);
        }
        let start = end + 2;
        bytes.extend_from_slice(rest.get(start..start + length).context("a chunk is cut")?);
        rest = &rest[start + length + 2..];
    }
}
