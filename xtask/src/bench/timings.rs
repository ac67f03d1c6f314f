//! What was measured of archives that were unloaded.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use super::{outcome::Outcome, rig::Unloaded, series::Series};

/// Bytes of a MiB.
pub const MIB: f64 = 1_048_576.0;

/// Unloadings of one kind.
#[derive(Debug, Default)]
pub struct Timings {
    /// From the event to the answer.
    pub took: Series,
    phases: BTreeMap<String, Series>,
}

impl Timings {
    /// Adds one.
    pub fn add(&mut self, unloaded: &Unloaded) {
        self.took.push(unloaded.took);
        let recorded: f64 = unloaded.phases.values().sum();
        let rest = unloaded.took.as_secs_f64() - recorded;
        let rest = [("rest".to_owned(), rest)];
        for (phase, seconds) in unloaded.phases.clone().into_iter().chain(rest) {
            self.phases.entry(phase).or_default().push(Duration::from_secs_f64(seconds.max(0.0)));
        }
    }

    /// The median of each phase; the rest is the event, resolving, committing, and the answer.
    fn phases(&self) -> String {
        const ORDER: [&str; 8] = ["download", "verify", "wait", "read", "merge", "write", "events", "rest"];
        let shown = |name: &str| Some(format!("{name} {:.3}", self.phases.get(name)?.median()));
        ORDER.into_iter().filter_map(shown).collect::<Vec<_>>().join(", ")
    }

    fn medians(&self) -> serde_json::Value {
        json!(self.phases.iter().map(|(name, series)| (name, series.median())).collect::<BTreeMap<_, _>>())
    }

    /// A line of the table, `{key}_s`, and `{key}_phases_s`.
    pub fn report(&self, outcome: &mut Outcome, key: &str, what: &str) {
        outcome.measure(&format!("{key}_s"), what, &self.took, self.phases());
        outcome.fact(&format!("{key}_phases_s"), self.medians());
    }
}

/// What was measured at one size.
#[derive(Debug, Default)]
pub struct Sized {
    /// The floor: expand and parse.
    pub read: Series,
    /// The floor: COPY.
    pub copy: Series,
    /// Unloaded into an empty database.
    pub first: Timings,
    /// The JSON in the archive.
    pub json_bytes: u64,
    /// What of the archive has to be held, in bytes.
    pub held_bytes: u64,
    /// Peak memory of a process that did one first unloading.
    pub peak_bytes: u64,
}

impl Sized {
    /// Run by run.
    pub fn floor(&self) -> Series {
        self.read.plus(&self.copy)
    }

    /// How far from it.
    pub fn to_floor(&self) -> f64 {
        self.first.took.median() / self.floor().median()
    }

    /// Peak memory beyond what has to be held, in MiB.
    pub fn peak_over_archive(&self) -> f64 {
        self.peak_bytes.saturating_sub(self.held_bytes) as f64 / MIB
    }

    /// The parts of the floor, and the floor. `reading`: what is done to the archive.
    pub fn report_floor(&self, outcome: &mut Outcome, reading: &str) {
        outcome.measure("floor_read_s", &format!("floor: {reading}"), &self.read, "");
        outcome.measure("floor_copy_s", "floor: COPY", &self.copy, "");
        outcome.measure("floor_s", "floor", &self.floor(), "");
    }

    /// Another size than the whole: `key` and `size` are words for it, `first` for a first unloading.
    pub fn report_beside(&self, whole: &Self, outcome: &mut Outcome, key: &str, size: &str, first: &str) {
        let floor = self.floor();
        let growth = format!("{:.2} x the whole's", floor.median() / whole.floor().median());
        outcome.measure(&format!("{key}_floor_s"), &format!("{size}: floor"), &floor, growth);
        self.first.report(outcome, key, &format!("{size}: {first}"));
        outcome.number(&format!("{key}_to_floor"), self.to_floor());
        outcome.number(&format!("{key}_peak_over_archive_mib"), self.peak_over_archive());
    }
}
