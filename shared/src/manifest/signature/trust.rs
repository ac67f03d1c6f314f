//! Whether a certificate that a manifest brings along may be believed.

use super::anchors::TrustAnchors;
use super::signer::{Signer, Validity};
use std::fmt;
use time::OffsetDateTime;

/// Why a signing certificate is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// It is one of the configured certificates.
    Anchor,
    /// A configured CA issued it for signing.
    IssuedBy(String),
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anchor => f.write_str("a trusted certificate"),
            Self::IssuedBy(issuer) => write!(f, "issued for signing by {issuer}"),
        }
    }
}

/// Why a signing certificate is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Distrust {
    /// Neither it nor its issuer is configured.
    #[error("neither it nor its issuer is among the trusted certificates")]
    UnknownIssuer,
    /// It names a trusted certificate as its issuer, which did not sign it.
    #[error("{0}, which it names as its issuer, did not issue it")]
    NotIssued(String),
    /// Its issuer may not issue certificates.
    #[error("its issuer {0} is not a CA")]
    NotCa(String),
    /// Its issuer has expired or is not valid yet.
    #[error("its issuer {0} is not valid now")]
    InvalidIssuer(String),
    /// A trusted CA issued it, for something else than signing.
    #[error("{issuer} issued it for something else: {reason}")]
    Purpose {
        /// The CA.
        issuer: String,
        /// What it has or lacks.
        reason: &'static str,
    },
    /// A trusted CA issued it for signing, but it is not valid at this time.
    #[error("it has expired or is not valid yet")]
    NotValidNow,
}

/// Trusts a certificate that is configured, or that a configured CA issued directly and for signing.
pub(super) fn judge(signer: &Signer, anchors: &TrustAnchors, now: OffsetDateTime) -> Result<Trust, Distrust> {
    if anchors.iter().any(|anchor| anchor.der == signer.der) {
        return Ok(Trust::Anchor);
    }
    let issuer = find_issuer(signer, anchors, now)?.subject.clone();
    if let Some(reason) = not_for_signing(signer) {
        return Err(Distrust::Purpose { issuer, reason });
    }
    if signer.validity_at(now) != Validity::Valid {
        return Err(Distrust::NotValidNow);
    }
    Ok(Trust::IssuedBy(issuer))
}

/// The valid CA that issued it, or what was wrong with the last candidate: a CA's certificates may be renewed under one
/// name.
fn find_issuer<'a>(signer: &Signer, anchors: &'a TrustAnchors, now: OffsetDateTime) -> Result<&'a Signer, Distrust> {
    let mut problem = Distrust::UnknownIssuer;
    for candidate in anchors.iter().filter(|candidate| signer.names_as_issuer(candidate)) {
        let name = candidate.subject.clone();
        problem = if !signer.is_signed_by(candidate) {
            Distrust::NotIssued(name)
        } else if !candidate.usage.ca || candidate.usage.certificate_signing == Some(false) {
            Distrust::NotCa(name)
        } else if candidate.validity_at(now) != Validity::Valid {
            Distrust::InvalidIssuer(name)
        } else {
            return Ok(candidate);
        };
    }
    Err(problem)
}

/// What tells a certificate apart that was issued to sign manifests. The CA issues identity and entitlement certificates
/// to every client, with digitalSignature in their keyUsage: only the extended key usage says who may sign.
fn not_for_signing(signer: &Signer) -> Option<&'static str> {
    let usage = &signer.usage;
    if usage.ca {
        Some("it is a CA")
    } else if usage.purposes.other {
        Some("its extended key usage has another purpose than codeSigning and documentSigning")
    } else if !usage.purposes.signing {
        Some("its extended key usage has neither codeSigning nor documentSigning")
    } else if usage.digital_signature != Some(true) {
        Some("its keyUsage lacks digitalSignature")
    } else if usage.unknown_critical {
        Some("it has a critical extension that is not understood")
    } else {
        None
    }
}
