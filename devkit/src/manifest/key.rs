//! RSA keys that are the same in every process, and their signatures.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use rcgen::{PublicKeyData, SigningKey};
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{self, RsaEncoding, RsaKeyPair};
use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::EncodePrivateKey;
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::sha2::{Sha256, Sha384, Sha512};
use rsa::{Pkcs1v15Sign, PrivateKey};

use super::pem::pem_block;

/// RSASSA-PKCS1-v1_5 (RFC 8017 8.2) with one of three digests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Algorithm {
    #[default]
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// Java's name, as it stands in `scheme.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA256withRSA",
            Self::Sha384 => "SHA384withRSA",
            Self::Sha512 => "SHA512withRSA",
        }
    }

    fn encoding(self) -> &'static dyn RsaEncoding {
        match self {
            Self::Sha256 => &signature::RSA_PKCS1_SHA256,
            Self::Sha384 => &signature::RSA_PKCS1_SHA384,
            Self::Sha512 => &signature::RSA_PKCS1_SHA512,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn padding(self) -> Pkcs1v15Sign {
        match self {
            Self::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
            Self::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
            Self::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
        }
    }
}

/// How a private key stands in PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// `RSA PRIVATE KEY` (RFC 8017 A.1.2).
    Pkcs1,
    /// `PRIVATE KEY` (RFC 5958).
    Pkcs8,
}

/// An RSA key pair. Cheap to clone.
///
/// It is computed from its name, so that two processes agree on it without a file. Anybody can do that: nothing outside
/// a test or a demonstration may trust it.
#[derive(Clone)]
pub struct Key(Arc<Pair>);

struct Pair {
    private: PrivateKey,
    /// ring signs quickly, and takes no key under 2048 bits.
    quick: Option<RsaKeyPair>,
    pkcs1: Vec<u8>,
    pkcs8: Vec<u8>,
    public: Vec<u8>,
}

type Slot = Arc<OnceLock<Key>>;

/// Every key that this process has made, by name and bits.
static KEYS: LazyLock<Mutex<HashMap<(String, usize), Slot>>> = LazyLock::new(Mutex::default);

impl Key {
    /// The key of this name and size, 1024 to 4096 bits. Made once a process.
    ///
    /// # Panics
    ///
    /// For a size that RSA keys of today cannot have.
    pub fn named(name: &str, bits: usize) -> Self {
        let slot = {
            let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(keys.entry((name.to_owned(), bits)).or_default())
        };
        slot.get_or_init(|| Self::generate(name, bits)).clone()
    }

    #[expect(clippy::expect_used, reason = "only the size can be wrong, and a test gives it")]
    fn generate(name: &str, bits: usize) -> Self {
        let private = PrivateKey::new(&mut Stream::new(name, bits), bits).expect("a size from 1024 to 4096 bits");
        let pkcs1 = private.to_pkcs1_der().expect("a generated key has a DER form").as_bytes().to_vec();
        let pkcs8 = private.to_pkcs8_der().expect("a generated key has a DER form").as_bytes().to_vec();
        let public = private.to_public_key().to_pkcs1_der().expect("a generated key has a DER form").into_vec();
        let quick = RsaKeyPair::from_der(&pkcs1).ok();
        Self(Arc::new(Pair { private, quick, pkcs1, pkcs8, public }))
    }

    /// The bytes of a signature; as long as the modulus.
    #[expect(clippy::expect_used, reason = "a key of 1024 bits or more has room for each of the digests")]
    pub fn sign(&self, bytes: &[u8], algorithm: Algorithm) -> Vec<u8> {
        let Some(quick) = &self.0.quick else {
            let digest = digest::digest(algorithm.digest(), bytes);
            return self.0.private.sign(algorithm.padding(), digest.as_ref()).expect("room for the digest");
        };
        let mut signature = vec![0; quick.public().modulus_len()];
        quick.sign(algorithm.encoding(), &SystemRandom::new(), bytes, &mut signature).expect("room for the digest");
        signature
    }

    /// The private key in PEM.
    pub fn pem(&self, form: KeyForm) -> String {
        match form {
            KeyForm::Pkcs1 => pem_block("RSA PRIVATE KEY", &self.0.pkcs1),
            KeyForm::Pkcs8 => pem_block("PRIVATE KEY", &self.0.pkcs8),
        }
    }

    /// The public key as a DER `RSAPublicKey` (RFC 8017 A.1.1), the form in which ring verifies.
    pub fn public(&self) -> &[u8] {
        &self.0.public
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.0.public
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(Key::sign(self, message, Algorithm::Sha256))
    }
}

/// An endless stream of bytes that follows from a name: SHA-256 of the name and a counter.
struct Stream {
    seed: String,
    counter: u64,
    rest: Vec<u8>,
}

impl Stream {
    fn new(name: &str, bits: usize) -> Self {
        Self { seed: format!("longshore test key {bits} {name}"), counter: 0, rest: Vec::new() }
    }

    fn next(&mut self) -> u8 {
        if self.rest.is_empty() {
            let block = [self.seed.as_bytes(), &self.counter.to_be_bytes()].concat();
            self.counter += 1;
            self.rest = digest::digest(&digest::SHA256, &block).as_ref().to_vec();
        }
        self.rest.pop().unwrap_or_default()
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(std::array::from_fn(|_| self.next())))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(std::array::from_fn(|_| self.next())))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        target.fill_with(|| self.next());
        Ok(())
    }
}

impl TryCryptoRng for Stream {}
