//! An authority of a test's own, and certificates that it signs.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::path::PathBuf;
use tempfile::TempDir;
use time::OffsetDateTime;

/// A certificate authority that nobody trusts unless told to.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A server's certificate and key, both PEM.
pub struct Certified {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// Makes an authority, and a file with its certificate.
    pub fn new() -> Self {
        let mut parameters = CertificateParams::new([]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// The file with the authority's certificate, PEM.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for one host name or address.
    pub fn certify(&self, host: &str) -> Certified {
        self.sign(CertificateParams::new([host.to_owned()]).unwrap())
    }

    /// A certificate that was valid until the year 2000.
    pub fn certify_long_ago(&self, host: &str) -> Certified {
        let mut parameters = CertificateParams::new([host.to_owned()]).unwrap();
        parameters.not_after = OffsetDateTime::from_unix_timestamp(946_684_800).unwrap();
        self.sign(parameters)
    }

    fn sign(&self, parameters: CertificateParams) -> Certified {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        Certified { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
