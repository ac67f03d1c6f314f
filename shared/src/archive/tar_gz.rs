//! The entries of a gzip'd tar, one after the other through one buffer.

use super::expand::{Expand, exceeded};
use super::{ArchiveError, Limit, Limits, too_large};
use std::cell::Cell;
use std::io::{self, Read};
use tar::{Archive, EntryType};

/// What is done with each file of an archive.
pub trait Visit {
    /// The visitor's error; reading errors become it too.
    type Error: From<ArchiveError>;

    /// Whether the file `name` is to be read. Others are passed over and counted.
    ///
    /// # Errors
    /// Whatever ends the reading.
    fn wants(&mut self, name: &str) -> Result<bool, Self::Error>;

    /// A file that was wanted, whole.
    ///
    /// # Errors
    /// Whatever ends the reading.
    fn file(&mut self, entry: Entry<'_>) -> Result<(), Self::Error>;
}

/// One file, valid until the next one is read.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Its name, without a leading `/` or `./`.
    pub name: &'a str,
    /// Its content, at most [`Limits::entry_bytes`].
    pub content: &'a [u8],
}

/// What reading came across.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Totals {
    /// All entries, directories included.
    pub entries: u64,
    /// Directories, which are never shown.
    pub directories: u64,
    /// Files that were not wanted.
    pub ignored: u64,
    /// Bytes of the expanded stream.
    pub expanded_bytes: u64,
    /// Whether the end-of-archive marker is there. Some writers forget it, so its absence is no error.
    pub end_marker: bool,
}

/// Longest name or pax header. POSIX paths end at 4 KiB; a pax header carries a few of them.
const NAME_BYTES: u64 = 64 << 10;

/// Reads the gzip'd tar in `bytes`, one pass, and shows each regular file to `visit`.
///
/// Reads the stream to its end, so that gzip's checksum is verified whatever the tar holds.
///
/// # Errors
/// See [`ArchiveError`]; and whatever the visitor returns.
pub fn read<V: Visit>(bytes: &[u8], limits: &Limits, visit: &mut V) -> Result<Totals, V::Error> {
    let position = Cell::new(0);
    let mut archive = Archive::new(Expand::new(bytes, limits, &position)?);
    let mut reader =
        TarReader { limits, position: &position, totals: Totals::default(), name: None, buffer: Vec::new() };
    let mut end = 0;
    // Raw entries: `tar` would read a name extension of any size into memory.
    let entries = archive.entries().map_err(|error| reader.damaged(error))?.raw(true);
    for entry in entries {
        let mut entry = entry.map_err(|error| reader.damaged(error))?;
        end = entry.raw_file_position() + entry.size().next_multiple_of(512);
        reader.entry(&mut entry, visit)?;
    }
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| reader.damaged(error))?;
    reader.totals.expanded_bytes = position.get();
    reader.totals.end_marker = position.get() > end;
    Ok(reader.totals)
}

struct TarReader<'a> {
    limits: &'a Limits,
    position: &'a Cell<u64>,
    totals: Totals,
    /// From a pax header or a GNU long name, for the entry that follows.
    name: Option<String>,
    buffer: Vec<u8>,
}

impl TarReader<'_> {
    fn entry<V: Visit>(&mut self, entry: &mut tar::Entry<'_, Expand<'_>>, visit: &mut V) -> Result<(), V::Error> {
        self.totals.entries += 1;
        if self.totals.entries > self.limits.entries {
            return Err(too_large(Limit::Entries, self.limits.entries, None).into());
        }
        let kind = entry.header().entry_type();
        match kind {
            EntryType::XHeader | EntryType::GNULongName => return Ok(self.extension(entry, kind)?),
            EntryType::XGlobalHeader | EntryType::GNULongLink => return Ok(()),
            _ => {}
        }
        let name = self.name.take().unwrap_or_else(|| String::from_utf8_lossy(&entry.path_bytes()).into_owned());
        let name = plain_name(&name);
        if let Some(what) = refused(kind) {
            return Err(ArchiveError::RefusedEntry { entry: name.into(), what }.into());
        }
        // Old writers mark a directory only by the slash at its end.
        if kind == EntryType::Directory || name.is_empty() || name.ends_with('/') {
            self.totals.directories += 1;
            return Ok(());
        }
        if !visit.wants(name)? {
            self.totals.ignored += 1;
            return Ok(());
        }
        self.fill(entry, name, self.limits.entry_bytes, Limit::EntryBytes)?;
        visit.file(Entry { name, content: &self.buffer })
    }

    /// A header that describes the entry after it.
    fn extension(&mut self, entry: &mut tar::Entry<'_, Expand<'_>>, kind: EntryType) -> Result<(), ArchiveError> {
        self.fill(entry, "(name of the next entry)", NAME_BYTES, Limit::NameBytes)?;
        if kind == EntryType::GNULongName {
            let text = self.buffer.strip_suffix(b"\0").unwrap_or(&self.buffer);
            self.name = Some(String::from_utf8_lossy(text).into_owned());
            return Ok(());
        }
        for extension in tar::PaxExtensions::new(&self.buffer) {
            let extension = extension.map_err(|error| self.damaged(error))?;
            match extension.key_bytes() {
                b"path" => self.name = Some(String::from_utf8_lossy(extension.value_bytes()).into_owned()),
                // Such a size does not fit into the header: over 8 GiB, or there to mislead.
                b"size" => return Err(refused_entry(&self.name, "a file with its size in a pax header")),
                key if key.starts_with(b"GNU.sparse.") => return Err(refused_entry(&self.name, "a sparse file")),
                _ => {}
            }
        }
        Ok(())
    }

    fn fill(
        &mut self,
        entry: &mut tar::Entry<'_, Expand<'_>>,
        name: &str,
        maximum: u64,
        limit: Limit,
    ) -> Result<(), ArchiveError> {
        let expected = entry.size();
        if expected > maximum {
            return Err(too_large(limit, maximum, Some(name.into())));
        }
        self.buffer.clear();
        let found = entry.read_to_end(&mut self.buffer).map_err(|error| self.damaged(error))? as u64;
        if found == expected { Ok(()) } else { Err(ArchiveError::CutEntry { entry: name.into(), found, expected }) }
    }

    fn damaged(&self, source: io::Error) -> ArchiveError {
        match exceeded(&source) {
            Some(found) => too_large(found.limit, found.maximum, None),
            None => ArchiveError::Damaged { offset: self.position.get(), source },
        }
    }
}

fn refused_entry(name: &Option<String>, what: &'static str) -> ArchiveError {
    ArchiveError::RefusedEntry { entry: name.clone().unwrap_or_else(|| "(unnamed)".into()), what }
}

fn refused(kind: EntryType) -> Option<&'static str> {
    match kind {
        EntryType::Link | EntryType::Symlink => Some("a link"),
        EntryType::GNUSparse => Some("a sparse file"),
        EntryType::Char | EntryType::Block => Some("a device"),
        EntryType::Fifo => Some("a named pipe"),
        _ => None,
    }
}

/// `/api/v2/x`, `./api/v2/x` and `api/v2/x` are one name.
fn plain_name(mut name: &str) -> &str {
    loop {
        let shorter = name.strip_prefix("./").or_else(|| name.strip_prefix('/'));
        match shorter {
            Some(rest) => name = rest,
            None => return if name == "." { "" } else { name },
        }
    }
}
