//! What an archive may cost. Everything is checked while reading, before the excess is held in memory.

use std::fmt;

/// The limits of one archive.
///
/// The defaults leave room for a Tower of millions of objects (about 450 expanded bytes each, compressed some
/// twenty-fold) and are far below what hurts a function of 512 MB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Size of the archive as downloaded, in bytes. It is held in memory.
    pub compressed_bytes: u64,
    /// What it may expand to, in bytes. It streams through; this bounds time.
    pub expanded_bytes: u64,
    /// Expanded bytes for each compressed one, counted once 16 MiB have been expanded: small archives of short
    /// entries are mostly padding. DEFLATE itself ends at 1032.
    pub expansion_ratio: u64,
    /// Entries, directories and ignored files included.
    pub entries: u64,
    /// Size of one entry that is read, in bytes: the largest buffer of a refresh.
    pub entry_bytes: u64,
    /// Nesting of JSON values, at most 120: `serde_json` itself stops at 127.
    pub json_depth: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            compressed_bytes: 128 << 20,
            expanded_bytes: 4 << 30,
            expansion_ratio: 200,
            entries: 1_000_000,
            entry_bytes: 32 << 20,
            json_depth: 64,
        }
    }
}

impl Limits {
    /// The defaults for manifests: tighter, because manifests are smaller and their inner archive is held whole.
    pub fn for_manifests() -> Self {
        Self {
            compressed_bytes: 64 << 20,
            expanded_bytes: 512 << 20,
            expansion_ratio: 200,
            entries: 50_000,
            entry_bytes: 16 << 20,
            json_depth: 64,
        }
    }

    /// Below this many expanded bytes no ratio is computed.
    const RATIO_FREE: u64 = 16 << 20;

    /// How many bytes an archive of `compressed` bytes may expand to, and which limit that is.
    pub(super) fn expansion(&self, compressed: u64) -> (u64, Limit, u64) {
        let by_ratio = compressed.saturating_mul(self.expansion_ratio).max(Self::RATIO_FREE);
        if by_ratio < self.expanded_bytes {
            (by_ratio, Limit::ExpansionRatio, self.expansion_ratio)
        } else {
            (self.expanded_bytes, Limit::ExpandedBytes, self.expanded_bytes)
        }
    }
}

/// Names a limit in an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::expanded_bytes`]
    ExpandedBytes,
    /// [`Limits::expansion_ratio`]
    ExpansionRatio,
    /// [`Limits::entries`]
    Entries,
    /// [`Limits::entry_bytes`]
    EntryBytes,
    /// The length of a name or a pax header: 64 KiB.
    NameBytes,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExpandedBytes => "expanded bytes",
            Self::ExpansionRatio => "expansion ratio",
            Self::Entries => "number of entries",
            Self::EntryBytes => "entry size",
            Self::NameBytes => "name length",
        })
    }
}
