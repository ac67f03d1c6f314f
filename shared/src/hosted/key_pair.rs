//! Key pairs of consumers: RSA, because clients read identity keys as RSA keys.

use super::authority::AuthorityError;
use crate::secret::Secret;
use rcgen::PublicKeyData;
use ring::rand::{SecureRandom as _, SystemRandom};
use rsa::PrivateKey;
use rsa::pkcs1::{DecodeRsaPublicKey, EncodeRsaPublicKey};
use rsa::pkcs8::{DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::rand_core::{TryCryptoRng, TryRng};
use std::io;

/// Size of a key, in bits.
const BITS: usize = 2048;

/// A new key pair.
pub(super) struct KeyPair {
    /// PKCS#8, PEM.
    pub private: Secret,
    pub public: PublicKey,
}

/// A public RSA key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicKey {
    /// RSAPublicKey (RFC 8017 A.1.1).
    pkcs1: Vec<u8>,
}

impl KeyPair {
    /// Makes a key pair, on a thread of its own: it takes some tenths of a second.
    pub async fn generate() -> Result<Self, AuthorityError> {
        let failed = |problem: String| AuthorityError::Signing(format!("no key pair could be made: {problem}"));
        let made = tokio::task::spawn_blocking(Self::generate_here).await;
        made.map_err(|error| failed(error.to_string()))?.map_err(failed)
    }

    fn generate_here() -> Result<Self, String> {
        let told = |error: &dyn std::error::Error| error.to_string();
        let key = PrivateKey::new(&mut Random(SystemRandom::new()), BITS).map_err(|error| told(&error))?;
        let private = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| told(&error))?;
        let public = key.to_public_key().to_pkcs1_der().map_err(|error| told(&error))?;
        Ok(Self { private: Secret::new(private.as_str()), public: PublicKey { pkcs1: public.into_vec() } })
    }
}

impl PublicKey {
    /// As it is stored: SubjectPublicKeyInfo (RFC 5280 4.1.2.7).
    pub fn to_spki(&self) -> Result<Vec<u8>, AuthorityError> {
        let key = rsa::PublicKey::from_pkcs1_der(&self.pkcs1).map_err(|_| damaged())?;
        Ok(key.to_public_key_der().map_err(|_| damaged())?.into_vec())
    }

    /// From what is stored.
    pub fn from_spki(der: &[u8]) -> Result<Self, AuthorityError> {
        let key = rsa::PublicKey::from_public_key_der(der).map_err(|_| damaged())?;
        Ok(Self { pkcs1: key.to_pkcs1_der().map_err(|_| damaged())?.into_vec() })
    }
}

fn damaged() -> AuthorityError {
    AuthorityError::Signing("the public key of the consumer is damaged (cp_key_pair.publickey)".into())
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.pkcs1
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

/// The system's random numbers, as the keys' library asks for them.
struct Random(SystemRandom);

impl Random {
    fn fill(&self, target: &mut [u8]) -> Result<(), io::Error> {
        self.0.fill(target).map_err(|_| io::Error::other("the machine gives no random numbers"))
    }

    fn bytes<const N: usize>(&self) -> Result<[u8; N], io::Error> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

impl TryRng for Random {
    type Error = io::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Self::Error> {
        self.fill(target)
    }
}

impl TryCryptoRng for Random {}
