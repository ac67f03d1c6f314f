//! Rows in PostgreSQL's binary COPY format, at hand before anything is timed.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::Client;

/// The data of one table.
#[derive(Debug)]
pub struct TableRows {
    /// The table.
    pub table: String,
    /// `COPY table (columns) FROM STDIN ..`
    pub statement: String,
    /// Header and trailer included.
    pub pieces: Vec<Bytes>,
    /// How many rows that is.
    pub count: u64,
}

impl TableRows {
    /// What a table holds now. `table` with its schema.
    pub async fn of(client: &Client, table: &str) -> Result<Self> {
        let count: i64 = client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await?.get(0);
        let rows = client.copy_out(&format!("COPY {table} TO STDOUT (FORMAT binary)")).await?;
        let pieces = rows.try_collect().await?;
        let statement = format!("COPY {table} FROM STDIN (FORMAT binary)");
        Ok(Self { table: table.to_owned(), statement, pieces: together(pieces), count: count.unsigned_abs() })
    }
}

/// The server sends row by row, and the least that sending can cost is in large pieces.
fn together(rows: Vec<Bytes>) -> Vec<Bytes> {
    const PIECE_BYTES: usize = 512 << 10;
    let (mut pieces, mut piece) = (Vec::new(), Vec::with_capacity(PIECE_BYTES));
    for row in rows {
        if piece.len() + row.len() > PIECE_BYTES {
            pieces.push(Bytes::from(std::mem::replace(&mut piece, Vec::with_capacity(PIECE_BYTES))));
        }
        piece.extend_from_slice(&row);
    }
    pieces.push(Bytes::from(piece));
    pieces
}

/// Copies the rows into their tables, in one transaction.
pub async fn copy(client: &Client, tables: &[TableRows]) -> Result<Duration> {
    let begun = Instant::now();
    client.batch_execute("BEGIN").await?;
    for table in tables {
        let mut copy = std::pin::pin!(client.copy_in(&table.statement).await?);
        for piece in &table.pieces {
            copy.feed(piece.clone()).await?;
        }
        copy.finish().await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(begun.elapsed())
}
