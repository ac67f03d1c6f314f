//! Who signs a manifest that says in `scheme.json` how it was signed.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::authority::Certificate;
use super::key::{Algorithm, Key};

/// A signature scheme with its certificate and key.
#[derive(Clone, Debug)]
pub struct SchemeSigner {
    name: String,
    certificate: Certificate,
    key: Key,
    algorithm: Algorithm,
}

impl SchemeSigner {
    /// A scheme that signs with `key`, which belongs to `certificate`, and SHA-256.
    pub fn new(name: &str, certificate: Certificate, key: Key) -> Self {
        Self { name: name.to_owned(), certificate, key, algorithm: Algorithm::Sha256 }
    }

    /// Signs with another digest, and says so.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// The certificate in `scheme.json`.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Signs as the scheme says.
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.key.sign(bytes, self.algorithm)
    }

    /// The body of `scheme.json`.
    pub(super) fn json(&self) -> Value {
        json!({
            "name": self.name, "certificate": STANDARD.encode(&self.certificate.der),
            "signature_algorithm": self.algorithm.name(), "key_algorithm": "RSA",
        })
    }
}
