//! The reading thread's side: rows gathered in a buffer a table, and sent on when one is full.

use super::tables::Bulk;
use crate::db::Tuple;
use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::Sender;
use uuid::Uuid;

/// A buffer that reaches this size is sent: large enough that a COPY is worth its round trips, small enough that one a
/// table, and those under way, are a few megabytes.
const CHUNK_BYTES: usize = 512 << 10;

/// What the database is to do next.
#[derive(Debug)]
pub(super) enum Step {
    /// Delete what is about to be written again.
    Forget(Forgotten),
    /// Write these rows.
    Copy(Bulk, Bytes),
}

/// Objects whose rows are to go.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    pub products: Vec<Uuid>,
    pub contents: Vec<Uuid>,
}

impl Forgotten {
    fn is_empty(&self) -> bool {
        self.products.is_empty() && self.contents.is_empty()
    }
}

/// Nobody takes the rows any more: the transaction failed.
#[derive(Debug)]
pub(super) struct Stopped;

pub(super) struct Output {
    buffers: [BytesMut; Bulk::COUNT],
    forgotten: Forgotten,
    /// `None`: nobody is to have the rows.
    steps: Option<Sender<Step>>,
}

impl Output {
    pub fn new(steps: Sender<Step>) -> Self {
        Self { buffers: Default::default(), forgotten: Forgotten::default(), steps: Some(steps) }
    }

    /// Rows are made and thrown away.
    pub fn nowhere() -> Self {
        Self { buffers: Default::default(), forgotten: Forgotten::default(), steps: None }
    }

    /// Begins a row.
    pub fn row(&mut self, table: Bulk) -> Tuple<'_> {
        let buffer = &mut self.buffers[table as usize];
        if buffer.capacity() == 0 {
            buffer.reserve(CHUNK_BYTES + CHUNK_BYTES / 8);
        }
        Tuple::new(buffer, table.width())
    }

    /// A product's rows are to go before what is written for it.
    pub fn forget_product(&mut self, product: Uuid) {
        self.forgotten.products.push(product);
    }

    /// As [`Output::forget_product`].
    pub fn forget_content(&mut self, content: Uuid) {
        self.forgotten.contents.push(content);
    }

    /// Whether anybody still takes the rows. Asked before each file: an import that was abandoned has no use for the rest,
    /// and a reader that writes nothing would not notice by sending.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.steps.as_ref().is_some_and(Sender::is_closed) { Err(Stopped) } else { Ok(()) }
    }

    /// Sends the buffers that are full. Between two objects, so that what is to go always goes first.
    pub fn send_full(&mut self) -> Result<(), Stopped> {
        Bulk::ALL
            .into_iter()
            .filter(|table| self.buffers[*table as usize].len() >= CHUNK_BYTES)
            .collect::<Vec<_>>()
            .into_iter()
            .try_for_each(|table| self.send(table))
    }

    /// Sends everything.
    pub fn finish(mut self) -> Result<(), Stopped> {
        Bulk::ALL.into_iter().try_for_each(|table| self.send(table))?;
        self.send_forgotten()
    }

    fn send(&mut self, table: Bulk) -> Result<(), Stopped> {
        if let Some(before) = table.refers_to() {
            self.send(before)?;
        }
        self.send_forgotten()?;
        let rows = self.buffers[table as usize].split().freeze();
        if rows.is_empty() {
            return Ok(());
        }
        self.pass_on(Step::Copy(table, rows))
    }

    fn send_forgotten(&mut self) -> Result<(), Stopped> {
        if self.forgotten.is_empty() {
            return Ok(());
        }
        let forgotten = std::mem::take(&mut self.forgotten);
        self.pass_on(Step::Forget(forgotten))
    }

    fn pass_on(&self, step: Step) -> Result<(), Stopped> {
        self.steps.as_ref().map_or(Ok(()), |steps| steps.blocking_send(step).map_err(|_| Stopped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_referred_to_are_sent_first_however_few_they_are() {
        let (sender, mut steps) = tokio::sync::mpsc::channel(4);
        let mut output = Output::new(sender);
        output.row(Bulk::Serials).int8(1);
        output.row(Bulk::Certificates).bytea(&vec![0; CHUNK_BYTES]);
        output.send_full().unwrap();
        let mut sent = || match steps.try_recv() {
            Ok(Step::Copy(table, _)) => Some(table),
            _ => None,
        };
        assert_eq!([sent(), sent(), sent()], [Some(Bulk::Serials), Some(Bulk::Certificates), None]);
    }
}
