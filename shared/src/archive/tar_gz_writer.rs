//! A writer of gzip'd tars as a stream.

use super::name;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write};
use tar::{Builder, EntryType, Header};
use time::OffsetDateTime;

/// Writes a gzip'd tar: files only, of one time and of nobody, so that the same files make the same bytes.
pub struct TarGzWriter<W: Write> {
    tar: Builder<GzEncoder<W>>,
    modified: u64,
}

impl<W: Write> TarGzWriter<W> {
    /// A tar whose files are all of the time `modified`, to the second.
    pub fn new(out: W, level: Compression, modified: OffsetDateTime) -> Self {
        let modified = u64::try_from(modified.unix_timestamp()).unwrap_or(0);
        Self { tar: Builder::new(GzEncoder::new(out, level)), modified }
    }

    /// Writes a file whose content is at hand.
    ///
    /// # Errors
    /// The name leads out of the archive, or writing fails.
    pub fn file(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        name::check_file(name).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(self.modified);
        self.tar.append_data(&mut header, name, content)
    }

    /// Ends the archive and gives back what it was written to.
    ///
    /// # Errors
    /// Writing fails.
    pub fn finish(self) -> io::Result<W> {
        self.tar.into_inner()?.finish()
    }

    /// What it writes to.
    pub fn get_mut(&mut self) -> &mut W {
        self.tar.get_mut().get_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Limits, Members};
    use time::macros::datetime;

    fn tar(files: &[(String, &[u8])]) -> Vec<u8> {
        let mut tar = TarGzWriter::new(Vec::new(), Compression::default(), datetime!(2026-03-05 10:20:30 UTC));
        for (name, content) in files {
            tar.file(name, content).unwrap();
        }
        tar.finish().unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_always_the_same() {
        let long = format!("consumer_types/{}.json", "é".repeat(200));
        let files: [(String, &[u8]); 3] =
            [("meta.json".into(), b"{}"), ("products/1.json".into(), &[b'x'; 100_000]), (long, b"")];
        let bytes = tar(&files);
        assert_eq!(bytes, tar(&files));
        let members = Members::tar_gz(&bytes, &Limits::for_manifests()).unwrap();
        let mut found: Vec<_> = members.iter().map(|m| (m.name().to_owned(), m.read().unwrap())).collect();
        let mut expected = files.map(|(name, content)| (name, content.to_vec())).to_vec();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        let mut tar = TarGzWriter::new(Vec::new(), Compression::default(), OffsetDateTime::UNIX_EPOCH);
        for name in ["", "/a", "../a", "a/../b", "a/"] {
            assert!(tar.file(name, b"").is_err(), "{name:?}");
        }
    }
}
