//! One refresh: from an archive in memory to rows, in one transaction.

use super::merge::{Merger, Stats};
use super::read::ReadError;
use super::record::{self, Ending, Mode, Origin, Phases, phase};
use super::report::Report;
use super::stage::{StageError, stage};
use crate::archive::Limits;
use crate::clock::Clock;
use crate::db::{DbError, Session};
use crate::failure::Classified;
use crate::fetch::FetchError;
use crate::hex::sha256;
use crate::metrics as emf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::Transaction;
use uuid::Uuid;

/// Why a refresh failed. Nothing is written then but the failure itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The archive could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The archive could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// A fault of ours while reading.
    #[error("the reader panicked: {0}")]
    Panic(String),
}

impl Classified for RefreshError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.kind(),
            Self::Read(error) => error.kind(),
            Self::Database(error) => error.kind(),
            Self::Panic(_) => "Panic",
        }
    }
    fn is_transient(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_transient(),
            Self::Read(error) => error.is_transient(),
            Self::Database(error) => error.is_transient(),
            // Perhaps memory was short; the retries of the mapping are finite.
            Self::Panic(_) => true,
        }
    }
}

impl RefreshError {
    /// What reading found before it gave up, where it got to the end.
    pub(super) fn report(&self) -> Option<&Report> {
        match self {
            Self::Read(ReadError::TooManyBad { report, .. }) => Some(report),
            _ => None,
        }
    }
}

impl From<StageError> for RefreshError {
    fn from(error: StageError) -> Self {
        match error {
            StageError::Read(error) => Self::Read(error),
            StageError::Database(error) => Self::Database(error),
            StageError::Panic(what) => Self::Panic(what),
        }
    }
}

/// What is told of an archive that had been applied before.
pub(super) const ALREADY_APPLIED: &str = "Success: the archive had been applied before";

/// How a refresh ended.
#[derive(Debug)]
pub enum Outcome {
    /// The inventory says what the archive says.
    Applied(Stats),
    /// The archive is the last one applied to its source: nothing was done now, and this when it was applied.
    AlreadyApplied(Stats),
    /// A newer archive was applied before: nothing was done.
    Superseded,
}

impl Outcome {
    /// The outcome as a word for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Applied(_) => "applied",
            Self::AlreadyApplied(_) => "already_applied",
            Self::Superseded => "superseded",
        }
    }

    /// The outcome as the task and the platform are told of it.
    pub fn text(&self) -> &'static str {
        match self {
            Self::Applied(_) => "Success",
            Self::AlreadyApplied(_) => ALREADY_APPLIED,
            Self::Superseded => "Success: a newer archive had been applied before",
        }
    }
}

/// An archive, downloaded, and whose it is.
pub(super) struct Refresh<'a> {
    pub origin: &'a Origin,
    pub archive: Vec<u8>,
    pub limits: &'a Limits,
    pub clock: &'a Clock,
    pub phases: Phases,
    /// When the work on the record began.
    pub begun: Instant,
}

impl Refresh<'_> {
    /// Applies the archive.
    ///
    /// Dropped at any moment, it leaves nothing: `session` closes its connection and the transaction rolls back.
    pub async fn apply(mut self, session: &mut Session) -> Result<Outcome, RefreshError> {
        let sha256 = sha256(&self.archive);
        session.begin();
        let outcome = match self.announce(session, &sha256).await? {
            Some(applied) => applied,
            None => self.replace(session, &sha256).await?,
        };
        session.done();
        Ok(outcome)
    }

    /// Shows others that a refresh is under way, unless there is nothing to do.
    async fn announce(&self, session: &mut Session, sha256: &str) -> Result<Option<Outcome>, DbError> {
        let source = self.origin.target.source;
        let transaction = session.transaction().await?;
        if record::claim(&transaction, source).await?.sha.as_deref() == Some(sha256) {
            return self.already_applied(transaction, sha256).await.map(Some);
        }
        record::mark_resyncing(&transaction, source, self.clock.timestamp()).await?;
        transaction.commit().await?;
        Ok(None)
    }

    /// The same archive again: what was done before.
    async fn already_applied(&self, transaction: Transaction<'_>, sha256: &str) -> Result<Outcome, DbError> {
        let applied = record::applied_before(&transaction, self.origin, Some(sha256)).await?;
        record::still_current(&transaction, self.origin).await?;
        self.origin.subject.succeeded(&transaction, ALREADY_APPLIED, self.clock.timestamp()).await?;
        transaction.commit().await?;
        // Without a row it was the old persister that applied it, or the row has been cleaned up.
        Ok(Outcome::AlreadyApplied(applied.unwrap_or_default()))
    }

    async fn replace(&mut self, session: &mut Session, sha256: &str) -> Result<Outcome, RefreshError> {
        let transaction = session.transaction().await.map_err(DbError::from)?;
        let source = self.origin.target.source;
        // Again: between announcing and now another delivery of the same archive may have had its turn.
        let waiting = Instant::now();
        let previous = record::claim(&transaction, source).await?;
        if previous.sha.as_deref() == Some(sha256) {
            return Ok(self.already_applied(transaction, sha256).await?);
        }
        phase(&mut self.phases, "wait", waiting.elapsed());

        let (refresh, bytes) = (Uuid::new_v4(), self.archive.len());
        let staging = Instant::now();
        let archive = Arc::new(std::mem::take(&mut self.archive));
        let (mut report, staged) = stage(&transaction, archive, self.limits, refresh).await?;
        phase(&mut self.phases, "read", staging.elapsed());

        let older = matches!((self.origin.requested_at, previous.applied_at), (Some(age), Some(last)) if age < last);
        let mode = match (report.is_incremental(), older) {
            (false, _) => Mode::Full,
            (true, false) => Mode::Incremental,
            (true, true) => Mode::OlderIncremental,
        };
        let superseded = older && mode == Mode::Full;
        let target = self.origin.target;
        // Taken now, not before: the rows of this refresh are younger than those of the one that had its turn before.
        let now = self.clock.timestamp();
        let merger = Merger { transaction: &transaction, refresh, source, tenant: target.tenant, now, staged, older };
        let merging = Instant::now();
        let stats = if superseded { Stats::new() } else { merger.merge_all(&mut report).await? };
        merger.clear_staging().await?;
        phase(&mut self.phases, "merge", merging.elapsed());

        if older {
            record::finish_older(&transaction, source, now).await?;
        } else {
            let message = record::refresh_message(&stats);
            record::finish_source(&transaction, self.origin, sha256, bytes, &message, now).await?;
        }
        record::write_event(&transaction, self.origin, mode, &stats, now).await?;
        let outcome = if superseded { Outcome::Superseded } else { Outcome::Applied(stats.clone()) };
        let ending = Ending {
            outcome: if superseded { "superseded" } else { "applied" },
            mode: Some(mode),
            sha256: Some(sha256),
            archive_bytes: Some(bytes as u64),
            report: Some(&report),
            stats,
            phases: std::mem::take(&mut self.phases),
            error: None,
        };
        let finished_at = self.clock.timestamp();
        record::write_refresh(&transaction, self.origin, &ending, finished_at).await?;
        self.origin.subject.succeeded(&transaction, outcome.text(), finished_at).await?;
        let committing = Instant::now();
        transaction.commit().await.map_err(DbError::from)?;
        phase(&mut self.phases, "commit", committing.elapsed());
        observe(self.origin, &report, &outcome, &ending, committing, self.begun.elapsed());
        Ok(outcome)
    }
}

/// One line and the metrics of a refresh that was committed.
fn observe(
    origin: &Origin,
    report: &Report,
    outcome: &Outcome,
    ending: &Ending<'_>,
    committing: Instant,
    duration: Duration,
) {
    let sum = |of: fn(&super::TableStats) -> u64| ending.stats.values().map(of).sum::<u64>();
    let (adds, updates, deletes) = (sum(|t| t.adds), sum(|t| t.updates), sum(|t| t.deletes));
    let phase = |name: &str| ending.phases.get(name).copied().unwrap_or_default();
    tracing::info!(
        outcome = outcome.name(),
        mode = ending.mode.map(Mode::name),
        adds,
        updates,
        archived = deletes,
        unchanged = sum(|t| t.unchanged),
        bad = report.bad_objects(),
        warnings = report.warnings.count,
        bytes = ending.archive_bytes,
        expanded_bytes = report.totals.expanded_bytes,
        duration_s = duration.as_secs_f64(),
        download_s = phase("download"),
        wait_s = phase("wait"),
        read_s = phase("read"),
        merge_s = phase("merge"),
        "refresh {}",
        outcome.name()
    );
    metrics::counter!("ObjectsAdded").increment(adds);
    metrics::counter!("ObjectsUpdated").increment(updates);
    metrics::counter!("ObjectsArchived").increment(deletes);
    metrics::counter!("ObjectsBad").increment(report.bad_objects());
    metrics::counter!("Warnings").increment(report.warnings.count);
    metrics::counter!("ArchiveBytes").increment(ending.archive_bytes.unwrap_or_default());
    metrics::counter!("ExpandedBytes").increment(report.totals.expanded_bytes);
    for (name, metric) in
        [("download", "DownloadSeconds"), ("wait", "WaitSeconds"), ("read", "ReadSeconds"), ("merge", "MergeSeconds")]
    {
        metrics::histogram!(metric).record(phase(name));
    }
    metrics::histogram!("CommitSeconds").record(committing.elapsed().as_secs_f64());
    emf::flush(Some(&origin.request_id));
}
