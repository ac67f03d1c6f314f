//! Imports of a manifest: the real process, real events, a real PostgreSQL with its durability on.
//!
//! Floors and imports take turns, so that whatever slows the machine down for a while slows both.

pub mod load;
mod results;
mod tables;
pub mod trust;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use longshore_devkit::{
    manifest::{Authority, Scale},
    postgres::Cluster,
    runtime_api::Function,
};
use serde_json::json;
use tokio::task::spawn_blocking;
use tokio_postgres::Client;

use self::{
    load::{Load, Successors},
    results::Results,
    tables::{Seed, Snapshot},
};
use super::{
    Options,
    binaries::Binaries,
    database,
    outcome::Outcome,
    reader,
    rig::{self, Rig, Unloaded, Unloader},
    rounds::{self, Rounds},
    timings::Sized,
};
use crate::{progress::Progress, workspace::Workspace};

/// What is measured.
pub static IMPORTER: Unloader = Unloader {
    binary: "manifest-importer",
    database: "imported",
    service: "candlepin",
    topic: "platform.upload.candlepin",
    record: "imports",
    done: "imported",
};

/// The database of the floor.
const FLOOR: &str = "imported_floor";

/// The size beside the whole, for the growth.
const FOUR_TIMES: f64 = 4.0;

/// The share of products, content and entitlements that changes, and which ones.
const CHANGED: (f64, u64) = (0.01, 1);

/// A manifest of one size under measurement: what is imported, where it lies, what was measured.
struct Subject {
    load: Load,
    key: String,
    file: PathBuf,
    /// What the tables hold after a first import; there once one was done.
    rows: Option<Snapshot>,
    times: Sized,
}

/// Measures everything.
pub async fn measure(workspace: &Workspace, options: &Options, progress: Progress) -> Result<Outcome> {
    progress.note("building the functions as they are deployed; the first time takes minutes");
    let binaries = Binaries::build(workspace, &[IMPORTER.binary, "setup", reader::BINARY]).await?;
    let dir = workspace.target("bench");
    let cluster = database::start_cluster(&dir, options.explain).await?;
    let mut bench = Bench::prepare(&cluster, &binaries, &dir, options, progress).await?;
    rounds::run(&mut bench, options.runs, progress).await?;
    bench.memory(progress).await?;
    bench.results.cold_start = bench.rig.cold_starts().await?;
    progress.note("measured the cold start");
    bench.results.binary_bytes = binaries.size(IMPORTER.binary)?;
    let mut outcome = bench.results.outcome(&bench.subjects, options);
    outcome.fact("machine", super::machine::facts(&bench.rig.client).await?);
    drop(bench);
    spawn_blocking(move || cluster.stop()).await?;
    if options.explain {
        progress.note(&format!("statements and plans are in {}", workspace.shown(&database::server_log(&dir))));
    }
    Ok(outcome)
}

struct Bench<'b> {
    binaries: &'b Binaries,
    rig: Rig,
    function: Function,
    /// A connection to the floor's database.
    floor: Client,
    /// What is there before an import.
    seed: Seed,
    /// The public key of whoever signs, in a file.
    key: PathBuf,
    /// The whole manifest first.
    subjects: Vec<Subject>,
    results: Results,
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
        let env = [trust.env, load::limits(options.scale)].concat();
        let rig = Rig::start(&IMPORTER, cluster, binaries, env).await?;
        let floor = rig::migrated_database(cluster, binaries, FLOOR).await?;
        let owner = json!({"command": "create-owner", "owner": rig::ORG});
        rig::set_up(cluster, binaries, IMPORTER.database, &owner).await?;
        let seed = Seed::of(&rig.client).await?;
        progress.note("making the manifests");
        let factors: &[f64] = if options.no_growth { &[1.0] } else { &[1.0, FOUR_TIMES] };
        let mut subjects = Vec::new();
        for factor in factors {
            let scale = Scale::scaled(options.scale * factor);
            let load = spawn_blocking(move || Load::new(scale)).await?;
            let (key, file) = (format!("manifest-{factor}.zip"), dir.join(format!("manifest-{factor}.zip")));
            std::fs::write(&file, &load.archive).with_context(|| format!("cannot write {}", file.display()))?;
            rig.upload(&key, &load.archive);
            let times = Sized { held_bytes: load.held_bytes(), ..Sized::default() };
            subjects.push(Subject { load, key, file, rows: None, times });
        }
        let whole = subjects[0].load.scale;
        let successors = spawn_blocking(move || Successors::of(whole)).await?;
        rig.upload("unchanged.zip", &successors.unchanged);
        rig.upload("changed.zip", &successors.changed);
        let function = rig.function().await?;
        Ok(Self { binaries, rig, function, floor, seed, key: trust.key, subjects, results: Results::default() })
    }

    async fn again(&mut self, key: &str) -> Result<Unloaded> {
        database::settle(&self.rig.client).await?;
        import(&mut self.rig, &mut self.function, key).await
    }

    /// The peak of a fresh process, beyond the archive and the zip in it; for each size.
    async fn memory(&mut self, progress: Progress) -> Result<()> {
        for subject in &mut self.subjects {
            self.seed.restore(&self.rig.client).await?;
            let mut function = self.rig.function().await?;
            function.time_to_first_next().await?;
            self.results.idle_bytes = function.peak_rss_bytes()?;
            import(&mut self.rig, &mut function, &subject.key).await?;
            subject.times.peak_bytes = function.peak_rss_bytes()?;
        }
        progress.note("measured the memory");
        Ok(())
    }
}

impl Rounds for Bench<'_> {
    const WARMED_UP: &'static str = "warmed up; the rows are what the manifest says";

    fn sizes(&self) -> usize {
        self.subjects.len()
    }

    /// The floor, and the first import into a database that has the owner and nothing of him.
    async fn first(&mut self, subject: usize, counts: bool) -> Result<()> {
        let subject = &mut self.subjects[subject];
        let read = reader::read(self.binaries, &subject.file, Some(&self.key)).await?;
        subject.times.json_bytes = read.json_bytes;
        let mut copied = None;
        if let Some(rows) = &subject.rows {
            self.seed.restore(&self.floor).await?;
            copied = Some(rows.copy(&self.floor).await?);
        }
        self.seed.restore(&self.rig.client).await?;
        let first = import(&mut self.rig, &mut self.function, &subject.key).await?;
        subject.load.expect_imported(&self.rig.client).await?;
        match &subject.rows {
            Some(rows) => rows.expect_counts(&self.rig.client).await?,
            None => subject.rows = Some(Snapshot::of(&self.rig.client).await?),
        }
        if let (true, Some(copied)) = (counts, copied) {
            subject.times.read.push(read.took);
            subject.times.copy.push(copied);
            subject.times.first.add(&first);
        }
        Ok(())
    }

    /// What comes after a first import of the whole manifest.
    async fn later(&mut self, counts: bool) -> Result<()> {
        let unchanged = self.again("unchanged.zip").await?;
        let written = unchanged.sum(|stats| stats.adds + stats.updates + stats.deletes, None);
        ensure!(written == 0, "an unchanged manifest wrote {written} objects");
        let changed = self.again("changed.zip").await?;
        self.subjects[0].load.expect_changed(&changed)?;
        if counts {
            self.results.unchanged.add(&unchanged);
            self.results.changed.add(&changed);
        }
        Ok(())
    }

    fn last_round(&self) -> String {
        self.results.last_run(&self.subjects[0].times)
    }
}

async fn import(rig: &mut Rig, function: &mut Function, key: &str) -> Result<Unloaded> {
    rig.unload(function, key, &json!({"file_name": key})).await
}
