//! The two containers: a manifest (a zip in a zip, with a signature) and a data bundle (a gzip'd tar).

#[cfg(test)]
mod tests;

use crate::archive::{ArchiveError, GZIP, Limits, Members};
use crate::failure::Classified;
use bytes::Bytes;
use std::fmt;

/// The member of a manifest that its signature covers: a zip of the export.
const EXPORT: &str = "consumer_export.zip";
/// The member of a manifest that holds the signature, raw.
const SIGNATURE: &str = "signature";
/// The directory in that all files of an export are.
const ROOT: &str = "export/";

/// Largest signature, in bytes. RSA-4096 makes 512, ML-DSA-87 some 4,600.
pub(crate) const SIGNATURE_BYTES: usize = 64 << 10;

/// How many ignored files are named.
const IGNORED: usize = 20;

/// What files are called that are archives themselves.
const ARCHIVES: [&str; 18] = [
    "zip", "jar", "war", "ear", "tar", "gz", "tgz", "bz2", "tbz", "tbz2", "xz", "txz", "lzma", "zst", "tzst", "7z",
    "rar", "cpio",
];

/// An export as it was delivered, opened; nothing in it has been verified.
pub struct Container {
    /// What it is packed in.
    pub kind: Kind,
    /// The exact bytes that the signature covers: a manifest's `consumer_export.zip`, or the whole bundle.
    pub signed: Bytes,
    /// The signature in the manifest, unless it is missing or empty. A bundle's is elsewhere.
    pub signature: Option<Vec<u8>>,
    /// The files of the export, named relative to its root: `meta.json`, `products/100.json`, ..
    pub files: Members,
    /// Signed files of a manifest outside of `export/`, which are not part of the export; the first 20.
    pub ignored: Vec<String>,
}

/// What an export is packed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A zip with a signature and the zip that it covers.
    Manifest,
    /// A gzip'd tar with a detached signature.
    DataBundle,
}

impl Kind {
    /// By the first bytes: those of a zip, or of gzip.
    pub fn of(archive: &[u8]) -> Option<Self> {
        match archive {
            [b'P', b'K', ..] => Some(Self::Manifest),
            _ if archive.starts_with(&GZIP) => Some(Self::DataBundle),
            _ => None,
        }
    }
}

/// Why a container was refused. None of these is cured by trying again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// Neither a zip nor gzip.
    #[error("neither a manifest (a zip) nor a data bundle (gzip): it starts with {start:02x?}")]
    Unknown {
        /// The first bytes, four at most.
        start: Vec<u8>,
    },
    /// One of its archives was refused.
    #[error("{part} is refused")]
    Archive {
        /// Which one: `the manifest`, `consumer_export.zip`, ..
        part: &'static str,
        /// Why.
        #[source]
        source: ArchiveError,
    },
    /// A manifest without the zip of the export.
    #[error("the manifest has no consumer_export.zip")]
    NoExport,
    /// A manifest holds something that its signature does not cover.
    #[error(
        "the manifest holds {member}, which its signature does not cover; only consumer_export.zip and signature are accepted"
    )]
    Unsigned {
        /// The member's name.
        member: String,
    },
    /// A signature of an absurd size.
    #[error("the manifest's signature has {size} bytes, over the limit of {maximum}", maximum = SIGNATURE_BYTES)]
    LargeSignature {
        /// Its size, in bytes.
        size: usize,
    },
    /// An archive in the export.
    #[error("{part} holds {member}, an archive of its own, which is refused")]
    Nested {
        /// Where it is: `consumer_export.zip` or `the data bundle`.
        part: &'static str,
        /// The member's name.
        member: String,
    },
    /// An export without a file.
    #[error("{part} has no content: no file of an export is in it")]
    Empty {
        /// Where it should be: `consumer_export.zip` or `the data bundle`.
        part: &'static str,
    },
}

impl Classified for ContainerError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Archive { source, .. } => source.kind(),
            Self::LargeSignature { .. } => "ArchiveTooLarge",
            _ => "Archive",
        }
    }

    fn is_transient(&self) -> bool {
        false
    }
}

impl Container {
    /// Opens what was downloaded, told apart by its first bytes.
    ///
    /// # Errors
    /// See [`ContainerError`]. A missing signature is none.
    pub fn open(archive: Bytes, limits: &Limits) -> Result<Self, ContainerError> {
        match Kind::of(&archive) {
            Some(Kind::Manifest) => manifest(archive, limits),
            Some(Kind::DataBundle) => data_bundle(archive, limits),
            None => Err(ContainerError::Unknown { start: archive.iter().take(4).copied().collect() }),
        }
    }
}

/// Without contents, which hold private keys.
impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Container").field("kind", &self.kind).field("files", &self.files).finish_non_exhaustive()
    }
}

fn manifest(archive: Bytes, limits: &Limits) -> Result<Container, ContainerError> {
    // The export's zip is a member here, so that for once a member may be as large as an archive.
    let wide = Limits { entry_bytes: limits.compressed_bytes, ..limits.clone() };
    let refused = in_part("the manifest");
    let outer = Members::zip(archive, &wide).map_err(refused)?;
    refuse_unsigned(&outer)?;
    let signature = signature(&outer)?;
    let signed = outer.get(EXPORT).ok_or(ContainerError::NoExport)?.to_bytes().map_err(refused)?;
    let all = Members::zip_within(signed.clone(), &outer, limits).map_err(in_part(EXPORT))?;
    refuse_nested(EXPORT, &all)?;
    let files = all.renamed(|name| name.strip_prefix(ROOT)).map_err(in_part(EXPORT))?;
    refuse_empty(EXPORT, &files)?;
    let ignored = all.names().filter(|name| !name.starts_with(ROOT)).take(IGNORED).map(Into::into).collect();
    Ok(Container { kind: Kind::Manifest, signed, signature, files, ignored })
}

fn data_bundle(archive: Bytes, limits: &Limits) -> Result<Container, ContainerError> {
    let part = "the data bundle";
    let all = Members::tar_gz(&archive, limits).map_err(in_part(part))?;
    refuse_nested(part, &all)?;
    // `/x`, `./x` and `x` are one name already; with `export/` in front it is still the same.
    let files = all.renamed(|name| Some(name.strip_prefix(ROOT).unwrap_or(name))).map_err(in_part(part))?;
    refuse_empty(part, &files)?;
    Ok(Container { kind: Kind::DataBundle, signed: archive, signature: None, files, ignored: Vec::new() })
}

fn in_part(part: &'static str) -> impl Fn(ArchiveError) -> ContainerError + Copy {
    move |source| ContainerError::Archive { part, source }
}

/// Whatever lies beside the signed zip could be anybody's.
fn refuse_unsigned(outer: &Members) -> Result<(), ContainerError> {
    let other = outer.names().find(|name| ![EXPORT, SIGNATURE].contains(name)).or(outer.a_directory());
    other.map_or(Ok(()), |member| Err(ContainerError::Unsigned { member: member.into() }))
}

fn signature(outer: &Members) -> Result<Option<Vec<u8>>, ContainerError> {
    match outer.get(SIGNATURE) {
        Some(member) if member.size() > SIGNATURE_BYTES => Err(ContainerError::LargeSignature { size: member.size() }),
        Some(member) => {
            let bytes = member.read().map_err(in_part("the manifest"))?;
            Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
        }
        None => Ok(None),
    }
}

fn refuse_nested(part: &'static str, files: &Members) -> Result<(), ContainerError> {
    let is_archive = |name: &str| {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        ending.is_some_and(|ending| ARCHIVES.iter().any(|known| known.eq_ignore_ascii_case(ending)))
    };
    match files.names().find(|name| is_archive(name)) {
        Some(member) => Err(ContainerError::Nested { part, member: member.into() }),
        None => Ok(()),
    }
}

fn refuse_empty(part: &'static str, files: &Members) -> Result<(), ContainerError> {
    if files.is_empty() { Err(ContainerError::Empty { part }) } else { Ok(()) }
}
