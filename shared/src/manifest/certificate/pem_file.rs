//! PEM texts (RFC 7468): the blocks of a certificate, and its private key.

use super::{Certificate, CertificateError, PrivateKey};
use crate::failure::brief;
use pem::{EncodeConfig, LineEnding, Pem, PemError};

/// What a PEM text holds, in whatever order it stood there.
#[derive(Debug, Clone)]
pub struct PemFile {
    /// The certificate with the blocks that belong to it.
    pub certificate: Option<CertificatePem>,
    /// The private key.
    pub key: Option<PrivateKey>,
}

/// A certificate as text and as DER.
#[derive(Debug, Clone)]
pub struct CertificatePem {
    text: String,
    der: Vec<u8>,
}

impl CertificatePem {
    /// The blocks `CERTIFICATE`, `ENTITLEMENT DATA`, `SIGNATURE` or `RSA SIGNATURE`, in this order: 64 columns, LF, nothing
    /// between them.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The certificate alone.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether two texts hold one certificate, however they are written.
    pub fn is_same(&self, other: &Self) -> bool {
        self.der == other.der
    }

    /// Reads the certificate.
    ///
    /// # Errors
    /// As [`Certificate::from_der`].
    pub fn parse(&self) -> Result<Certificate, CertificateError> {
        Certificate::from_der(&self.der)
    }
}

/// The blocks of a text, each at most once.
#[derive(Default)]
struct Blocks {
    certificate: Option<Pem>,
    data: Option<Pem>,
    signature: Option<Pem>,
    key: Option<Pem>,
}

impl PemFile {
    /// Size of a text, in bytes. A certificate of version 1 with all the 185 content sets it may have needs 150 000.
    pub const MAXIMUM: usize = 1 << 20;

    /// Splits a text into its certificate and its private key. Text between blocks is ignored, as RFC 7468 has it.
    ///
    /// # Errors
    /// When the text is too large, damaged, without any block, or holds a block that is neither, two of a sort, an
    /// encrypted key, or an entitlement's data without a certificate.
    pub fn split(text: &str) -> Result<Self, CertificateError> {
        let blocks = Blocks::read(text)?;
        let key = blocks.key.as_ref().map(|key| PrivateKey::new(normalised(key), key.tag(), key.contents()));
        let Some(certificate) = blocks.certificate else {
            return match key {
                _ if blocks.data.is_some() || blocks.signature.is_some() => Err(CertificateError::NoCertificate),
                None => Err(CertificateError::Empty),
                key => Ok(Self { certificate: None, key }),
            };
        };
        let mut text = normalised(&certificate);
        for block in [&blocks.data, &blocks.signature].into_iter().flatten() {
            text.push_str(&normalised(block));
        }
        Ok(Self { certificate: Some(CertificatePem { text, der: certificate.into_contents() }), key })
    }
}

impl Blocks {
    fn read(text: &str) -> Result<Self, CertificateError> {
        if text.len() > PemFile::MAXIMUM {
            return Err(CertificateError::TooLarge { found: text.len(), maximum: PemFile::MAXIMUM });
        }
        let found = pem::parse_many(text).map_err(|error| CertificateError::Pem(problem(&error)))?;
        // The parser leaves out a block that never ends.
        if text.matches("-----BEGIN ").count() != found.len() {
            return Err(CertificateError::Pem("a block is cut"));
        }
        let mut blocks = Self::default();
        for block in found {
            blocks.put(block)?;
        }
        Ok(blocks)
    }

    fn put(&mut self, block: Pem) -> Result<(), CertificateError> {
        let (place, what) = match block.tag() {
            "CERTIFICATE" => (&mut self.certificate, "certificate"),
            "ENTITLEMENT DATA" => (&mut self.data, "entitlement's data"),
            "SIGNATURE" | "RSA SIGNATURE" => (&mut self.signature, "signature of an entitlement's data"),
            "ENCRYPTED PRIVATE KEY" => return Err(CertificateError::EncryptedKey),
            // How OpenSSL marks an encrypted key of the old form (RFC 1421 4.6.1.1).
            "RSA PRIVATE KEY" | "PRIVATE KEY" if block.headers().get("Proc-Type").is_some() => {
                return Err(CertificateError::EncryptedKey);
            }
            "RSA PRIVATE KEY" | "PRIVATE KEY" => (&mut self.key, "private key"),
            other => return Err(CertificateError::UnexpectedBlock(brief(other, 40))),
        };
        if place.replace(block).is_some() { Err(CertificateError::Twice(what)) } else { Ok(()) }
    }
}

/// What is wrong, in words of ours: the parser's own quote what it read.
fn problem(error: &PemError) -> &'static str {
    match error {
        PemError::MismatchedTags(..) => "a block ends with another label than it begins with",
        PemError::InvalidHeader(_) => "a block has a header that is none",
        PemError::InvalidData(_) => "a block is not base64",
        _ => "a block has no label",
    }
}

fn normalised(block: &Pem) -> String {
    let plain = Pem::new(block.tag(), block.contents());
    pem::encode_config(&plain, EncodeConfig::new().set_line_ending(LineEnding::LF).set_line_wrap(64))
}
