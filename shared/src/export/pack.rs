//! The two containers, packed and signed while their files are made.

use super::request::Format;
use crate::archive::{TarGzWriter, ZipWriter};
use flate2::Compression;
use ring::digest::{Context, SHA256};
use std::io::{self, Write};
use time::OffsetDateTime;

/// The directory in that all files of a manifest are.
const ROOT: &str = "export/";

/// How hard files are compressed: as everybody's zip does unless told otherwise.
const LEVEL: Compression = Compression::new(6);

/// A SHA-256.
pub(super) type Digest = [u8; 32];

/// A container that is being written. What it has become so far is taken from [`Packer::output`].
pub(super) enum Packer {
    Zip(Box<Zip>),
    Tar(Box<TarGzWriter<Output>>),
}

/// The zip of the export, as a member of the manifest.
pub(super) struct Zip {
    inner: ZipWriter<Signed>,
    comment: String,
}

/// The member that is signed: hashed on its way into the manifest.
struct Signed {
    outer: ZipWriter<Output>,
    digest: Context,
}

/// A container whose files are complete, and what its signature is to cover.
pub(super) struct Packed {
    rest: Rest,
    /// What is to be signed.
    pub digest: Digest,
}

enum Rest {
    Zip(Box<ZipWriter<Output>>, String),
    Tar(Box<Output>),
}

/// A complete container.
pub(super) struct Sealed {
    /// What was not taken yet.
    pub rest: Vec<u8>,
    /// Of all of it.
    pub sha256: Digest,
    pub bytes: u64,
}

impl Packer {
    /// `uuid` is the consumer's; all files are of the time `created`.
    pub fn new(format: Format, uuid: &str, created: OffsetDateTime) -> io::Result<Self> {
        if format == Format::Tar {
            return Ok(Self::Tar(Box::new(TarGzWriter::new(Output::default(), LEVEL, created))));
        }
        // A zip cannot be compressed further. Stored it must not be: readers of streams could not tell where it ends.
        let mut outer = ZipWriter::new(Output::default(), Compression::none(), created);
        outer.start("consumer_export.zip")?;
        let signed = Signed { outer, digest: Context::new(&SHA256) };
        Ok(Self::Zip(Box::new(Zip { inner: ZipWriter::new(signed, LEVEL, created), comment: uuid.into() })))
    }

    /// Writes a file, named relative to the export's root.
    pub fn file(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        match self {
            Self::Zip(zip) => zip.inner.file(&format!("{ROOT}{name}"), content),
            Self::Tar(tar) => tar.file(name, content),
        }
    }

    /// What has been packed and not taken away yet.
    pub fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Zip(zip) => &mut zip.inner.get_mut().outer.get_mut().bytes,
            Self::Tar(tar) => &mut tar.get_mut().bytes,
        }
    }

    /// No more files.
    pub fn finish(self) -> io::Result<Packed> {
        match self {
            Self::Zip(zip) => {
                let mut signed = zip.inner.finish(&format!("Candlepin export for {}", zip.comment))?;
                signed.outer.end()?;
                let digest = sha256(signed.digest);
                Ok(Packed { rest: Rest::Zip(Box::new(signed.outer), zip.comment), digest })
            }
            Self::Tar(tar) => {
                let output = tar.finish()?;
                Ok(Packed { digest: sha256(output.digest.clone()), rest: Rest::Tar(Box::new(output)) })
            }
        }
    }
}

impl Packed {
    /// Puts the signature where the container has a place for it. A tar's is beside it.
    pub fn seal(self, signature: &[u8]) -> io::Result<Sealed> {
        let output = match self.rest {
            Rest::Zip(mut outer, uuid) => {
                outer.file("signature", signature)?;
                outer.finish(&format!("signed Candlepin export for {uuid}"))?
            }
            Rest::Tar(output) => *output,
        };
        Ok(Sealed { rest: output.bytes, sha256: sha256(output.digest), bytes: output.count })
    }
}

impl Write for Signed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.outer.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.outer.flush()
    }
}

/// Where a container goes: bytes in memory until somebody takes them, counted and hashed.
pub(super) struct Output {
    bytes: Vec<u8>,
    digest: Context,
    count: u64,
}

impl Default for Output {
    fn default() -> Self {
        Self { bytes: Vec::new(), digest: Context::new(&SHA256), count: 0 }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        self.digest.update(bytes);
        self.count += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn sha256(context: Context) -> Digest {
    // SHA-256 has 32 bytes.
    context.finish().as_ref().first_chunk().copied().unwrap_or_default()
}
