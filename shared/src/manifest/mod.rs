//! Candlepin manifests and data bundles as files: the container, who signed it, what its files say.

mod certificate;
mod container;
mod error;
pub(crate) mod files;
mod head;
mod identity;
pub mod model;
pub mod read;
pub mod rules;
pub mod signature;
#[cfg(test)]
pub(crate) mod test_keys;

pub use certificate::{
    Certificate, CertificateError, CertificatePem, KeyMatch, PemFile, PrivateKey, entitlement_version, key_matches,
};
pub(crate) use container::SIGNATURE_BYTES;
pub use container::{Container, ContainerError, Kind};
pub use error::ManifestError;
pub use head::Head;
pub(crate) use head::{read_consumer, read_consumer_only, read_head, read_meta};
pub use identity::Identity;
pub(crate) use identity::certificate_and_key;
pub(crate) use read::read_scheme;
pub use signature::{AnchorError, Scheme, SignatureError, SignedBy, TrustAnchors, TrustSource};
