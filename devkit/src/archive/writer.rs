//! Writes tar entries one at a time, good ones and odd ones.

use std::collections::HashSet;
use std::io::{self, Write};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use serde_json::Value;
use tar::{EntryType, Header};

/// How a producer writes the name of an entry; all three mean the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// `/api/v2/..`, as the Catalog Worker does.
    #[default]
    LeadingSlash,
    /// `api/v2/..`
    Plain,
    /// `./api/v2/..`
    DotSlash,
}

impl Spelling {
    /// `path`, which starts with `api/`, as this producer writes it.
    pub fn spell(self, path: &str) -> String {
        let prefix = match self {
            Self::LeadingSlash => "/",
            Self::Plain => "",
            Self::DotSlash => "./",
        };
        format!("{prefix}{path}")
    }
}

/// Writes an archive into memory, an entry at a time.
pub struct ArchiveWriter {
    tar: tar::Builder<Output>,
    spelling: Spelling,
    /// The directories already written, when they are written at all.
    directories: Option<HashSet<String>>,
    buffer: Vec<u8>,
}

enum Output {
    Plain(Vec<u8>),
    Gzip(Box<GzEncoder<Vec<u8>>>),
}

impl ArchiveWriter {
    /// A gzip'd tar; `mtime` is the time stamp of the gzip header, in seconds since 1970.
    pub fn gzip(spelling: Spelling, mtime: u32) -> Self {
        let encoder = GzBuilder::new().mtime(mtime).write(Vec::new(), Compression::default());
        Self::new(Output::Gzip(Box::new(encoder)), spelling)
    }

    /// A tar.
    pub fn tar(spelling: Spelling) -> Self {
        Self::new(Output::Plain(Vec::new()), spelling)
    }

    fn new(output: Output, spelling: Spelling) -> Self {
        Self { tar: tar::Builder::new(output), spelling, directories: None, buffer: Vec::new() }
    }

    /// From here on as the worker does it: writes a `./` entry now, and each directory before its first file.
    pub fn directories_too(&mut self) -> io::Result<()> {
        self.directories = Some(HashSet::new());
        self.directory("./")
    }

    /// A file of Tower's API; `path` starts with `api/`.
    pub fn json(&mut self, path: &str, body: &Value) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        serde_json::to_writer(&mut buffer, body)?;
        let name = self.spelling.spell(path);
        let written = self.raw(&name, &buffer);
        self.buffer = buffer;
        written
    }

    /// A file under exactly this name.
    pub fn raw(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.parents(name)?;
        self.named(EntryType::Regular, name, "", bytes)
    }

    /// A directory entry.
    pub fn directory(&mut self, name: &str) -> io::Result<()> {
        self.named(EntryType::Directory, name, "", &[])
    }

    /// A symbolic link.
    pub fn symlink(&mut self, name: &str, target: &str) -> io::Result<()> {
        self.named(EntryType::Symlink, name, target, &[])
    }

    /// A hard link.
    pub fn hardlink(&mut self, name: &str, target: &str) -> io::Result<()> {
        self.named(EntryType::Link, name, target, &[])
    }

    /// An old GNU sparse entry: `data`, then a hole up to `real_size` bytes.
    pub fn sparse(&mut self, name: &str, data: &[u8], real_size: u64) -> io::Result<()> {
        let mut header = header(EntryType::GNUSparse, name, "", data);
        if let Some(gnu) = header.as_gnu_mut() {
            gnu.set_real_size(real_size);
            gnu.sparse[0].set_offset(0);
            gnu.sparse[0].set_length(data.len() as u64);
            // GNU tar ends the map with an empty block at the end of the file.
            gnu.sparse[1].set_offset(real_size);
            gnu.sparse[1].set_length(0);
        }
        self.append(header, data)
    }

    /// A file whose real name stands in a pax header before it.
    pub fn pax_path(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let record = pax_record("path", name);
        self.append(header(EntryType::XHeader, "PaxHeaders/entry", "", &record), &record)?;
        self.append(header(EntryType::Regular, "entry", "", bytes), bytes)
    }

    /// A file whose real name stands in a GNU long name entry before it.
    pub fn gnu_long_name(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.long_name(name)?;
        self.append(header(EntryType::Regular, name, "", bytes), bytes)
    }

    /// Ends the archive and returns its bytes.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self.tar.into_inner()? {
            Output::Plain(bytes) => Ok(bytes),
            Output::Gzip(encoder) => encoder.finish(),
        }
    }

    fn named(&mut self, kind: EntryType, name: &str, target: &str, bytes: &[u8]) -> io::Result<()> {
        let header = header(kind, name, target, bytes);
        if name.len() > header.as_old().name.len() {
            self.long_name(name)?;
        }
        self.append(header, bytes)
    }

    fn long_name(&mut self, name: &str) -> io::Result<()> {
        let data = [name.as_bytes(), &[0]].concat();
        self.append(header(EntryType::GNULongName, "././@LongLink", "", &data), &data)
    }

    fn append(&mut self, mut header: Header, bytes: &[u8]) -> io::Result<()> {
        header.set_cksum();
        self.tar.append(&header, bytes)
    }

    fn parents(&mut self, name: &str) -> io::Result<()> {
        let Some(mut written) = self.directories.take() else {
            return Ok(());
        };
        let ends = name.match_indices('/').map(|(at, _)| &name[..=at]);
        for directory in ends.filter(|directory| !matches!(*directory, "/" | "./")) {
            if written.insert(directory.to_owned()) {
                self.directory(directory)?;
            }
        }
        self.directories = Some(written);
        Ok(())
    }
}

/// A header without its checksum. Names are copied as they are, since the crate's own setters refuse the leading slash
/// that the worker writes and the `..` that an attacker does.
fn header(kind: EntryType, name: &str, target: &str, data: &[u8]) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(data.len() as u64);
    let fields = header.as_old_mut();
    copy(&mut fields.name, name.as_bytes());
    copy(&mut fields.linkname, target.as_bytes());
    header
}

fn copy(field: &mut [u8], text: &[u8]) {
    let n = text.len().min(field.len());
    field[..n].copy_from_slice(&text[..n]);
}

/// `<length> <key>=<value>\n`, where the length counts its own digits too.
fn pax_record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len() + 1;
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}").into_bytes()
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(output) => output.write(bytes),
            Self::Gzip(output) => output.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(output) => output.flush(),
            Self::Gzip(output) => output.flush(),
        }
    }
}
