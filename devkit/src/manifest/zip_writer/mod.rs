//! Zip files for tests, good ones and damaged ones (PKWARE's APPNOTE 6.3).
//!
//! ```
//! use longshore_devkit::manifest::zip_writer::{Member, ZipWriter};
//!
//! let zip = ZipWriter::new()
//!     .file("export/meta.json", "{}")
//!     .member(Member::file("../outside", "x").stored())
//!     .member(Member::zeros("export/bomb", 1 << 30))
//!     .build();
//! # assert!(zip.len() < 2 << 20);
//! ```
//!
//! Times are those of 1980, so the same calls give the same bytes. To cut a zip off or to flip a byte of it, see
//! [`archive::truncated`](crate::archive::truncated) and [`archive::flip_byte`](crate::archive::flip_byte).

mod headers;
mod member;
mod read;

pub use member::Member;
pub use read::unzip;

use self::headers::{End, central, end};
use self::member::Packed;
use super::parallel::parallel;

/// Collects members and writes them in one go. Nothing is checked.
#[derive(Clone, Debug, Default)]
pub struct ZipWriter {
    members: Vec<Member>,
    comment: Vec<u8>,
    before: Vec<u8>,
    after: Vec<u8>,
    shuffled: Option<u64>,
    zip64_end: bool,
    entry_count: Option<u64>,
    central_offset: Option<u64>,
    central_size: Option<u64>,
}

impl ZipWriter {
    /// An empty zip.
    pub fn new() -> Self {
        Self::default()
    }

    /// A zip of these files, deflated; what [`unzip`] gave, for example, after a change.
    pub fn of<N: AsRef<[u8]>, B: Into<Vec<u8>>>(files: impl IntoIterator<Item = (N, B)>) -> Self {
        files.into_iter().fold(Self::new(), |zip, (name, bytes)| zip.file(name, bytes))
    }

    /// Adds a deflated file.
    pub fn file(self, name: impl AsRef<[u8]>, bytes: impl Into<Vec<u8>>) -> Self {
        self.member(Member::file(name, bytes))
    }

    /// Adds a member of any kind.
    pub fn member(mut self, member: Member) -> Self {
        self.members.push(member);
        self
    }

    /// Adds `n` empty files, `empty-0` and so on.
    pub fn empty_files(mut self, n: usize) -> Self {
        self.members.extend((0..n).map(|i| Member::file(format!("empty-{i}"), "").stored()));
        self
    }

    /// The comment of the archive.
    pub fn comment(mut self, text: &str) -> Self {
        self.comment = text.as_bytes().to_vec();
        self
    }

    /// Bytes before the first member. Offsets count from the start of the file, so the zip is a valid one.
    pub fn before(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.before = bytes.into();
        self
    }

    /// Bytes after the end record, beyond the comment that it declares.
    pub fn after(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.after = bytes.into();
        self
    }

    /// The members in another order, the same for the same seed.
    pub fn shuffled(mut self, seed: u64) -> Self {
        self.shuffled = Some(seed);
        self
    }

    /// Writes the zip64 end record even when it is not needed. It is written for more than 65,535 members anyway.
    pub fn zip64_end(mut self) -> Self {
        self.zip64_end = true;
        self
    }

    /// Lies about the number of members in the end record.
    pub fn entry_count(mut self, n: u64) -> Self {
        self.entry_count = Some(n);
        self
    }

    /// Lies about where the central directory starts.
    pub fn central_offset(mut self, offset: u64) -> Self {
        self.central_offset = Some(offset);
        self
    }

    /// Lies about how long the central directory is.
    pub fn central_size(mut self, size: u64) -> Self {
        self.central_size = Some(size);
        self
    }

    /// The zip.
    pub fn build(&self) -> Vec<u8> {
        let mut members: Vec<&Member> = self.members.iter().collect();
        if let Some(seed) = self.shuffled {
            fastrand::Rng::with_seed(seed).shuffle(&mut members);
        }
        let packed = parallel(&members, |member| member.pack());
        let mut zip = self.before.clone();
        let entries = append_all(&mut zip, &packed);
        let offset = zip.len() as u64;
        for (packed, offset) in &entries {
            zip.extend(central(packed, *offset));
        }
        let record = End {
            entries: self.entry_count.unwrap_or(entries.len() as u64),
            size: self.central_size.unwrap_or(zip.len() as u64 - offset),
            offset: self.central_offset.unwrap_or(offset),
            zip64: self.zip64_end,
            comment: &self.comment,
        };
        let at = zip.len() as u64;
        zip.extend(end(&record, at));
        zip.extend(&self.after);
        zip
    }
}

/// Writes the local part of each member and tells which ones the central directory lists, and where.
fn append_all<'a>(zip: &mut Vec<u8>, packed: &'a [Packed<'a>]) -> Vec<(&'a Packed<'a>, u64)> {
    let mut entries = Vec::new();
    let mut previous = 0;
    for packed in packed {
        let here = zip.len() as u64;
        if packed.member.shares_previous {
            entries.push((packed, previous));
            continue;
        }
        let record = packed.record();
        previous = here;
        if !packed.member.hidden {
            entries.push((packed, here));
        }
        if let Some(inner) = &packed.inner {
            entries.push((inner, here + packed.header_length()));
        }
        zip.extend(record);
    }
    entries
}

#[cfg(test)]
mod tests;
