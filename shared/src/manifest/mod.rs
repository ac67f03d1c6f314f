//! Candlepin manifests and data bundles as files: the container, who signed it, the certificates in it.

mod certificate;
mod container;
pub mod signature;

pub use certificate::{
    Certificate, CertificateError, CertificatePem, KeyMatch, PemFile, PrivateKey, entitlement_version, key_matches,
};
pub use signature::{AnchorError, Scheme, SignatureError, SignedBy, TrustAnchors, TrustSource};

#[cfg(test)]
mod test_keys;
