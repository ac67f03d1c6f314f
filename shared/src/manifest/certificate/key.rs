//! Private keys: read, compared, never shown.

use super::Certificate;
use crate::secret::Secret;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::KeyPair as _;
use std::fmt;
use x509_parser::asn1_rs::{Any, FromDer};
use x509_parser::x509::SubjectPublicKeyInfo;

/// A private key without a pass phrase, of PKCS#1 (`RSA PRIVATE KEY`) or PKCS#8 (`PRIVATE KEY`).
#[derive(Clone)]
pub struct PrivateKey {
    text: Secret,
    /// The RSAPrivateKey of RFC 8017 A.1.2 where it is an RSA key, else the DER as it came.
    der: Vec<u8>,
}

impl PrivateKey {
    /// `label` is one of the two PEM labels. What is inside is not judged here: a key of any sort is kept.
    pub(super) fn new(text: String, label: &str, der: &[u8]) -> Self {
        let inner = if label == "PRIVATE KEY" { rsa_of_pkcs8(der) } else { None };
        Self { text: Secret::new(text), der: inner.unwrap_or(der).to_vec() }
    }

    /// The key as PEM: 64 columns, LF.
    pub fn text(&self) -> &Secret {
        &self.text
    }

    /// Whether two texts hold one key, also when one is PKCS#1 and the other PKCS#8.
    pub fn is_same(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(***)")
    }
}

/// The key inside PrivateKeyInfo (RFC 5208 5) when its algorithm is rsaEncryption.
fn rsa_of_pkcs8(der: &[u8]) -> Option<&[u8]> {
    const RSA_ENCRYPTION: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    let (_, info) = Any::from_der(der).ok()?;
    let (rest, _version) = Any::from_der(info.data).ok()?;
    let (rest, algorithm) = Any::from_der(rest).ok()?;
    let (_, key) = Any::from_der(rest).ok()?;
    let (_, oid) = Any::from_der(algorithm.data).ok()?;
    (oid.data == RSA_ENCRYPTION).then_some(key.data)
}

/// Whether a private key belongs to a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMatch {
    /// It does.
    Matches,
    /// It is another certificate's.
    Differs,
    /// The key cannot be judged: not RSA, shorter than 2048 or longer than 4096 bits, or damaged.
    Unknown,
}

/// Compares a private key with the public key of a certificate. Well below a tenth of a millisecond.
pub fn key_matches(certificate: &Certificate, key: &PrivateKey) -> KeyMatch {
    let Ok((_, public)) = SubjectPublicKeyInfo::from_der(&certificate.public_key_info) else {
        return KeyMatch::Unknown;
    };
    match RsaKeyPair::from_der(&key.der) {
        Ok(pair) if pair.public_key().as_ref() == public.subject_public_key.data.as_ref() => KeyMatch::Matches,
        Ok(_) => KeyMatch::Differs,
        Err(_) => KeyMatch::Unknown,
    }
}
