//! The records at the end of a zip, which say where its central directory is.

use super::damaged;
use super::fields::{Fields, IN_ZIP64};
use crate::archive::ArchiveError;

/// Length of the end record without its comment (4.3.16).
const END_BYTES: usize = 22;
/// Lengths of the zip64 locator (4.3.15) and of the zip64 end record in its first version (4.3.14).
const LOCATOR_BYTES: usize = 20;
const END64_BYTES: usize = 56;
const LOCATOR: &[u8] = b"PK\x06\x07";
const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";

/// Where the central directory is.
pub(super) struct End {
    /// How many members it lists.
    pub entries: u64,
    /// Where it starts, in bytes.
    pub offset: usize,
    /// Its length, in bytes.
    length: u64,
    /// Where the records after it start.
    after: usize,
}

impl End {
    /// Finds the one end record, which ends the file.
    pub fn find(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let starts: [&[u8]; 3] = [b"PK\x03\x04", END, END64];
        if !starts.iter().any(|start| bytes.starts_with(start)) {
            return Err(ArchiveError::NotZip { start: bytes[..bytes.len().min(4)].to_vec() });
        }
        let at = only_end(bytes)?;
        let short = Numbers::of_end(bytes.get(at..).unwrap_or_default()).ok_or_else(|| damaged("its end is cut"))?;
        let (numbers, after) = match locator(bytes, at) {
            Some(locator) => zip64_end(bytes, locator, at, &short)?,
            None => (short, at),
        };
        numbers.end(after)
    }

    /// The bytes of the central directory, which must reach to the records after it.
    pub fn directory<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], ArchiveError> {
        match bytes.get(self.offset..self.after) {
            Some(directory) if directory.len() as u64 == self.length => Ok(directory),
            _ => Err(damaged("its central directory is not where its end says")),
        }
    }
}

/// Readers look for the end record from either side of a comment. The last one must end the file, and no other may.
fn only_end(bytes: &[u8]) -> Result<usize, ArchiveError> {
    let tail = bytes.len().saturating_sub(END_BYTES + usize::from(u16::MAX));
    let ends = |at: usize| bytes.get(at..).is_some_and(ends_with_comment);
    let mut found = (tail..bytes.len()).rev().filter(|at| bytes[*at..].starts_with(END));
    let last = found.next().ok_or_else(|| damaged("its end is missing"))?;
    if !ends(last) {
        return Err(damaged("its end is cut, or bytes follow it"));
    }
    if found.any(ends) {
        return Err(damaged("it has two ends"));
    }
    Ok(last)
}

/// Whether an end record's comment is what follows it.
fn ends_with_comment(end: &[u8]) -> bool {
    let length = end.get(END_BYTES - 2..).and_then(|rest| Fields(rest).u16());
    length.is_some_and(|length| end.len() == END_BYTES + usize::from(length))
}

/// What both sorts of end records say. `None` stands for "see the zip64 record".
#[derive(PartialEq, Eq)]
struct Numbers {
    disks: [u32; 2],
    entries_here: Option<u64>,
    entries: Option<u64>,
    length: Option<u64>,
    offset: Option<u64>,
}

impl Numbers {
    fn of_end(record: &[u8]) -> Option<Self> {
        let mut fields = Fields(record);
        fields.u32()?;
        let short = |value: u16| (value != u16::MAX).then_some(u64::from(value));
        let long = |value: u32| (value != IN_ZIP64).then_some(u64::from(value));
        // A disk of 0xffff is in the zip64 record, too; there is but one disk anyway.
        let disk = |value: u16| if value == u16::MAX { 0 } else { value.into() };
        Some(Self {
            disks: [disk(fields.u16()?), disk(fields.u16()?)],
            entries_here: short(fields.u16()?),
            entries: short(fields.u16()?),
            length: long(fields.u32()?),
            offset: long(fields.u32()?),
        })
    }

    fn of_zip64_end(record: &[u8]) -> Option<Self> {
        let mut fields = Fields(record);
        let signature = fields.bytes(4)?;
        let length = fields.u64()?;
        fields.u32()?; // versions
        // The length does not count itself and the signature.
        if signature != END64 || length != (record.len() as u64).checked_sub(12)? {
            return None;
        }
        Some(Self {
            disks: [fields.u32()?, fields.u32()?],
            entries_here: Some(fields.u64()?),
            entries: Some(fields.u64()?),
            length: Some(fields.u64()?),
            offset: Some(fields.u64()?),
        })
    }

    /// Whether what this record says itself is what the zip64 record says.
    fn agrees(&self, wide: &Self) -> bool {
        let same = |short: Option<u64>, wide: Option<u64>| short.is_none() || short == wide;
        self.disks == wide.disks
            && same(self.entries_here, wide.entries_here)
            && same(self.entries, wide.entries)
            && same(self.length, wide.length)
            && same(self.offset, wide.offset)
    }

    fn end(&self, after: usize) -> Result<End, ArchiveError> {
        let (Some(entries), Some(length), Some(offset)) = (self.entries, self.length, self.offset) else {
            return Err(damaged("its zip64 end is missing"));
        };
        if self.disks != [0, 0] || self.entries_here != Some(entries) {
            return Err(damaged("it is one of several disks"));
        }
        let offset = usize::try_from(offset).map_err(|_| damaged("its central directory is outside of it"))?;
        Ok(End { entries, offset, length, after })
    }
}

/// The zip64 locator, directly in front of the end record.
fn locator(bytes: &[u8], end: usize) -> Option<&[u8]> {
    let locator = bytes.get(end.checked_sub(LOCATOR_BYTES)?..end)?;
    locator.starts_with(LOCATOR).then_some(locator)
}

fn zip64_end(bytes: &[u8], locator: &[u8], end: usize, short: &Numbers) -> Result<(Numbers, usize), ArchiveError> {
    let at = located(locator).ok_or_else(|| damaged("its zip64 locator is damaged"))?;
    let wide = bytes
        .get(at..end - LOCATOR_BYTES)
        .filter(|record| record.len() >= END64_BYTES)
        .and_then(Numbers::of_zip64_end)
        .ok_or_else(|| damaged("its zip64 end is damaged"))?;
    if short.agrees(&wide) { Ok((wide, at)) } else { Err(damaged("its two ends disagree")) }
}

fn located(locator: &[u8]) -> Option<usize> {
    let mut fields = Fields(locator);
    fields.u32()?;
    let disk = fields.u32()?;
    let offset = fields.u64()?;
    // Some writers count no disks where there is one.
    if disk == 0 && fields.u32()? <= 1 { usize::try_from(offset).ok() } else { None }
}
