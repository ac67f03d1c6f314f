//! The authority: a CA certificate with its key, which issues certificates and signs exports.

mod read;
mod source;

pub use source::Authorities;

use crate::failure::Classified;
use rcgen::{CertificateParams, Issuer, PublicKeyData, SigningKey};
use ring::digest::{SHA256, digest};
use rsa::sha2::Sha256;
use rsa::{Pkcs1v15Sign, PrivateKey};
use std::fmt;
use time::OffsetDateTime;
use x509_parser::parse_x509_certificate;

/// Why there is no authority, or why it does not do what it is asked. An operator can mend each of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// None is configured.
    #[error("no authority to issue certificates and to sign exports with: set LONGSHORE_AUTHORITY")]
    NotConfigured,
    /// It cannot be read from where it is.
    #[error("cannot read the authority from {place}; see LONGSHORE_AUTHORITY: {reason}")]
    Unavailable {
        /// Where it should be.
        place: String,
        /// Why.
        reason: String,
    },
    /// What is there cannot be used.
    #[error("the authority cannot be used; see LONGSHORE_AUTHORITY: {0}")]
    Unusable(String),
    /// A signature or a certificate could not be made.
    #[error("the authority did not sign: {0}")]
    Signing(String),
}

impl Classified for AuthorityError {
    fn kind(&self) -> &'static str {
        "Authority"
    }

    fn is_transient(&self) -> bool {
        true
    }
}

/// A CA certificate with its RSA key. `Debug` shows neither.
pub struct Authority {
    issuer: Issuer<'static, Key>,
    der: Vec<u8>,
    valid: (OffsetDateTime, OffsetDateTime),
    /// Whether its keyUsage lets it sign what is not a certificate (RFC 5280 4.2.1.3).
    signs_data: bool,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("valid", &self.valid).finish_non_exhaustive()
    }
}

impl Authority {
    /// Signs a SHA-256 digest: RSASSA-PKCS1-v1_5 (RFC 8017 8.2), blinded, as long as the modulus.
    ///
    /// # Errors
    /// When its certificate is not for signing data, which those who read the signature would object to; when the machine
    /// gives no random numbers.
    pub fn sign_digest(&self, sha256: &[u8; 32]) -> Result<Vec<u8>, AuthorityError> {
        if !self.signs_data {
            let problem = "the keyUsage of its certificate lacks digitalSignature, so it may not sign exports";
            return Err(AuthorityError::Unusable(problem.into()));
        }
        self.issuer.key().sign_digest(sha256)
    }

    /// Its own certificate: PEM, 64 columns, LF.
    pub fn certificate_pem(&self) -> String {
        certificate_pem(&self.der)
    }

    /// SHA-256 of its own certificate, by which it is told from another one.
    pub fn fingerprint(&self) -> [u8; 32] {
        sha256(&self.der)
    }

    /// The end of its own validity, UTC.
    pub fn expires(&self) -> OffsetDateTime {
        self.valid.1
    }

    /// Whether it has signed this certificate (PEM), whatever that says. False for what is none.
    pub fn has_issued(&self, pem: &[u8]) -> bool {
        let Ok(pem) = pem::parse(pem) else { return false };
        match (parse_x509_certificate(pem.contents()), parse_x509_certificate(&self.der)) {
            (Ok((_, issued)), Ok((_, own))) => issued.verify_signature(Some(own.public_key())).is_ok(),
            _ => false,
        }
    }

    /// Refuses to work before and after its time.
    fn check_validity(&self, now: OffsetDateTime) -> Result<(), AuthorityError> {
        let (from, to) = self.valid;
        let problem = if now < from {
            format!("its certificate is not valid before {}", from.date())
        } else if now > to {
            format!("its certificate has expired on {}", to.date())
        } else {
            return Ok(());
        };
        Err(AuthorityError::Unusable(problem))
    }

    /// The DER of the certificate that `parameters` describe, for somebody's public key.
    pub(super) fn issue(
        &self,
        parameters: &CertificateParams,
        public: &impl PublicKeyData,
    ) -> Result<Vec<u8>, AuthorityError> {
        let issued = parameters.signed_by(public, &self.issuer);
        Ok(issued.map_err(|error| AuthorityError::Signing(error.to_string()))?.der().to_vec())
    }
}

/// A certificate as PEM: 64 columns, LF.
pub(super) fn certificate_pem(der: &[u8]) -> String {
    let lines = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF).set_line_wrap(64);
    pem::encode_config(&pem::Pem::new("CERTIFICATE", der), lines)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().first_chunk().copied().unwrap_or_default()
}

/// The private key, as rcgen asks for signatures.
struct Key {
    private: PrivateKey,
    /// RSAPublicKey (RFC 8017 A.1.1).
    public: Vec<u8>,
}

impl Key {
    fn sign_digest(&self, sha256: &[u8; 32]) -> Result<Vec<u8>, AuthorityError> {
        // Blinded with the system's random numbers.
        let signature = self.private.sign(Pkcs1v15Sign::new::<Sha256>(), sha256);
        signature.map_err(|error| AuthorityError::Signing(error.to_string()))
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.sign_digest(&sha256(message)).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

#[cfg(test)]
mod tests;
