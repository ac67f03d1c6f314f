//! The records of a zip, as bytes.

use std::io;
use time::{OffsetDateTime, UtcOffset};

/// What a reader must understand (4.4.3): DEFLATE; zip64.
const VERSION: u16 = 20;
const VERSION_ZIP64: u16 = 45;
/// Written by Unix (4.4.2), for the mode that follows from it.
const MADE_BY: u16 = 3 << 8 | VERSION;
/// A file that its owner may write and everybody may read.
const ATTRIBUTES: u32 = 0o100_644 << 16;
const DEFLATE: u16 = 8;
/// General purpose flags (4.4.4).
const STREAMED: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;

/// A member from its header on.
pub(super) struct Member {
    name: String,
    offset: u32,
    pub crc: crc32fast::Hasher,
}

/// What is known of a member at its end.
pub(super) struct Ended {
    pub crc: u32,
    pub packed: u32,
    pub size: u32,
}

impl Member {
    pub fn new(name: &str, offset: u32) -> io::Result<Self> {
        length(name)?;
        Ok(Self { name: name.into(), offset, crc: crc32fast::Hasher::new() })
    }

    fn flags(&self) -> u16 {
        if self.name.is_ascii() { STREAMED } else { STREAMED | UTF8 }
    }

    fn length(&self) -> u16 {
        // Checked when it was made.
        length(&self.name).unwrap_or(u16::MAX)
    }

    /// The header in front of its content (4.3.7), without the numbers that are not known yet.
    pub fn local_header(&self, modified: [u8; 4]) -> Vec<u8> {
        let mut record = Record::new(b"PK\x03\x04");
        record.u16(VERSION).u16(self.flags()).u16(DEFLATE).bytes(&modified).u32(0).u32(0).u32(0);
        record.u16(self.length()).u16(0).bytes(self.name.as_bytes());
        record.0
    }

    /// Its record in the directory (4.3.12).
    pub fn listed(&self, ended: &Ended, modified: [u8; 4]) -> Vec<u8> {
        let mut record = Record::new(b"PK\x01\x02");
        record.u16(MADE_BY).u16(VERSION).u16(self.flags()).u16(DEFLATE).bytes(&modified);
        record.u32(ended.crc).u32(ended.packed).u32(ended.size);
        // No extra fields, no comment, on the first disk, not known to be text.
        record.u16(self.length()).u16(0).u16(0).u16(0).u16(0);
        record.u32(ATTRIBUTES).u32(self.offset).bytes(self.name.as_bytes());
        record.0
    }
}

impl Ended {
    /// The data descriptor (4.3.9), with the signature that readers of streams look for.
    pub fn descriptor(&self) -> Vec<u8> {
        let mut record = Record::new(b"PK\x07\x08");
        record.u32(self.crc).u32(self.packed).u32(self.size);
        record.0
    }
}

/// What follows the directory (4.3.16). Only more members than 16 bits can count need the zip64 records (4.3.14, 4.3.15).
pub(super) fn end(entries: u64, start: u32, directory: u32, comment: &str) -> io::Result<Vec<u8>> {
    let mut record = Record(Vec::new());
    let count = u16::try_from(entries).ok().filter(|count| *count != u16::MAX);
    if count.is_none() {
        record.bytes(b"PK\x06\x06").u64(44).u16(3 << 8 | VERSION_ZIP64).u16(VERSION_ZIP64).u32(0).u32(0);
        record.u64(entries).u64(entries).u64(directory.into()).u64(start.into());
        record.bytes(b"PK\x06\x07").u32(0).u64(u64::from(start) + u64::from(directory)).u32(1);
    }
    let count = count.unwrap_or(u16::MAX);
    record.bytes(b"PK\x05\x06").u16(0).u16(0).u16(count).u16(count).u32(directory).u32(start);
    record.u16(length(comment)?).bytes(comment.as_bytes());
    Ok(record.0)
}

fn length(text: &str) -> io::Result<u16> {
    u16::try_from(text.len()).map_err(|_| io::Error::other("a name or comment of a zip is over 64 KiB"))
}

/// A time as DOS writes it (4.4.6), time before date: from 1980 to 2107, in steps of two seconds.
pub(super) fn dos_time(moment: OffsetDateTime) -> [u8; 4] {
    let utc = moment.to_offset(UtcOffset::UTC);
    let (date, clock) = (utc.date(), utc.time());
    let time = (u16::from(clock.hour()) << 11) | (u16::from(clock.minute()) << 5) | (u16::from(clock.second()) / 2);
    let (year, month, day) = match u16::try_from(date.year() - 1980) {
        Ok(year @ 0..=127) => (year, date.month() as u16, u16::from(date.day())),
        _ => (0, 1, 1),
    };
    let [a, b] = time.to_le_bytes();
    let [c, d] = (year << 9 | month << 5 | day).to_le_bytes();
    [a, b, c, d]
}

/// Little-endian numbers, one after the other.
struct Record(Vec<u8>);

impl Record {
    fn new(signature: &[u8; 4]) -> Self {
        Self(signature.to_vec())
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u16(&mut self, number: u16) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }

    fn u32(&mut self, number: u32) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }

    fn u64(&mut self, number: u64) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }
}
