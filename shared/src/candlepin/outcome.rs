//! How an import that did not fail ended, in the words of logs, tables and histories.

use super::Conflict;
use super::record::{Stats, Status};

/// How an import ended.
#[derive(Debug)]
pub(super) struct Imported {
    pub outcome: Outcome,
    pub stats: Stats,
    pub warnings: u64,
    /// What is told of it.
    pub message: String,
}

impl Imported {
    /// What a record did that had been imported before: nothing.
    pub fn before() -> Self {
        let message = RECORD_IMPORTED.into();
        Self { outcome: Outcome::AlreadyImported, stats: Stats::new(), warnings: 0, message }
    }
}

/// What is told of a record that had been imported before.
pub(super) const RECORD_IMPORTED: &str = "the record had been imported before";

/// Whether there was anything to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Imported,
    AlreadyImported,
}

impl Outcome {
    /// As a word for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::AlreadyImported => "already_imported",
        }
    }

    /// As `imports.outcome` has it.
    pub fn in_table(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::AlreadyImported => "already imported",
        }
    }
}

/// How an import ended, in the words of the owner's history.
pub(super) struct End {
    pub outcome: Outcome,
    pub status: Status,
    pub message: String,
}

/// The history's words for what was forced.
pub(super) fn forcing(forced: &[Conflict]) -> String {
    let names: Vec<&str> = forced.iter().map(|conflict| conflict.name()).collect();
    if names.is_empty() { String::new() } else { format!(", forcing {}", names.join(" and ")) }
}

/// The history's words for an import that succeeded.
pub(super) fn success(owner: &str, forced: &[Conflict], active: usize, expired: usize) -> (Status, String) {
    let message = format!("{owner}: manifest imported{}", forcing(forced));
    match (active, expired) {
        (0, _) => (Status::SuccessWithWarning, format!("{message}; no subscription is active")),
        (_, 0) => (Status::Success, message),
        (active, expired) => {
            let all = active + expired;
            (Status::SuccessWithWarning, format!("{message}; {expired} of {all} subscriptions are not active"))
        }
    }
}
