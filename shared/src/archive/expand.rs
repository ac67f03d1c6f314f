//! gzip as a bounded stream.

use super::limits::Expansion;
use super::{ArchiveError, GZIP, Limit, Limits};
use flate2::bufread::MultiGzDecoder;
use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};

/// Expands gzip from memory and stops at the limit. Several gzip members in a row are one stream, as gzip(1) has it.
pub(super) struct Expand<'a> {
    decoder: MultiGzDecoder<&'a [u8]>,
    position: &'a Cell<u64>,
    allowed: Expansion,
}

impl<'a> Expand<'a> {
    /// `position` is shared, so that errors found above this reader can tell where they are.
    pub fn new(bytes: &'a [u8], limits: &Limits, position: &'a Cell<u64>) -> Result<Self, ArchiveError> {
        if !bytes.starts_with(&GZIP) {
            return Err(ArchiveError::NotGzip { start: bytes[..bytes.len().min(4)].to_vec() });
        }
        let allowed = limits.expansion(bytes.len() as u64);
        Ok(Self { decoder: MultiGzDecoder::new(bytes), position, allowed })
    }
}

impl Read for Expand<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        let position = self.position.get() + count as u64;
        self.position.set(position);
        if position > self.allowed.maximum {
            return Err(io::Error::other(Exceeded { limit: self.allowed.limit, maximum: self.allowed.shown }));
        }
        Ok(count)
    }
}

/// Travels through `tar`'s `io::Error` and comes out as [`ArchiveError::TooLarge`].
#[derive(Debug)]
pub(super) struct Exceeded {
    pub limit: Limit,
    pub maximum: u64,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over the limit of {}", self.limit, self.maximum)
    }
}

impl std::error::Error for Exceeded {}

/// Whether a limit lies at the root of an error that `tar` may have wrapped.
pub(super) fn exceeded(error: &io::Error) -> Option<&Exceeded> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref::<Exceeded>() {
            return Some(found);
        }
        cause = match inner.downcast_ref::<io::Error>() {
            Some(wrapped) => wrapped.get_ref().map(|inner| inner as _),
            None => inner.source(),
        };
    }
    None
}
