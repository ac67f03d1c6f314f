//! One TLS configuration: rustls with ring, the system's root certificates, and what the settings add.

use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// No usable trust anchors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file of further certificates cannot be used.
    #[error("cannot read certificates from {file}: {reason}")]
    CaFile {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// rustls refused the configuration.
    #[error("cannot set TLS up")]
    Rustls(#[from] rustls::Error),
}

/// A client configuration that verifies certificates and host names. Loads the system's certificates each time it is
/// called (some 140 of them, a few milliseconds): callers keep what it returns.
///
/// # Errors
/// When `ca_file` holds no certificate.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        for certificate in read_certificates(file)? {
            roots.add(certificate)?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let error = |reason: String| TlsError::CaFile { file: file.display().to_string(), reason };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|problem| error(problem.to_string()))?;
    if certificates.is_empty() { Err(error("no certificate in it".into())) } else { Ok(certificates) }
}
