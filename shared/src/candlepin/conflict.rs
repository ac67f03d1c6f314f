//! What keeps a good manifest from being imported until somebody insists.

use crate::failure::brief;
use crate::manifest::SignatureError;
use std::fmt;
use std::str::FromStr;

/// A reason not to import, which a message may force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conflict {
    /// The manifest is older than the one that was imported last.
    ManifestOld,
    /// Another manifest of the same second was imported last.
    ManifestSame,
    /// The owner belongs to another upstream consumer.
    DistributorConflict,
    /// The signature does not match.
    SignatureConflict,
    /// The manifest brings the certificate of its signature, and it is not trusted.
    UntrustedSigningCertificate,
}

/// Longest unknown name that is shown, in bytes.
const MAX_SHOWN: usize = 40;

impl Conflict {
    /// All of them, in their order.
    pub const ALL: [Self; 5] = [
        Self::ManifestOld,
        Self::ManifestSame,
        Self::DistributorConflict,
        Self::SignatureConflict,
        Self::UntrustedSigningCertificate,
    ];

    /// Whether it is about who made the manifest.
    pub const fn is_of_signature(self) -> bool {
        matches!(self, Self::SignatureConflict | Self::UntrustedSigningCertificate)
    }

    /// The name that messages, settings and reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ManifestOld => "MANIFEST_OLD",
            Self::ManifestSame => "MANIFEST_SAME",
            Self::DistributorConflict => "DISTRIBUTOR_CONFLICT",
            Self::SignatureConflict => "SIGNATURE_CONFLICT",
            Self::UntrustedSigningCertificate => "UNTRUSTED_SIGNING_CERTIFICATE",
        }
    }

    /// The conflict that a signature is which is not accepted; `None` where nobody may insist.
    pub fn of_signature(error: &SignatureError) -> Option<Self> {
        match error {
            SignatureError::DoesNotVerify(_) => Some(Self::SignatureConflict),
            SignatureError::Untrusted { .. } => Some(Self::UntrustedSigningCertificate),
            _ => None,
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no conflict has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no conflict; they are {known}", known = Conflict::ALL.map(Conflict::name).join(", "))]
pub struct UnknownConflict(String);

impl FromStr for Conflict {
    type Err = UnknownConflict;

    /// By its name, case ignored.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|conflict| conflict.name().eq_ignore_ascii_case(text.trim()));
        known.ok_or_else(|| UnknownConflict(brief(text, MAX_SHOWN)))
    }
}
