//! The files of a whole archive in memory, each expanded when it is asked for.

mod inflate;
mod repack;
#[cfg(test)]
mod tests;

pub use inflate::Expander;

use super::limits::Expansion;
use super::{ArchiveError, Limit, Limits, too_large, zip};
use bytes::Bytes;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The files of an archive, sorted bytewise by name. Cloning shares them.
///
/// What they hold in memory is the archive as it was downloaded (of a tar, its files compressed one by one) and an
/// index of it.
#[derive(Clone)]
pub struct Members(Arc<Index>);

struct Index {
    /// What the slots point into.
    bytes: Bytes,
    slots: Vec<Slot>,
    counts: Counts,
}

/// What the whole archive came to, whatever was left out later.
#[derive(Clone, Default)]
struct Counts {
    entries: u64,
    directories: u64,
    a_directory: Option<Box<str>>,
    expanded_bytes: u64,
}

/// One file.
#[derive(Clone)]
pub(super) struct Slot {
    pub name: Box<str>,
    pub packed: Range<usize>,
    pub size: usize,
    pub crc: u32,
    pub method: Method,
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

impl Members {
    /// The files of a zip, strictly read: whatever could be seen differently by another reader is refused.
    ///
    /// Contents are checked when they are read.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    pub fn zip(bytes: Bytes, limits: &Limits) -> Result<Self, ArchiveError> {
        let allowed = limits.expansion(bytes.len() as u64);
        Self::list_zip(bytes, limits, allowed)
    }

    /// The files of a zip that is itself a member of `outer`. The limits on expansion hold for both together, so a zip
    /// in a zip expands no further than one.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    pub fn zip_within(bytes: Bytes, outer: &Self, limits: &Limits) -> Result<Self, ArchiveError> {
        let allowed = limits.expansion(outer.0.bytes.len() as u64).less(outer.expanded_bytes());
        Self::list_zip(bytes, limits, allowed)
    }

    fn list_zip(bytes: Bytes, limits: &Limits, allowed: Expansion) -> Result<Self, ArchiveError> {
        check_length(bytes.len(), limits)?;
        let found = zip::list(&bytes, limits, allowed)?;
        let counts = Counts {
            entries: found.files.len() as u64 + found.directories,
            directories: found.directories,
            a_directory: found.a_directory,
            expanded_bytes: found.expanded_bytes,
        };
        Self::sorted(bytes, found.files, counts)
    }

    /// The files of a gzip'd tar. A tar can only be read from front to end, so its files are compressed again, one by
    /// one.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    pub fn tar_gz(bytes: &[u8], limits: &Limits) -> Result<Self, ArchiveError> {
        check_length(bytes.len(), limits)?;
        let (bytes, slots, totals) = repack::repack(bytes, limits)?;
        let counts = Counts {
            entries: totals.entries,
            directories: totals.directories,
            a_directory: None,
            expanded_bytes: slots.iter().map(|slot| slot.size as u64).sum(),
        };
        Self::sorted(bytes, slots, counts)
    }

    /// The same files by other names; those that get none are left out.
    ///
    /// # Errors
    /// Two files that would get one name.
    pub fn renamed(&self, mut rename: impl FnMut(&str) -> Option<&str>) -> Result<Self, ArchiveError> {
        let renamed = |slot: &Slot| rename(&slot.name).map(|name| Slot { name: name.into(), ..slot.clone() });
        let slots = self.0.slots.iter().filter_map(renamed).collect();
        Self::sorted(self.0.bytes.clone(), slots, self.0.counts.clone())
    }

    fn sorted(bytes: Bytes, mut slots: Vec<Slot>, counts: Counts) -> Result<Self, ArchiveError> {
        slots.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = slots.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(ArchiveError::RefusedEntry { entry: pair[0].name.to_string(), what: "there twice" });
        }
        Ok(Self(Arc::new(Index { bytes, slots, counts })))
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.0.slots.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.0.slots.is_empty()
    }

    /// The names of all files, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.slots.iter().map(|slot| &*slot.name)
    }

    /// All files, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = Member<'_>> {
        self.0.slots.iter().map(|slot| Member { bytes: &self.0.bytes, slot })
    }

    /// The file of this name.
    pub fn get(&self, name: &str) -> Option<Member<'_>> {
        let at = self.0.slots.binary_search_by(|slot| (*slot.name).cmp(name)).ok()?;
        self.0.slots.get(at).map(|slot| Member { bytes: &self.0.bytes, slot })
    }

    /// The files whose names start with `prefix`, in the order of their names.
    pub fn under(&self, prefix: &str) -> impl Iterator<Item = Member<'_>> {
        let start = self.0.slots.partition_point(|slot| *slot.name < *prefix);
        let rest = self.0.slots.get(start..).unwrap_or_default();
        let count = rest.partition_point(|slot| slot.name.starts_with(prefix));
        rest.iter().take(count).map(|slot| Member { bytes: &self.0.bytes, slot })
    }

    /// All entries of the archive, directories included; in a tar also headers that describe the next entry.
    pub fn entries(&self) -> u64 {
        self.0.counts.entries
    }

    /// Directories, which are left out.
    pub fn directories(&self) -> u64 {
        self.0.counts.directories
    }

    /// The name of a directory in a zip, if there is one.
    pub(crate) fn a_directory(&self) -> Option<&str> {
        self.0.counts.a_directory.as_deref()
    }

    /// Sum of the sizes of all files of the archive, in bytes.
    pub fn expanded_bytes(&self) -> u64 {
        self.0.counts.expanded_bytes
    }
}

/// Without names and contents, which may be secret.
impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").field("len", &self.len()).finish_non_exhaustive()
    }
}

fn check_length(length: usize, limits: &Limits) -> Result<(), ArchiveError> {
    if length as u64 > limits.compressed_bytes {
        return Err(too_large(Limit::CompressedBytes, limits.compressed_bytes, None));
    }
    Ok(())
}

/// One file of an archive.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    bytes: &'a Bytes,
    slot: &'a Slot,
}

impl<'a> Member<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        &self.slot.name
    }

    /// The size of its content, in bytes, as the archive declares it; reading makes sure of it.
    pub fn size(&self) -> usize {
        self.slot.size
    }

    /// Its bytes as they lie in the archive, compressed or not.
    ///
    /// Of use to recognise a file without expanding it, together with [`Self::is_stored`] and [`Self::size`]: a file
    /// may hold just what another is compressed to.
    pub fn packed(&self) -> &'a [u8] {
        self.bytes.get(self.slot.packed.clone()).unwrap_or_default()
    }

    /// Whether [`Self::packed`] is the content itself.
    pub fn is_stored(&self) -> bool {
        self.slot.method == Method::Stored
    }

    /// Its content. Who reads many uses an [`Expander`].
    ///
    /// # Errors
    /// Content that is damaged, or not of the declared size or CRC.
    pub fn read(&self) -> Result<Vec<u8>, ArchiveError> {
        let mut content = Vec::new();
        self.read_into(&mut content)?;
        Ok(content)
    }

    /// Its content instead of what `content` holds.
    ///
    /// # Errors
    /// As [`Self::read`]; `content` is empty then.
    pub fn read_into(&self, content: &mut Vec<u8>) -> Result<(), ArchiveError> {
        content.clear();
        inflate::expand_into(*self, content).inspect_err(|_| content.clear())
    }

    /// Its content; that of a stored file is a part of the archive, not a copy.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn to_bytes(&self) -> Result<Bytes, ArchiveError> {
        if self.is_stored() {
            inflate::stored(*self)?;
            return Ok(self.bytes.slice(self.slot.packed.clone()));
        }
        self.read().map(Bytes::from)
    }

    fn damaged(&self, what: &'static str) -> ArchiveError {
        ArchiveError::DamagedMember { member: self.name().into(), what }
    }
}

/// Without its content, which may be secret.
impl fmt::Debug for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("name", &self.name()).field("size", &self.size()).finish_non_exhaustive()
    }
}
