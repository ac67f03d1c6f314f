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
    /// Below this many expanded bytes no ratio is computed.
    const RATIO_FREE: u64 = 16 << 20;

    /// The limits of a manifest or data bundle.
    ///
    /// One with 2,000 entitlements, their certificates and products is some 5,500 files, 21 MB of which 73 MB come: four
    /// times that still fits. A file is parsed as a tree, hence smaller entries than by
    /// default, and 100,000 entries are nobody's manifest.
    pub const fn for_manifests() -> Self {
        Self {
            compressed_bytes: 128 << 20,
            expanded_bytes: 1 << 30,
            expansion_ratio: 200,
            entries: 50_000,
            entry_bytes: 16 << 20,
            json_depth: 64,
        }
    }

    /// How many bytes an archive of `compressed` bytes may expand to, and which limit that is.
    pub(super) fn expansion(&self, compressed: u64) -> Expansion {
        let by_ratio = compressed.saturating_mul(self.expansion_ratio).max(Self::RATIO_FREE);
        if by_ratio < self.expanded_bytes {
            Expansion { maximum: by_ratio, limit: Limit::ExpansionRatio, shown: self.expansion_ratio }
        } else {
            Expansion { maximum: self.expanded_bytes, limit: Limit::ExpandedBytes, shown: self.expanded_bytes }
        }
    }
}

/// How many bytes something may expand to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expansion {
    /// In bytes.
    pub maximum: u64,
    /// The limit that it comes from.
    pub limit: Limit,
    /// That limit's own value, for an error.
    pub shown: u64,
}

impl Expansion {
    /// What is left of it after `spent` bytes.
    pub fn less(self, spent: u64) -> Self {
        Self { maximum: self.maximum.saturating_sub(spent), ..self }
    }
}

/// Names a limit in an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::compressed_bytes`], or as much for the files of an archive when each is compressed alone.
    CompressedBytes,
    /// [`Limits::expanded_bytes`]
    ExpandedBytes,
    /// [`Limits::expansion_ratio`]
    ExpansionRatio,
    /// [`Limits::entries`]
    Entries,
    /// [`Limits::entry_bytes`]
    EntryBytes,
    /// The length of a name: 4 KiB; of a pax header: 64 KiB.
    NameBytes,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CompressedBytes => "compressed bytes",
            Self::ExpandedBytes => "expanded bytes",
            Self::ExpansionRatio => "expansion ratio",
            Self::Entries => "number of entries",
            Self::EntryBytes => "entry size",
            Self::NameBytes => "name length",
        })
    }
}
