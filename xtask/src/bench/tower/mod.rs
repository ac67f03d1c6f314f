//! Refreshes of a Tower: the real process, real events, a real PostgreSQL with its durability on.
//!
//! Floors and refreshes take turns, so that whatever slows the machine down for a while slows both.

mod database;
mod floor;
mod load;
mod results;
mod rig;
mod rows;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use longshore_devkit::{postgres::Cluster, runtime_api::Function};
use tokio::task::spawn_blocking;

use self::{
    floor::Floor,
    load::{Increments, Load},
    results::{Results, Sized},
    rig::{Refreshed, Rig},
};
use super::{Options, binaries::Binaries, outcome::Outcome};
use crate::{progress::Progress, workspace::Workspace};

/// What is built in release mode; `bench-floor` is the floor's reader.
const PACKAGES: [&str; 3] = ["tower-persister", "setup", "bench-floor"];

/// Processes started to measure the cold start.
const COLD_STARTS: usize = 20;

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
    let binaries = Binaries::build(workspace, &PACKAGES).await?;
    let dir = workspace.target("bench");
    let cluster = start_cluster(&dir, options.explain).await?;
    let mut bench = Bench::prepare(&cluster, &binaries, &dir, options, progress).await?;
    bench.run(options.runs, progress).await?;
    bench.memory(progress).await?;
    bench.cold_start(progress).await?;
    bench.results.binary_bytes = binaries.size("tower-persister")?;
    let outcome = bench.outcome(options).await?;
    drop(bench);
    spawn_blocking(move || cluster.stop()).await?;
    if options.explain {
        progress.note(&format!("statements and plans are in {}", workspace.shown(&server_log(&dir))));
    }
    Ok(outcome)
}

async fn start_cluster(dir: &Path, explain: bool) -> Result<Cluster> {
    let home = dir.join("postgres");
    let cluster = spawn_blocking(move || Cluster::start(&home)).await?.context("PostgreSQL")?;
    let client = database::connect(&cluster.url("postgres")).await?;
    database::log_statements(&client, explain).await?;
    Ok(cluster)
}

/// The cluster says where it is when it could not stay in the directory that it was given.
fn server_log(dir: &Path) -> PathBuf {
    let home = dir.join("postgres");
    let elsewhere = std::fs::read_to_string(home.join("location"));
    elsewhere.map_or_else(|_| home.join("server"), |path| PathBuf::from(path.trim())).join("server.log")
}

struct Bench {
    rig: Rig,
    floor: Floor,
    function: Function,
    /// The whole Tower first.
    subjects: Vec<Subject>,
    increments: Increments,
    results: Results,
}

impl Bench {
    async fn prepare(
        cluster: &Cluster,
        binaries: &Binaries,
        dir: &Path,
        options: &Options,
        progress: Progress,
    ) -> Result<Self> {
        let rig = Rig::start(cluster, binaries, dir).await?;
        let floor = Floor::prepare(cluster, binaries).await?;
        progress.note("making the archives");
        let factors: &[f64] = if options.no_growth { &[1.0] } else { &[1.0, TENTH, FOUR_TIMES] };
        let mut subjects = Vec::new();
        for factor in factors {
            let scale = options.scale * factor;
            let load = spawn_blocking(move || Load::new(scale)).await?;
            let (key, file) = (format!("full-{factor}.tar.gz"), dir.join(format!("full-{factor}.tar.gz")));
            std::fs::write(&file, &load.full).with_context(|| format!("cannot write {}", file.display()))?;
            rig.upload(&key, &load.full).await?;
            subjects.push(Subject { load, key, file, times: Sized::default() });
        }
        let whole = &subjects[0].load;
        let estate = whole.estate.clone();
        let increments = spawn_blocking(move || Increments::of(&estate)).await?;
        rig.upload("unchanged.tar.gz", &whole.unchanged()?).await?;
        rig.upload("changed.tar.gz", &increments.changed).await?;
        rig.upload("gone.tar.gz", &increments.gone).await?;
        let function = rig.function().await?;
        Ok(Self { rig, floor, function, subjects, increments, results: Results::default() })
    }

    /// One round to warm up, then `runs` that count.
    async fn run(&mut self, runs: u32, progress: Progress) -> Result<()> {
        for round in 0..=runs {
            let counts = round > 0;
            for subject in 0..self.subjects.len() {
                self.first(subject, counts).await?;
                if subject == 0 {
                    if !counts {
                        database::expect_same(&self.rig.client, self.floor.client()).await?;
                    }
                    self.later(counts).await?;
                }
            }
            match counts {
                false => progress.note("warmed up; the rows are those of the floor"),
                true => {
                    progress.note(&format!("run {round} of {runs}: {}", self.results.last_run(&self.subjects[0].times)))
                }
            }
        }
        Ok(())
    }

    /// The floor, and the first refresh into an empty database.
    async fn first(&mut self, subject: usize, counts: bool) -> Result<()> {
        let subject = &mut self.subjects[subject];
        let (read, json_bytes) = self.floor.read(&subject.file).await?;
        subject.times.json_bytes = json_bytes;
        let copy = self.floor.copy(&subject.load.rows).await?;
        database::empty(&self.rig.client).await?;
        let first = self.rig.refresh(&mut self.function, &subject.key).await?;
        let (added, rows) = (first.sum(|stats| stats.adds, None), subject.load.total());
        ensure!(added == rows, "a first refresh added {added} rows instead of {rows}");
        if counts {
            subject.times.read.push(read);
            subject.times.copy.push(copy);
            subject.times.refresh.add(&first);
        }
        Ok(())
    }

    /// What comes after a first refresh of the whole Tower.
    async fn later(&mut self, counts: bool) -> Result<()> {
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
        if counts {
            self.results.unchanged.add(&unchanged);
            self.results.changed.add(&changed);
            self.results.gone.add(&gone);
        }
        Ok(())
    }

    async fn refresh(&mut self, key: &str) -> Result<Refreshed> {
        database::settle(&self.rig.client).await?;
        self.rig.refresh(&mut self.function, key).await
    }

    /// The peak of a fresh process, beyond the archive that it has to hold; for each size.
    async fn memory(&mut self, progress: Progress) -> Result<()> {
        for subject in &mut self.subjects {
            database::empty(&self.rig.client).await?;
            let mut function = self.rig.function().await?;
            function.time_to_first_next().await?;
            self.results.idle_bytes = function.peak_rss_bytes()?;
            self.rig.refresh(&mut function, &subject.key).await?;
            subject.times.peak_bytes = function.peak_rss_bytes()?;
        }
        progress.note("measured the memory");
        Ok(())
    }

    async fn cold_start(&mut self, progress: Progress) -> Result<()> {
        for start in 0..=COLD_STARTS {
            let function = self.rig.function().await?;
            let took = function.time_to_first_next().await?;
            // The first reads the binary from the disk.
            if start > 0 {
                self.results.cold_start.push(took);
            }
        }
        progress.note("measured the cold start");
        Ok(())
    }

    async fn outcome(&self, options: &Options) -> Result<Outcome> {
        let mut outcome = self.results.outcome(&self.subjects, options);
        let version = self.rig.client.query_one("SHOW server_version", &[]).await?;
        let mut machine = super::machine::facts();
        machine["postgresql"] = version.get::<_, &str>(0).into();
        outcome.fact("machine", machine);
        Ok(outcome)
    }
}
