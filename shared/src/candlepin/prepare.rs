//! Everything about a manifest that needs no database: opened, its signature checked, its small files read.

use super::Conflict;
use super::error::{Conflicts, ImportError};
use super::record::Seen;
use crate::archive::Limits;
use crate::manifest::files::Files;
use crate::manifest::signature::{SignatureError, verify, verify_untrusted};
use crate::manifest::{
    Container, Head, Kind, ManifestError, SignedBy, TrustAnchors, read_consumer, read_consumer_only, read_head,
    read_meta, read_scheme,
};
use crate::warnings::Warnings;
use bytes::Bytes;
use std::sync::Arc;
use time::OffsetDateTime;

/// What is needed to judge an archive.
pub(super) struct Judge {
    pub limits: Limits,
    pub anchors: Arc<TrustAnchors>,
    pub asked: Asked,
    pub now: OffsetDateTime,
}

/// What the message asks for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Conflicts that it forces and that may be forced.
    pub force: Vec<Conflict>,
    /// Nothing but the upstream consumer is to be read.
    pub consumer_only: bool,
}

/// A manifest, opened and judged.
#[derive(Debug)]
pub(super) struct Prepared {
    pub container: Container,
    pub head: Head,
    /// Conflicts that were there, and that were forced.
    pub forced: Vec<Conflict>,
    pub warnings: Warnings,
}

impl Judge {
    /// Opens an archive. `signature` is the detached one of a data bundle. What could be learnt of the manifest stands in
    /// `seen`, however it ends.
    pub fn prepare(
        &self,
        archive: Bytes,
        signature: Option<Vec<u8>>,
        seen: &mut Seen,
    ) -> Result<Prepared, ImportError> {
        let container = Container::open(archive, &self.limits).map_err(ManifestError::from)?;
        seen.expanded_bytes = Some(container.files.expanded_bytes());
        seen.entries = Some(container.files.entries());
        let mut files = Files::new(&container.files, self.limits.json_depth);
        // First, so that a failure's record says whose manifest it was. What is wrong with it is said in its turn.
        seen.meta = read_meta(&mut files).ok();
        seen.consumer = read_consumer(&mut files).ok();
        let mut forced = Vec::new();
        let signature =
            container.signature.as_ref().filter(|_| container.kind == Kind::Manifest).or(signature.as_ref());
        if let Some(signer) = self.signer(&container, signature.map(Vec::as_slice), &mut files, &mut forced)? {
            seen.signed_by = Some(crate::failure::brief(&signer.to_string(), 500));
        }
        let mut warnings = Warnings::default();
        for name in &container.ignored {
            warnings.add("a file outside the export; it is ignored", name, 1);
        }
        let read = if self.asked.consumer_only { read_consumer_only } else { read_head };
        let head = read(&container, &mut files, &mut warnings)?;
        seen.consumer = Some(head.consumer.clone());
        Ok(Prepared { head, forced, warnings, container })
    }

    /// Who signed it; nobody where that is forced.
    fn signer(
        &self,
        container: &Container,
        signature: Option<&[u8]>,
        files: &mut Files<'_>,
        forced: &mut Vec<Conflict>,
    ) -> Result<Option<SignedBy>, ImportError> {
        let signature = signature.filter(|bytes| !bytes.is_empty()).ok_or(SignatureError::Missing);
        let signature = signature.map_err(ManifestError::from)?;
        let scheme = read_scheme(container, files)?;
        let verified = verify(&container.signed, signature, scheme.as_ref(), &self.anchors, self.now);
        match (verified, &scheme) {
            (Err(error @ SignatureError::Untrusted { .. }), Some(scheme)) => {
                self.insist(Conflict::UntrustedSigningCertificate, &error, forced)?;
                let verified = verify_untrusted(&container.signed, signature, scheme, self.now);
                verified.or_else(|error| self.insist(Conflict::SignatureConflict, &error, forced))?;
                Ok(None)
            }
            (Err(error @ SignatureError::DoesNotVerify { .. }), _) => {
                self.insist(Conflict::SignatureConflict, &error, forced)?;
                Ok(None)
            }
            (verified, _) => Ok(Some(verified.map_err(ManifestError::from)?)),
        }
    }

    /// A conflict that is reported alone, because nothing else that the manifest says can be believed, unless it is forced.
    fn insist(
        &self,
        conflict: Conflict,
        error: &SignatureError,
        forced: &mut Vec<Conflict>,
    ) -> Result<(), ImportError> {
        if self.asked.force.contains(&conflict) {
            forced.push(conflict);
            return Ok(());
        }
        Err(Conflicts(vec![(conflict, error.to_string())]).into())
    }
}
