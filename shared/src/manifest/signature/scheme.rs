//! `scheme.json`: what a manifest says of its own signature.

use super::SignatureError;
use super::signer::Signer;
use crate::failure::brief;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters,
};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// A signature scheme: the signing certificate and the algorithm. Only read so far, not trusted.
#[derive(Clone)]
pub struct Scheme {
    pub(super) name: String,
    pub(super) signer: Signer,
    pub(super) algorithm: Algorithm,
}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheme")
            .field("name", &self.name)
            .field("certificate", &self.signer.subject)
            .field("algorithm", &self.algorithm)
            .finish()
    }
}

/// The hash of a PKCS#1 v1.5 signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// By its JCA name, whose case JCA ignores.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA256withRSA",
            Self::Sha384 => "SHA384withRSA",
            Self::Sha512 => "SHA512withRSA",
        }
    }

    pub fn verification(self) -> &'static RsaParameters {
        match self {
            Self::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::Sha384 => &RSA_PKCS1_2048_8192_SHA384,
            Self::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
        }
    }
}

/// The four keys as they stand there; whether each is a string is said by name.
#[derive(Deserialize)]
struct Wire {
    name: Option<Value>,
    certificate: Option<Value>,
    signature_algorithm: Option<Value>,
    key_algorithm: Option<Value>,
}

impl Scheme {
    /// Size of the JSON, in bytes. One with a post-quantum certificate has some 20 000.
    pub const MAXIMUM: usize = 64 << 10;

    /// Reads `scheme.json`: an object of four strings `name`, `certificate` (base64 of DER), `signature_algorithm` and
    /// `key_algorithm` (names of the Java Cryptography Architecture).
    ///
    /// # Errors
    /// [`SignatureError::Scheme`] names the key that is malformed; [`SignatureError::Unsupported`] the algorithm.
    pub fn parse(json: &[u8]) -> Result<Self, SignatureError> {
        if json.len() > Self::MAXIMUM {
            return Err(malformed(format!("{} bytes, over the limit of {}", json.len(), Self::MAXIMUM)));
        }
        let wire: Wire = serde_json::from_slice(json)
            .map_err(|error| malformed(format!("not a JSON object of the expected keys, at line {}", error.line())))?;
        let name = string("name", wire.name)?;
        let certificate = string("certificate", wire.certificate)?;
        let signature_algorithm = string("signature_algorithm", wire.signature_algorithm)?;
        let key_algorithm = string("key_algorithm", wire.key_algorithm)?;
        let Some(algorithm) = Algorithm::named(&signature_algorithm) else {
            let (scheme, algorithm) = (brief(&name, 60), brief(&signature_algorithm, 60));
            return Err(SignatureError::Unsupported { scheme, algorithm });
        };
        if !key_algorithm.eq_ignore_ascii_case("RSA") {
            return Err(malformed(format!("`key_algorithm` does not fit {}, which needs RSA", algorithm.name())));
        }
        let signer = read_certificate(&certificate)?;
        Ok(Self { name, signer, algorithm })
    }

    /// The scheme's name, as the exporting server configured it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The subject of its certificate, bounded.
    pub fn subject(&self) -> &str {
        &self.signer.subject
    }

    /// Who issued its certificate, bounded.
    pub fn issuer(&self) -> &str {
        &self.signer.issuer
    }

    /// The algorithm by its JCA name: `SHA256withRSA`.
    pub fn algorithm(&self) -> &'static str {
        self.algorithm.name()
    }
}

fn read_certificate(base64: &str) -> Result<Signer, SignatureError> {
    let der = BASE64_STANDARD.decode(base64).map_err(|_| malformed("`certificate` is not base64"))?;
    let signer = Signer::parse(&der).map_err(|problem| malformed(format!("`certificate`: {problem}")))?;
    if signer.is_rsa() {
        Ok(signer)
    } else {
        Err(malformed("`certificate` holds another key than `key_algorithm` says"))
    }
}

fn string(key: &str, value: Option<Value>) -> Result<String, SignatureError> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(Value::String(_)) => Err(malformed(format!("`{key}` is empty"))),
        // serde gives a `null` as `None`.
        None => Err(malformed(format!("`{key}` is missing or null"))),
        Some(_) => Err(malformed(format!("`{key}` is not a string"))),
    }
}

fn malformed(problem: impl Into<String>) -> SignatureError {
    SignatureError::Scheme(problem.into())
}
