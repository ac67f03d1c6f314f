//! RSA keys and certificates for tests. A key is made once a process.

use rcgen::{CertificateParams, DnType, Issuer, KeyPair, PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm};
use ring::rand::{SecureRandom, SystemRandom};
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding};
use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::EncodePrivateKey;
use rsa::rand_core::{TryCryptoRng, TryRng};
use std::convert::Infallible;
use std::sync::LazyLock;
use time::OffsetDateTime;
use time::macros::datetime;

/// When tests happen.
pub const NOW: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

pub static CA: LazyLock<Key> = LazyLock::new(|| Key::new(2048));
pub static SIGNER: LazyLock<Key> = LazyLock::new(|| Key::new(2048));
pub static SHORT: LazyLock<Key> = LazyLock::new(|| Key::new(1024));

pub struct Key {
    pub pkcs1: Vec<u8>,
    pub pkcs8: Vec<u8>,
    public: Vec<u8>,
}

impl Key {
    fn new(bits: usize) -> Self {
        let key = rsa::PrivateKey::new(&mut Random, bits).unwrap();
        Self {
            pkcs1: key.to_pkcs1_der().unwrap().as_bytes().to_vec(),
            pkcs8: key.to_pkcs8_der().unwrap().as_bytes().to_vec(),
            public: key.to_public_key().to_pkcs1_der().unwrap().as_bytes().to_vec(),
        }
    }

    /// Signs data as PKCS#1 v1.5 with SHA-256, 384 or 512.
    pub fn sign(&self, hash: u16, data: &[u8]) -> Vec<u8> {
        let encoding: &dyn RsaEncoding = match hash {
            256 => &RSA_PKCS1_SHA256,
            384 => &RSA_PKCS1_SHA384,
            _ => &RSA_PKCS1_SHA512,
        };
        let pair = RsaKeyPair::from_der(&self.pkcs1).unwrap();
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), data, &mut signature).unwrap();
        signature
    }

    /// A certificate that the key itself signs.
    pub fn self_signed(&self, params: &CertificateParams) -> Vec<u8> {
        params.self_signed(&self.pair()).unwrap().der().to_vec()
    }

    /// A certificate for `subject`, issued by this key under the name of `issuer`.
    pub fn issue(&self, issuer: &CertificateParams, params: &CertificateParams, subject: &Self) -> Vec<u8> {
        let issuer = Issuer::from_params(issuer, self.pair());
        params.signed_by(subject, &issuer).unwrap().der().to_vec()
    }

    fn pair(&self) -> KeyPair {
        KeyPair::from_pkcs8_der_and_sign_algo(&self.pkcs8.clone().into(), &PKCS_RSA_SHA256).unwrap()
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        // Only its key half is written: rsaEncryption.
        &PKCS_RSA_SHA256
    }
}

/// A certificate's parameters: valid from 2020 to 2030.
pub fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = datetime!(2020-01-01 0:00 UTC);
    params.not_after = datetime!(2030-01-01 0:00 UTC);
    params
}

pub fn pem(label: &str, der: &[u8]) -> String {
    let config = ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF);
    ::pem::encode_config(&::pem::Pem::new(label, der), config)
}

struct Random;

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        SystemRandom::new().fill(bytes).unwrap();
        Ok(())
    }
}

impl TryCryptoRng for Random {}
