//! Archives, read from memory: bounded, in one pass, nothing on disk; and written as streams.

mod expand;
mod limits;
mod members;
mod name;
mod tar_gz;
mod tar_gz_writer;
mod zip;
mod zip_writer;

pub use limits::{Limit, Limits};
pub use members::{Expander, Member, Members};
pub use tar_gz::{Entry, Totals, Visit, read};
pub use tar_gz_writer::TarGzWriter;
pub use zip_writer::ZipWriter;

use crate::failure::Classified;

/// How every gzip file begins (RFC 1952 2.3.1).
pub(crate) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why an archive was refused. None of these is cured by trying again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The first bytes are not a gzip header.
    #[error("not a gzip file: it starts with {start:02x?}")]
    NotGzip {
        /// The first bytes, four at most.
        start: Vec<u8>,
    },
    /// The first bytes are neither a member's header nor the end of an empty zip.
    #[error("not a zip file: it starts with {start:02x?}")]
    NotZip {
        /// The first bytes, four at most.
        start: Vec<u8>,
    },
    /// The structure of a zip is cut, damaged, or could be read in more than one way.
    #[error("not a sound zip file: {what}")]
    DamagedZip {
        /// What is wrong with it.
        what: &'static str,
    },
    /// One member is damaged, or its two headers disagree.
    #[error("member {member}: {what}")]
    DamagedMember {
        /// The member's name.
        member: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The gzip stream or the tar structure is cut or damaged.
    #[error("damaged at byte {offset} of the expanded archive")]
    Damaged {
        /// Position in the expanded stream, in bytes.
        offset: u64,
        /// What the decoder said.
        #[source]
        source: std::io::Error,
    },
    /// An entry holds fewer bytes than its header says.
    #[error("entry {entry} is cut: {found} of {expected} bytes")]
    CutEntry {
        /// The entry's name.
        entry: String,
        /// Bytes that are there.
        found: u64,
        /// Bytes that the header announces.
        expected: u64,
    },
    /// A limit was passed.
    #[error("{limit} over the limit of {maximum}{at}", at = at(entry))]
    TooLarge {
        /// Which limit.
        limit: Limit,
        /// Its value.
        maximum: u64,
        /// The entry that passed it, where it was one.
        entry: Option<String>,
    },
    /// A kind of entry that has no business in such an archive.
    #[error("entry {entry} is {what}, which is refused")]
    RefusedEntry {
        /// The entry's name.
        entry: String,
        /// What it is: `a link`, `a sparse file`, `encrypted`, ..
        what: &'static str,
    },
}

fn too_large(limit: Limit, maximum: u64, entry: Option<String>) -> ArchiveError {
    ArchiveError::TooLarge { limit, maximum, entry }
}

fn at(entry: &Option<String>) -> String {
    entry.as_deref().map(|name| format!(" at entry {name}")).unwrap_or_default()
}

impl Classified for ArchiveError {
    fn kind(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "ArchiveTooLarge",
            _ => "Archive",
        }
    }

    fn is_transient(&self) -> bool {
        false
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
