//! What was measured, and what is promised about it.

use serde_json::json;

use super::{Subject, tables::Snapshot};
use crate::{
    bench::{
        Options,
        outcome::{Bar, Outcome},
        series::Series,
        timings::{MIB, Sized, Timings},
    },
    table::{size, thousands},
};

/// What was measured at the whole size alone, and of the process.
#[derive(Debug, Default)]
pub struct Results {
    pub unchanged: Timings,
    pub changed: Timings,
    pub cold_start: Series,
    pub binary_bytes: u64,
    /// Peak memory of a process that has done nothing yet.
    pub idle_bytes: u64,
}

impl Results {
    /// The last run in a few words.
    pub fn last_run(&self, whole: &Sized) -> String {
        format!(
            "first import {:.2} x the floor so far, 1 % changed {:.2} x the first",
            whole.to_floor(),
            self.changed.took.median() / whole.first.took.median()
        )
    }

    /// The tables and numbers.
    pub fn outcome(&self, subjects: &[Subject], options: &Options) -> Outcome {
        let mut outcome = Outcome::default();
        let whole = &subjects[0];
        let rows = whole.rows.as_ref().map_or(0, Snapshot::total);
        outcome.title = vec![
            format!("manifest: {}", whole.load.describe()),
            format!(
                "{} of JSON in an archive of {}, {} rows; {}",
                size(whole.times.json_bytes),
                size(whole.load.archive.len() as u64),
                thousands(rows),
                options.describe()
            ),
        ];
        options.report(&mut outcome);
        outcome.fact("rows", json!(rows));
        outcome.fact("archive_bytes", json!(whole.load.archive.len()));
        outcome.fact("json_bytes", json!(whole.times.json_bytes));
        self.measures(&mut outcome, subjects);
        self.bars(&mut outcome, subjects);
        outcome
    }

    fn measures(&self, outcome: &mut Outcome, subjects: &[Subject]) {
        let whole = &subjects[0].times;
        whole.report_floor(outcome, "expand, verify and parse");
        whole.first.report(outcome, "first", "first import");
        self.unchanged.report(outcome, "unchanged", "unchanged, but for its date");
        self.changed.report(outcome, "changed", "1 % changed");
        if let Some(Subject { times, .. }) = subjects.get(1) {
            times.report_beside(whole, outcome, "four_times", "four times", "first import");
        }
        outcome.measure("cold_start_s", "cold start", &self.cold_start, "");
        outcome.number("cold_start_ms", self.cold_start.median() * 1e3);
        outcome.number("binary_mib", self.binary_bytes as f64 / MIB);
        outcome.number("idle_mib", self.idle_bytes as f64 / MIB);
    }

    fn bars(&self, outcome: &mut Outcome, subjects: &[Subject]) {
        let whole = &subjects[0].times;
        let first = whole.first.took.median();
        let changed = self.changed.took.median() / first;
        outcome.number("unchanged_to_first", self.unchanged.took.median() / first);
        outcome.bar(Bar::new("first import to the floor", "first_to_floor", whole.to_floor(), 2.0, "x"));
        outcome.bar(Bar::new("1 % changed to the first", "changed_to_first", changed, 0.3, "x"));
        if let Some(four) = subjects.get(1) {
            let growth = four.times.first.took.median() / first;
            outcome.bar(Bar::new("4 times the entitlements", "growth_4x", growth, 4.4, "x"));
        }
        let peak = whole.peak_over_archive();
        let what = "peak memory beyond archive and inner zip";
        outcome.bar(Bar::new(what, "peak_over_archive_mib", peak, 64.0, "MiB"));
    }
}
