//! What was measured, and what is promised about it.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use super::{Subject, rig::Refreshed};
use crate::{
    bench::{
        Options,
        outcome::{Bar, Outcome},
        series::Series,
    },
    table::{size, thousands},
};

const MIB: f64 = 1_048_576.0;

/// Refreshes of one kind.
#[derive(Debug, Default)]
pub struct Refreshes {
    took: Series,
    phases: BTreeMap<String, Series>,
}

impl Refreshes {
    /// Adds one.
    pub fn add(&mut self, refreshed: &Refreshed) {
        self.took.push(refreshed.took);
        let recorded: f64 = refreshed.phases.values().sum();
        let rest = refreshed.took.as_secs_f64() - recorded;
        let rest = [("rest".to_owned(), rest)];
        for (phase, seconds) in refreshed.phases.clone().into_iter().chain(rest) {
            self.phases.entry(phase).or_default().push(Duration::from_secs_f64(seconds.max(0.0)));
        }
    }

    /// The median of each phase; the rest is the event, resolving, committing, and the answer.
    fn phases(&self) -> String {
        const ORDER: [&str; 5] = ["download", "wait", "read", "merge", "rest"];
        let shown = |name: &str| Some(format!("{name} {:.3}", self.phases.get(name)?.median()));
        ORDER.into_iter().filter_map(shown).collect::<Vec<_>>().join(", ")
    }

    fn medians(&self) -> serde_json::Value {
        json!(self.phases.iter().map(|(name, series)| (name, series.median())).collect::<BTreeMap<_, _>>())
    }
}

/// What was measured at one size.
#[derive(Debug, Default)]
pub struct Sized {
    /// The floor: expand and parse.
    pub read: Series,
    /// The floor: COPY.
    pub copy: Series,
    /// The first refresh.
    pub refresh: Refreshes,
    /// The JSON in the archive.
    pub json_bytes: u64,
    /// Peak memory of a process that did one first refresh.
    pub peak_bytes: u64,
}

impl Sized {
    fn floor(&self) -> Series {
        self.read.plus(&self.copy)
    }

    fn to_floor(&self) -> f64 {
        self.refresh.took.median() / self.floor().median()
    }
}

/// What was measured at the whole size alone, and of the process.
#[derive(Debug, Default)]
pub struct Results {
    pub unchanged: Refreshes,
    pub changed: Refreshes,
    pub gone: Refreshes,
    pub cold_start: Series,
    pub binary_bytes: u64,
    /// Peak memory of a process that has done nothing yet.
    pub idle_bytes: u64,
}

impl Results {
    /// The last run in a few words.
    pub fn last_run(&self, whole: &Sized) -> String {
        format!(
            "first refresh {:.2} x the floor so far, unchanged {:.2} x the first",
            whole.to_floor(),
            self.unchanged.took.median() / whole.refresh.took.median()
        )
    }

    /// The tables and numbers.
    pub fn outcome(&self, subjects: &[Subject], options: &Options) -> Outcome {
        let mut outcome = Outcome::default();
        let whole = &subjects[0];
        outcome.title = vec![
            format!("tower: {}", whole.load.describe()),
            format!(
                "{} of JSON in an archive of {}, {} rows; median of {} after one to warm up{}",
                size(whole.times.json_bytes),
                size(whole.load.full.len() as u64),
                thousands(whole.load.total()),
                options.runs,
                if options.explain { "; slowed down by --explain" } else { "" }
            ),
        ];
        outcome.fact("scale", json!(options.scale));
        outcome.fact("runs", json!(options.runs));
        outcome.fact("rows", json!(whole.load.total()));
        outcome.fact("archive_bytes", json!(whole.load.full.len()));
        outcome.fact("json_bytes", json!(whole.times.json_bytes));
        outcome.fact("explained", json!(options.explain));
        self.measures(&mut outcome, subjects);
        self.bars(&mut outcome, subjects);
        outcome
    }

    fn measures(&self, outcome: &mut Outcome, subjects: &[Subject]) {
        let whole = &subjects[0].times;
        outcome.measure("floor_read_s", "floor: expand and parse", &whole.read, "");
        outcome.measure("floor_copy_s", "floor: COPY", &whole.copy, "");
        outcome.measure("floor_s", "floor", &whole.floor(), "");
        let refreshes = [
            ("first", "first refresh", &whole.refresh),
            ("unchanged", "unchanged, one byte differs", &self.unchanged),
            ("incremental", "incremental, 1 % changed", &self.changed),
            ("gone_5_percent", "incremental, 5 % gone", &self.gone),
        ];
        for (key, what, refreshes) in refreshes {
            outcome.measure(&format!("{key}_s"), what, &refreshes.took, refreshes.phases());
            outcome.fact(&format!("{key}_phases_s"), refreshes.medians());
        }
        for (key, what, subject) in
            [("tenth", "a tenth", subjects.get(1)), ("four_times", "four times", subjects.get(2))]
        {
            let Some(Subject { times, .. }) = subject else { continue };
            let floor = times.floor();
            let growth = format!("{:.2} x the whole's", floor.median() / whole.floor().median());
            outcome.measure(&format!("{key}_floor_s"), &format!("{what}: floor"), &floor, growth);
            outcome.measure(
                &format!("{key}_s"),
                &format!("{what}: first refresh"),
                &times.refresh.took,
                times.refresh.phases(),
            );
            outcome.number(&format!("{key}_to_floor"), times.to_floor());
            outcome.number(&format!("{key}_peak_over_archive_mib"), subject.map_or(0.0, peak_over_archive));
        }
        outcome.measure("cold_start_s", "cold start", &self.cold_start, "");
        outcome.number("idle_mib", self.idle_bytes as f64 / MIB);
    }

    fn bars(&self, outcome: &mut Outcome, subjects: &[Subject]) {
        let whole = &subjects[0];
        let first = whole.times.refresh.took.median();
        let to_first = |refreshes: &Refreshes| refreshes.took.median() / first;
        outcome.bar(Bar::new("first refresh to the floor", "first_to_floor", whole.times.to_floor(), 1.5, "x"));
        outcome.bar(Bar::new("unchanged to the first", "unchanged_to_first", to_first(&self.unchanged), 0.4, "x"));
        outcome.bar(Bar::new("1 % changed to the first", "incremental_to_first", to_first(&self.changed), 0.2, "x"));
        if let Some(four) = subjects.get(2) {
            let growth = four.times.refresh.took.median() / first;
            outcome.bar(Bar::new("4 times the objects", "growth_4x", growth, 4.4, "x"));
        }
        let peak = peak_over_archive(whole);
        outcome.bar(Bar::new("peak memory beyond the archive", "peak_over_archive_mib", peak, 64.0, "MiB"));
        outcome.bar(Bar::new("cold start", "cold_start_ms", self.cold_start.median() * 1e3, 30.0, "ms"));
        outcome.bar(Bar::new("binary, stripped", "binary_mib", self.binary_bytes as f64 / MIB, 12.0, "MiB"));
    }
}

fn peak_over_archive(subject: &Subject) -> f64 {
    subject.times.peak_bytes.saturating_sub(subject.load.full.len() as u64) as f64 / MIB
}
