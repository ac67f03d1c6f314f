//! The archive into the staging tables: reading on a thread of its own, COPY on this one.

use super::copy::{Chunk, RowCounts, Rows, Staged};
use super::read::{self, ReadError};
use super::report::Report;
use crate::archive::Limits;
use crate::db::DbError;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, channel};
use tokio_postgres::{CopyInSink, Transaction};
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
    let mut open: Option<Copy> = None;
    while let Some(chunk) = chunks.recv().await {
        let mut copy = match open.take() {
            Some(copy) if copy.table == chunk.table => copy,
            other => {
                if let Some(copy) = other {
                    copy.finish().await?;
                }
                Copy::start(transaction, chunk.table).await?
            }
        };
        copy.sink.send(chunk.rows).await?;
        open = Some(copy);
    }
    match open {
        Some(copy) => copy.finish().await,
        None => Ok(()),
    }
}

/// One COPY under way.
struct Copy {
    table: Staged,
    sink: Pin<Box<CopyInSink<Bytes>>>,
}

impl Copy {
    async fn start(transaction: &Transaction<'_>, table: Staged) -> Result<Self, DbError> {
        let statement = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.table(), table.columns());
        let mut sink = Box::pin(transaction.copy_in::<_, Bytes>(&statement).await?);
        let mut header = BytesMut::with_capacity(19);
        header.put_slice(b"PGCOPY\n\xff\r\n\0");
        header.put_i32(0); // flags
        header.put_i32(0); // length of the header's extension
        sink.feed(header.freeze()).await?;
        Ok(Self { table, sink })
    }

    async fn finish(mut self) -> Result<(), DbError> {
        self.sink.feed(Bytes::from_static(&[0xff, 0xff])).await?; // a tuple of -1 columns ends the data
        self.sink.as_mut().finish().await?;
        Ok(())
    }
}
