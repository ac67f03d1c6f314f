//! The archive into the staging tables: reading on a thread of its own, COPY on this one.

use super::copy::{Chunk, RowCounts, Rows};
use super::read::{self, ReadError};
use super::report::Report;
use crate::archive::Limits;
use crate::db::{Copier, DbError};
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, channel};
use tokio_postgres::Transaction;
use uuid::Uuid;

/// Chunks that may wait between the two sides.
const CHUNKS_UNDER_WAY: usize = 2;

/// Why staging ended early.
#[derive(Debug)]
pub(super) enum StageError {
    Read(ReadError),
    Database(DbError),
    /// The reading thread panicked, with what it said.
    Panic(String),
}

/// Reads `archive` and copies its rows into the staging tables, marked with `refresh`.
///
/// When the transaction fails the reader stops at its next chunk, and the other way round.
pub(super) async fn stage(
    transaction: &Transaction<'_>,
    archive: Arc<Vec<u8>>,
    limits: &Limits,
    refresh: Uuid,
) -> Result<(Report, RowCounts), StageError> {
    let (sender, chunks) = channel(CHUNKS_UNDER_WAY);
    let limits = limits.clone();
    let span = tracing::Span::current();
    let reading = tokio::task::spawn_blocking(move || {
        let _in = span.entered();
        let mut rows = Rows::new(refresh, sender);
        let report = read::read(&archive, &limits, &mut rows)?;
        let counts = rows.finish().map_err(|_| ReadError::Stopped)?;
        Ok((report, counts))
    });
    let copied = copy(transaction, chunks).await;
    let read = reading.await.map_err(|error| StageError::Panic(error.to_string()))?;
    // A reader that was stopped knows nothing; the database does.
    copied.map_err(StageError::Database)?;
    read.map_err(StageError::Read)
}

async fn copy(transaction: &Transaction<'_>, mut chunks: Receiver<Chunk>) -> Result<(), DbError> {
    let mut copier = Copier::new(transaction);
    while let Some(Chunk { table, rows }) = chunks.recv().await {
        copier.send(table.table(), table.columns(), rows).await?;
    }
    copier.finish().await
}
