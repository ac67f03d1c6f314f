//! What a person should know of, and what did not stop the work.

use crate::failure::brief;
use serde::Serialize;

/// Warnings kept in full; beyond that they are only counted, so that a damaged archive cannot fill the memory.
const MAX_WARNINGS: usize = 200;

/// Longest text of a warning, in bytes.
const MAX_TEXT: usize = 300;

/// Something that a person should know of, and that did not stop the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What is odd.
    pub what: String,
    /// Where: an entry, a collection or a table, with the object's number or id.
    #[serde(rename = "where")]
    pub place: String,
    /// How often, when it stands for many.
    #[serde(skip_serializing_if = "is_one")]
    pub count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(count: &u64) -> bool {
    *count == 1
}

/// The first warnings, and how many there are.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Warnings {
    /// The first ones.
    pub first: Vec<Warning>,
    /// All of them.
    pub count: u64,
}

impl Warnings {
    /// Adds a warning. Its texts may hold what came with the archive, so they are cut.
    pub fn add(&mut self, what: impl AsRef<str>, place: impl AsRef<str>, count: u64) {
        self.count += count;
        if self.first.len() < MAX_WARNINGS {
            let (what, place) = (brief(what.as_ref(), MAX_TEXT), brief(place.as_ref(), MAX_TEXT));
            self.first.push(Warning { what, place, count });
        }
    }

    /// Adds those of another list.
    pub fn append(&mut self, other: Self) {
        self.count += other.count;
        self.first.extend(other.first.into_iter().take(MAX_WARNINGS.saturating_sub(self.first.len())));
    }
}
