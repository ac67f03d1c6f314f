//! Refreshes of a Tower: the real process, real events, a real PostgreSQL with its durability on.
//!
//! Floors and refreshes take turns, so that whatever slows the machine down for a while slows both.

mod contents;
mod floor;
mod load;
mod results;
mod rows;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use longshore_devkit::{postgres::Cluster, runtime_api::Function};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use self::{
    floor::Floor,
    load::{Increments, Load},
    results::Results,
};
use super::{
    Options,
    binaries::Binaries,
    database,
    outcome::Outcome,
    reader,
    rig::{Rig, Unloaded, Unloader},
    rounds::{self, Rounds},
    timings::Sized,
};
use crate::{progress::Progress, workspace::Workspace};

/// What is measured.
static PERSISTER: Unloader = Unloader {
    binary: "tower-persister",
    database: "refreshed",
    service: "catalog",
    topic: "platform.upload.catalog",
    record: "refreshes",
    done: "applied",
};

/// Sizes beside the whole, for the growth.
const TENTH: f64 = 0.1;
const FOUR_TIMES: f64 = 4.0;

/// A Tower of one size under measurement: what is refreshed, where its archive lies, what was measured.
struct Subject {
    load: Load,
    key: String,
    file: PathBuf,
    times: Sized,
}

/// Measures everything.
pub async fn measure(workspace: &Workspace, options: &Options, progress: Progress) -> Result<Outcome> {
    progress.note("building the functions as they are deployed; the first time takes minutes");
    let binaries = Binaries::build(workspace, &[PERSISTER.binary, "setup", reader::BINARY]).await?;
    let dir = workspace.target("bench");
    let cluster = database::start_cluster(&dir, options.explain).await?;
    let mut bench = Bench::prepare(&cluster, &binaries, &dir, options, progress).await?;
    rounds::run(&mut bench, options.runs, progress).await?;
    bench.memory(progress).await?;
    bench.results.cold_start = bench.rig.cold_starts().await?;
    bench.results.binary_bytes = binaries.size(PERSISTER.binary)?;
    let outcome = bench.outcome(options).await?;
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
    floor: Floor,
    function: Function,
    /// The whole Tower first.
    subjects: Vec<Subject>,
    increments: Increments,
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
        let rig = Rig::start(&PERSISTER, cluster, binaries, Vec::new()).await?;
        let floor = Floor::prepare(cluster, binaries).await?;
        progress.note("making the archives");
        let factors: &[f64] = if options.no_growth { &[1.0] } else { &[1.0, TENTH, FOUR_TIMES] };
        let mut subjects = Vec::new();
        for factor in factors {
            let scale = options.scale * factor;
            let load = spawn_blocking(move || Load::new(scale)).await?;
            let (key, file) = (format!("full-{factor}.tar.gz"), dir.join(format!("full-{factor}.tar.gz")));
            std::fs::write(&file, &load.full).with_context(|| format!("cannot write {}", file.display()))?;
            rig.upload(&key, &load.full);
            let times = Sized { held_bytes: load.full.len() as u64, ..Sized::default() };
            subjects.push(Subject { load, key, file, times });
        }
        let whole = &subjects[0].load;
        let estate = whole.estate.clone();
        let increments = spawn_blocking(move || Increments::of(&estate)).await?;
        rig.upload("unchanged.tar.gz", &whole.unchanged()?);
        rig.upload("changed.tar.gz", &increments.changed);
        rig.upload("gone.tar.gz", &increments.gone);
        let function = rig.function().await?;
        Ok(Self { binaries, rig, floor, function, subjects, increments, results: Results::default() })
    }

    async fn refresh(&mut self, key: &str) -> Result<Unloaded> {
        database::settle(&self.rig.client).await?;
        refresh(&mut self.rig, &mut self.function, key).await
    }

    /// The peak of a fresh process, beyond the archive that it has to hold; for each size.
    async fn memory(&mut self, progress: Progress) -> Result<()> {
        for subject in &mut self.subjects {
            database::empty(&self.rig.client).await?;
            let mut function = self.rig.function().await?;
            function.time_to_first_next().await?;
            self.results.idle_bytes = function.peak_rss_bytes()?;
            refresh(&mut self.rig, &mut function, &subject.key).await?;
            subject.times.peak_bytes = function.peak_rss_bytes()?;
        }
        progress.note("measured the memory");
        Ok(())
    }

    async fn outcome(&self, options: &Options) -> Result<Outcome> {
        let mut outcome = self.results.outcome(&self.subjects, options);
        outcome.fact("machine", super::machine::facts(&self.rig.client).await?);
        Ok(outcome)
    }
}

impl Rounds for Bench<'_> {
    const WARMED_UP: &'static str = "warmed up; the rows are those of the floor";

    fn sizes(&self) -> usize {
        self.subjects.len()
    }

    /// The floor, and the first refresh into an empty database.
    async fn first(&mut self, subject: usize, counts: bool) -> Result<()> {
        let subject = &mut self.subjects[subject];
        let read = reader::read(self.binaries, &subject.file, None).await?;
        subject.times.json_bytes = read.json_bytes;
        let copy = self.floor.copy(&subject.load.rows).await?;
        database::empty(&self.rig.client).await?;
        let first = refresh(&mut self.rig, &mut self.function, &subject.key).await?;
        let (added, rows) = (first.sum(|stats| stats.adds, None), subject.load.total());
        ensure!(added == rows, "a first refresh added {added} rows instead of {rows}");
        if counts {
            subject.times.read.push(read.took);
            subject.times.copy.push(copy);
            subject.times.first.add(&first);
        }
        Ok(())
    }

    /// What comes after a first refresh of the whole Tower.
    async fn later(&mut self, counts: bool) -> Result<()> {
        if !counts {
            contents::expect_same(&self.rig.client, self.floor.client()).await?;
        }
        let unchanged = self.refresh("unchanged.tar.gz").await?;
        let written = unchanged.sum(|stats| stats.adds + stats.updates + stats.deletes, None);
        ensure!(written == 0, "an unchanged archive wrote {written} rows");
        // Surveys are no objects of their own, so the Tower does not count them.
        let plans = Some("service_plans");
        let changed = self.refresh("changed.tar.gz").await?;
        let updated = changed.sum(|stats| stats.updates, plans);
        ensure!(updated == self.increments.changed_objects, "an incremental archive updated {updated} objects");
        let gone = self.refresh("gone.tar.gz").await?;
        let archived = gone.sum(|stats| stats.deletes, plans);
        ensure!(archived == self.increments.gone_objects, "an incremental archive archived {archived} objects");
        let known = self.rig.repeat(&mut self.function, "gone.tar.gz", &metadata()).await?;
        if counts {
            self.results.known.push(known);
            self.results.unchanged.add(&unchanged);
            self.results.changed.add(&changed);
            self.results.gone.add(&gone);
        }
        Ok(())
    }

    fn last_round(&self) -> String {
        self.results.last_run(&self.subjects[0].times)
    }
}

async fn refresh(rig: &mut Rig, function: &mut Function, key: &str) -> Result<Unloaded> {
    rig.unload(function, key, &metadata()).await
}

fn metadata() -> Value {
    json!({"reporter": "6b5a4c1e-1b7e-4f55-9d1c-2f0f3c2b7a10", "stale_timestamp": ""})
}
