//! The two containers: zip in zip with a signature, and a tar.gz with a signature beside it.

use super::zip_writer::{Member, ZipWriter};
use super::{Algorithm, Authority, Era, Manifest, SchemeSigner};
use crate::archive::{self, ArchiveWriter};

/// How a data bundle writes the names of its files; all mean the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// `meta.json`
    Plain,
    /// `/meta.json`, as the design has it.
    #[default]
    LeadingSlash,
    /// `./meta.json`
    DotSlash,
    /// `export/meta.json`
    Export,
}

impl Spelling {
    /// Every spelling.
    pub const ALL: [Self; 4] = [Self::Plain, Self::LeadingSlash, Self::DotSlash, Self::Export];

    /// `path` in this spelling.
    pub fn spell(self, path: &str) -> String {
        let prefix = match self {
            Self::Plain => "",
            Self::LeadingSlash => "/",
            Self::DotSlash => "./",
            Self::Export => "export/",
        };
        format!("{prefix}{path}")
    }
}

impl Manifest {
    /// `consumer_export.zip`: the tree, deflated, with a comment that names the consumer.
    pub fn inner_zip(&self) -> Vec<u8> {
        let zip = ZipWriter::new().comment(&format!("Candlepin export for {}", self.exporter.uuid));
        self.files().into_iter().fold(zip, |zip, (name, bytes)| zip.member(streamed(&name, bytes))).build()
    }

    /// The manifest, signed by `authority` with SHA-256.
    pub fn build(&self, authority: &Authority) -> Vec<u8> {
        self.wrap(self.inner_zip(), |bytes| authority.sign(bytes, Algorithm::Sha256))
    }

    /// The manifest with the signer's `scheme.json`, signed as that says.
    pub fn build_with_scheme(&self, signer: &SchemeSigner) -> Vec<u8> {
        self.wrap(self.clone().scheme(signer).inner_zip(), |bytes| signer.sign(bytes))
    }

    /// The manifest without a member `signature`.
    pub fn build_unsigned(&self) -> Vec<u8> {
        self.outer(self.inner_zip()).build()
    }

    /// Puts any `consumer_export.zip` into an outer zip, with what `sign` says of its bytes.
    pub fn wrap(&self, inner: Vec<u8>, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let signature = self.signature.clone().unwrap_or_else(|| sign(&inner));
        self.outer(inner).member(streamed("signature", signature)).build()
    }

    fn outer(&self, inner: Vec<u8>) -> ZipWriter {
        let zip = ZipWriter::new()
            .comment(&format!("signed Candlepin export for {}", self.exporter.uuid))
            .member(streamed("consumer_export.zip", inner));
        self.beside.iter().fold(zip, |zip, (name, bytes)| zip.member(streamed(name, bytes.clone())))
    }

    /// The data bundle: `meta.json` of version 1.0, everything at the root, names as `spelling` has them.
    pub fn bundle(&self, spelling: Spelling) -> Vec<u8> {
        let files = self.changed(self.bundle_tree());
        archive::in_memory(ArchiveWriter::gzip(archive::Spelling::Plain, 0), |tar| {
            files.iter().try_for_each(|(name, bytes)| tar.raw(&spelling.spell(name), bytes))
        })
    }

    /// The data bundle and its detached signature, in this order.
    pub fn signed_bundle(&self, spelling: Spelling, authority: &Authority) -> (Vec<u8>, Vec<u8>) {
        let bundle = self.bundle(spelling);
        let signature = sign_bundle(&bundle, authority);
        (bundle, signature)
    }

    /// When the manifest was made.
    pub fn created_at(&self) -> time::OffsetDateTime {
        self.exporter.created
    }

    /// The era.
    pub fn era(&self) -> Era {
        self.era
    }
}

/// A member as Java's streaming writer makes it.
fn streamed(name: &str, bytes: Vec<u8>) -> Member {
    Member::file(name, bytes).descriptor()
}

/// The detached signature of a bundle: PKCS#1 v1.5 with SHA-256 over its exact bytes.
pub fn sign_bundle(bundle: &[u8], authority: &Authority) -> Vec<u8> {
    authority.sign(bundle, Algorithm::Sha256)
}
