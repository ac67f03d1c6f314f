//! Who signed it: the signature over the exact bytes, and whether its certificate is trusted.
//!
//! Two forms. Without a scheme any trusted certificate may have made the signature, RSA with SHA-256. With one, the
//! manifest names its certificate itself, so that certificate must be trusted first: either it is one of the trusted ones,
//! or a trusted CA issued it for signing. That a CA issued it is not enough, for the same CA issues identity and
//! entitlement certificates to every client.

mod anchors;
mod scheme;
mod signer;
mod source;
mod trust;

pub use anchors::{AnchorError, TrustAnchors};
pub use scheme::Scheme;
pub use signer::{Mismatch, Tried};
pub use source::{TrustSource, load, load_files};
pub use trust::{Distrust, Trust};

use crate::failure::Classified;
use scheme::Algorithm;
use signer::Signer;
use std::fmt;
use time::OffsetDateTime;

/// Why a signature is not accepted. None of these is cured by trying again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// There is none, or it is empty.
    #[error("the signature is missing or empty")]
    Missing,
    /// No certificate that could have made it did.
    #[error("the signature does not verify: {}", tried(.0))]
    DoesNotVerify(Vec<Tried>),
    /// The certificate that the manifest names is not trusted.
    #[error("the signing certificate {subject} is not trusted: {reason}")]
    Untrusted {
        /// Its subject.
        subject: String,
        /// Why not.
        reason: Distrust,
    },
    /// A scheme of an algorithm that cannot be verified here.
    #[error("signature scheme {scheme:?} with algorithm {algorithm:?} is not supported yet")]
    Unsupported {
        /// The scheme's name.
        scheme: String,
        /// The algorithm's name.
        algorithm: String,
    },
    /// The scheme's description is malformed.
    #[error("scheme.json: {0}")]
    Scheme(String),
}

/// How many certificates an error tells of.
const TOLD: usize = 8;

fn tried(tried: &[Tried]) -> String {
    if tried.is_empty() {
        return "no certificate is trusted; configure one".into();
    }
    let mut text = tried.iter().take(TOLD).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if tried.len() > TOLD {
        text.push_str(&format!("; and {} more", tried.len() - TOLD));
    }
    text
}

impl Classified for SignatureError {
    fn kind(&self) -> &'static str {
        "Signature"
    }

    fn is_transient(&self) -> bool {
        false
    }
}

/// A signature that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBy {
    /// The certificate's subject.
    pub subject: String,
    /// Its serial number, decimal.
    pub serial: String,
    /// The algorithm by its JCA name: `SHA256withRSA`.
    pub algorithm: &'static str,
    /// End of the certificate's validity.
    pub valid_until: OffsetDateTime,
    /// Why it is trusted.
    pub anchor: Trust,
}

impl fmt::Display for SignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = self.valid_until.date();
        write!(f, "{} (serial {}, {}, ", self.subject, self.serial, self.algorithm)?;
        write!(f, "valid until {until}), {}", self.anchor)
    }
}

/// Verifies `signature` over the exact bytes of `signed`, at the time `now`.
///
/// # Errors
/// A [`SignatureError`] that tells each certificate that was tried and why it did not do.
pub fn verify(
    signed: &[u8],
    signature: &[u8],
    scheme: Option<&Scheme>,
    anchors: &TrustAnchors,
    now: OffsetDateTime,
) -> Result<SignedBy, SignatureError> {
    if signature.is_empty() {
        return Err(SignatureError::Missing);
    }
    match scheme {
        None => verify_by_any(signed, signature, anchors, now),
        Some(scheme) => verify_by_scheme(signed, signature, scheme, anchors, now),
    }
}

fn verify_by_any(
    signed: &[u8],
    signature: &[u8],
    anchors: &TrustAnchors,
    now: OffsetDateTime,
) -> Result<SignedBy, SignatureError> {
    let mut tried = Vec::new();
    for signer in anchors.iter() {
        match signer.verify(Algorithm::Sha256, signed, signature, now) {
            Ok(()) => return Ok(signed_by(signer, Algorithm::Sha256, Trust::Anchor)),
            Err(reason) => tried.push(Tried { subject: signer.subject.clone(), reason }),
        }
    }
    // The one that made it comes first: the others have nothing to do with it.
    tried.sort_by_key(|tried| !tried.reason.is_made_by_it());
    Err(SignatureError::DoesNotVerify(tried))
}

fn verify_by_scheme(
    signed: &[u8],
    signature: &[u8],
    scheme: &Scheme,
    anchors: &TrustAnchors,
    now: OffsetDateTime,
) -> Result<SignedBy, SignatureError> {
    let signer = &scheme.signer;
    let trust = trust::judge(signer, anchors, now)
        .map_err(|reason| SignatureError::Untrusted { subject: signer.subject.clone(), reason })?;
    verify_untrusted(signed, signature, scheme, now)?;
    Ok(signed_by(signer, scheme.algorithm, trust))
}

/// Verifies only that whoever holds the key of the scheme's certificate signed it: for those who insist although nobody
/// trusts the certificate.
///
/// # Errors
/// [`SignatureError::DoesNotVerify`]
pub fn verify_untrusted(
    signed: &[u8],
    signature: &[u8],
    scheme: &Scheme,
    now: OffsetDateTime,
) -> Result<(), SignatureError> {
    let Scheme { signer, algorithm, .. } = scheme;
    signer
        .verify(*algorithm, signed, signature, now)
        .map_err(|reason| SignatureError::DoesNotVerify(vec![Tried { subject: signer.subject.clone(), reason }]))
}

fn signed_by(signer: &Signer, algorithm: Algorithm, anchor: Trust) -> SignedBy {
    SignedBy {
        subject: signer.subject.clone(),
        serial: signer.serial.clone(),
        algorithm: algorithm.name(),
        valid_until: signer.not_after,
        anchor,
    }
}

#[cfg(test)]
mod tests;
