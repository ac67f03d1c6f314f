//! What was measured, and what is promised about it.

use serde_json::json;

use super::Subject;
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
    pub gone: Timings,
    /// A record whose archive was applied before.
    pub known: Series,
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
            self.unchanged.took.median() / whole.first.took.median()
        )
    }

    /// The tables and numbers.
    pub fn outcome(&self, subjects: &[Subject], options: &Options) -> Outcome {
        let mut outcome = Outcome::default();
        let whole = &subjects[0];
        outcome.title = vec![
            format!("tower: {}", whole.load.describe()),
            format!(
                "{} of JSON in an archive of {}, {} rows; {}",
                size(whole.times.json_bytes),
                size(whole.load.full.len() as u64),
                thousands(whole.load.total()),
                options.describe()
            ),
        ];
        options.report(&mut outcome);
        outcome.fact("rows", json!(whole.load.total()));
        outcome.fact("archive_bytes", json!(whole.load.full.len()));
        outcome.fact("json_bytes", json!(whole.times.json_bytes));
        self.measures(&mut outcome, subjects);
        self.bars(&mut outcome, subjects);
        outcome
    }

    fn measures(&self, outcome: &mut Outcome, subjects: &[Subject]) {
        let whole = &subjects[0].times;
        whole.report_floor(outcome, "expand and parse");
        whole.first.report(outcome, "first", "first refresh");
        self.unchanged.report(outcome, "unchanged", "unchanged, one byte differs");
        self.changed.report(outcome, "incremental", "incremental, 1 % changed");
        self.gone.report(outcome, "gone_5_percent", "incremental, 5 % gone");
        for (key, what, subject) in
            [("tenth", "a tenth", subjects.get(1)), ("four_times", "four times", subjects.get(2))]
        {
            let Some(Subject { times, .. }) = subject else { continue };
            times.report_beside(whole, outcome, key, what, "first refresh");
        }
        outcome.measure("known_s", "the same record again", &self.known, "");
        outcome.measure("cold_start_s", "cold start", &self.cold_start, "");
        outcome.number("idle_mib", self.idle_bytes as f64 / MIB);
    }

    fn bars(&self, outcome: &mut Outcome, subjects: &[Subject]) {
        let whole = &subjects[0].times;
        let first = whole.first.took.median();
        let to_first = |refreshes: &Timings| refreshes.took.median() / first;
        outcome.bar(Bar::new("first refresh to the floor", "first_to_floor", whole.to_floor(), 1.5, "x"));
        outcome.bar(Bar::new("unchanged to the first", "unchanged_to_first", to_first(&self.unchanged), 0.4, "x"));
        outcome.bar(Bar::new("1 % changed to the first", "incremental_to_first", to_first(&self.changed), 0.2, "x"));
        if let Some(four) = subjects.get(2) {
            let growth = four.times.first.took.median() / first;
            outcome.bar(Bar::new("4 times the objects", "growth_4x", growth, 4.4, "x"));
        }
        let peak = whole.peak_over_archive();
        outcome.bar(Bar::new("peak memory beyond the archive", "peak_over_archive_mib", peak, 64.0, "MiB"));
        outcome.bar(Bar::new("cold start", "cold_start_ms", self.cold_start.median() * 1e3, 30.0, "ms"));
        outcome.bar(Bar::new("binary, stripped", "binary_mib", self.binary_bytes as f64 / MIB, 12.0, "MiB"));
    }
}
