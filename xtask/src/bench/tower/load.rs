//! What is refreshed: a Tower of some size, as archives and as the rows that must come of them.

use anyhow::{Context, Result};
use longshore_devkit::tower::{Collection, Estate};

use super::rows::CopyRows;

/// Position of the time stamp in a gzip header (RFC 1952).
const GZIP_MTIME: usize = 4;

/// A Tower, its full archive and its rows.
#[derive(Debug)]
pub struct Load {
    /// The Tower.
    pub estate: Estate,
    /// The full archive.
    pub full: Vec<u8>,
    /// What the tables hold after a first refresh.
    pub rows: CopyRows,
}

impl Load {
    /// A Tower of `scale` times the size that the bars are for.
    pub fn new(scale: f64) -> Self {
        let estate = Estate::scaled(scale);
        Self { full: estate.full(), rows: CopyRows::of(&estate), estate }
    }

    /// The full archive with one byte changed, which means nothing: the time stamp of the gzip header.
    pub fn unchanged(&self) -> Result<Vec<u8>> {
        let mut archive = self.full.clone();
        let byte = archive.get_mut(GZIP_MTIME).context("the archive is shorter than a gzip header")?;
        *byte = byte.wrapping_add(1);
        Ok(archive)
    }

    /// Rows that a refresh of the full archive writes.
    pub fn total(&self) -> u64 {
        self.rows.total()
    }

    /// The Tower in words.
    pub fn describe(&self) -> String {
        let count = |collection| crate::table::thousands(self.estate.count(collection) as u64);
        format!(
            "{} job templates, {} workflows with {} nodes, {} inventories, {} credentials of {} types, {} surveys of {} \
             questions",
            count(Collection::JobTemplates),
            count(Collection::WorkflowJobTemplates),
            count(Collection::Nodes),
            count(Collection::Inventories),
            count(Collection::Credentials),
            count(Collection::CredentialTypes),
            crate::table::thousands(self.estate.surveys as u64),
            self.estate.questions,
        )
    }
}

/// The incremental archives that follow a full one.
#[derive(Debug)]
pub struct Increments {
    /// 1 % of the objects changed.
    pub changed: Vec<u8>,
    /// How many objects that is.
    pub changed_objects: u64,
    /// Then 5 % went.
    pub gone: Vec<u8>,
    /// How many objects that is.
    pub gone_objects: u64,
}

impl Increments {
    /// Of a Tower.
    pub fn of(estate: &Estate) -> Self {
        let changed = estate.modified(0.01, 1);
        let gone = changed.without(0.05);
        let count = |after: &Estate, before: &Estate, of: fn(longshore_devkit::tower::Changes) -> usize| {
            Collection::ALL.iter().map(|collection| of(after.changes_since(before, *collection)) as u64).sum()
        };
        Self {
            changed_objects: count(&changed, estate, |changes| changes.updated),
            changed: changed.incremental_since(estate),
            gone_objects: count(&gone, &changed, |changes| changes.gone),
            gone: gone.incremental_since(&changed),
        }
    }
}
