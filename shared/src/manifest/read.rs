//! Reading an export without importing it: what it says, for whoever wants to look at it first.

use super::files::Files;
use super::head::{Head, read_consumer, read_head, read_meta};
use super::model::{Consumer, Entitlement, Meta, Product};
use super::signature::Scheme;
use super::{Certificate, Container, Kind, ManifestError};
use crate::archive::{ArchiveError, Entry, Limits, Visit, read as read_tar};
use crate::warnings::Warnings;
use bytes::Bytes;

/// The file that every export has, by which a data bundle is told from other gzip'd tars.
const META: &str = "meta.json";

/// An export, opened. Each file is read when it is asked for, through one buffer; nothing in it has been verified.
#[derive(Debug)]
pub struct Export {
    container: Container,
    depth: u8,
}

impl Export {
    /// Opens a manifest or a data bundle, as an import does.
    ///
    /// # Errors
    /// See [`super::ContainerError`].
    pub fn open(archive: Bytes, limits: &Limits) -> Result<Self, ManifestError> {
        Ok(Self { container: Container::open(archive, limits)?, depth: limits.json_depth })
    }

    /// What it is packed in, and its files.
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// `meta.json` alone, which can often be read where more cannot.
    ///
    /// # Errors
    /// The file is missing, damaged, or does not say when the export was made.
    pub fn meta(&self) -> Result<Meta, ManifestError> {
        read_meta(&mut self.files())
    }

    /// `consumer.json` alone.
    ///
    /// # Errors
    /// The file is missing, damaged, or names no consumer.
    pub fn consumer(&self) -> Result<Consumer, ManifestError> {
        read_consumer(&mut self.files())
    }

    /// `scheme.json`, where a manifest says how it was signed.
    ///
    /// # Errors
    /// The file is damaged, or its algorithm is not supported.
    pub fn scheme(&self) -> Result<Option<Scheme>, ManifestError> {
        read_scheme(&self.container, &mut self.files())
    }

    /// Everything small. What is odd and stops nothing is added to `warnings`.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn head(&self, warnings: &mut Warnings) -> Result<Head, ManifestError> {
        read_head(&self.container, &mut self.files(), warnings)
    }

    /// Shows each file of `products/` in the order of their names.
    ///
    /// # Errors
    /// A file that is not the JSON that it should be; those before it have been shown.
    pub fn each_product(&self, mut show: impl FnMut(&Product<'_>)) -> Result<(), ManifestError> {
        let mut files = self.files();
        for member in files.json_files("products/") {
            show(&files.json(member)?);
        }
        Ok(())
    }

    /// Shows each file of `entitlements/` in the order of their names.
    ///
    /// # Errors
    /// As [`Self::each_product`].
    pub fn each_entitlement(&self, mut show: impl FnMut(&Entitlement<'_>)) -> Result<(), ManifestError> {
        let mut files = self.files();
        for member in files.json_files("entitlements/") {
            show(&files.json(member)?);
        }
        Ok(())
    }

    /// Shows the certificate of each file of `entitlement_certificates/` in the order of their names.
    ///
    /// # Errors
    /// A file without a certificate that can be read; those before it have been shown.
    pub fn each_certificate(&self, mut show: impl FnMut(Certificate)) -> Result<(), ManifestError> {
        let mut files = self.files();
        for member in self.container.files.under("entitlement_certificates/") {
            let certificate = Certificate::parse(files.text(member)?);
            show(certificate.map_err(ManifestError::certificate(member.name()))?);
        }
        Ok(())
    }

    /// How deep JSON may nest.
    pub(crate) fn depth(&self) -> u8 {
        self.depth
    }

    fn files(&self) -> Files<'_> {
        Files::new(&self.container.files, self.depth)
    }
}

/// `scheme.json`. A data bundle has none: its signature is elsewhere.
pub(crate) fn read_scheme(container: &Container, files: &mut Files<'_>) -> Result<Option<Scheme>, ManifestError> {
    match container.files.get("scheme.json").filter(|_| container.kind == Kind::Manifest) {
        Some(member) => Ok(Some(Scheme::parse(files.bytes(member)?)?)),
        None => Ok(None),
    }
}

/// Whether a gzip'd tar is a data bundle: `meta.json` is at its root, however its names are written. One that is damaged
/// before that file is none.
pub fn is_data_bundle(archive: &[u8], limits: &Limits) -> bool {
    matches!(read_tar(archive, limits, &mut Look), Err(Seen::Meta))
}

/// Looks for `meta.json` and stops there.
struct Look;

enum Seen {
    Meta,
    Damage,
}

impl From<ArchiveError> for Seen {
    fn from(_: ArchiveError) -> Self {
        Self::Damage
    }
}

impl Visit for Look {
    type Error = Seen;

    fn wants(&mut self, name: &str) -> Result<bool, Seen> {
        if name.strip_prefix("export/").unwrap_or(name) == META { Err(Seen::Meta) } else { Ok(false) }
    }

    fn file(&mut self, _: Entry<'_>) -> Result<(), Seen> {
        Ok(())
    }
}
