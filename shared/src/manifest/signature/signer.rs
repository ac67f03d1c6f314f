//! A certificate that may have signed: its key, when it is valid and what it may be used for.

use super::scheme::Algorithm;
use crate::failure::brief;
use ring::signature::UnparsedPublicKey;
use std::fmt;
use time::OffsetDateTime;
use x509_parser::asn1_rs::FromDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::{ExtendedKeyUsage, ParsedExtension};
use x509_parser::oid_registry::{OID_PKCS1_RSAENCRYPTION, OID_PKCS1_SHA1WITHRSA, OID_SHA1_WITH_RSA};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The facts of a certificate, read once.
#[derive(Clone)]
pub(super) struct Signer {
    pub der: Vec<u8>,
    /// For people, bounded.
    pub subject: String,
    /// As [`Self::subject`].
    pub issuer: String,
    pub serial: String,
    pub not_before: OffsetDateTime,
    pub not_after: OffsetDateTime,
    pub usage: Usage,
    /// The names as DER: RFC 5280 7.1 compares more loosely, but a CA copies its own name.
    subject_name: Vec<u8>,
    issuer_name: Vec<u8>,
    rsa: Option<RsaKey>,
}

/// What the extensions say (RFC 5280 4.2.1).
#[derive(Debug, Clone)]
pub(super) struct Usage {
    pub ca: bool,
    /// `None` where there is no keyUsage, which allows everything.
    pub digital_signature: Option<bool>,
    pub certificate_signing: Option<bool>,
    pub purposes: Purposes,
    /// A critical extension that is not understood here.
    pub unknown_critical: bool,
}

/// The extended key usage; all `false` where there is none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Purposes {
    pub signing: bool,
    /// Any other purpose.
    pub other: bool,
}

#[derive(Clone)]
struct RsaKey {
    bits: usize,
    /// RSAPublicKey (RFC 8017 A.1.1).
    der: Vec<u8>,
}

/// Sizes of RSA keys that are trusted, in bits.
const BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// One certificate and why it did not verify a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Its subject.
    pub subject: String,
    /// Why not.
    pub reason: Mismatch,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, reason } = self;
        if reason.is_made_by_it() { write!(f, "made by {subject}, {reason}") } else { write!(f, "{subject}: {reason}") }
    }
}

/// Why a certificate does not verify a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The key is of another sort.
    #[error("its key is not RSA")]
    NotRsa,
    /// The key is too short or too long to be trusted.
    #[error("its RSA key has {0} bits, not 2048 to 8192")]
    KeySize(usize),
    /// The signature has another length than this key makes.
    #[error("its signatures have {expected} bytes, this one has {found}")]
    Length {
        /// Bytes of the signature.
        found: usize,
        /// Bytes of every signature of that key.
        expected: usize,
    },
    /// The signature is another key's, or of other bytes.
    #[error("does not match")]
    Differs,
    /// The key made it, but its keyUsage lacks digitalSignature.
    #[error("which may not sign data (keyUsage lacks digitalSignature)")]
    NotForSigning,
    /// The key made it, but the certificate has expired.
    #[error("which expired on {}", .0.date())]
    Expired(OffsetDateTime),
    /// The key made it, but the certificate is not valid yet.
    #[error("which is not valid before {}", .0.date())]
    NotYetValid(OffsetDateTime),
}

impl Mismatch {
    /// Whether the signature is that certificate's all the same.
    pub fn is_made_by_it(&self) -> bool {
        matches!(self, Self::NotForSigning | Self::Expired(_) | Self::NotYetValid(_))
    }
}

impl Signer {
    /// Reads DER.
    pub fn parse(der: &[u8]) -> Result<Self, &'static str> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| "not an X.509 certificate")?;
        if !rest.is_empty() {
            return Err("bytes after the certificate");
        }
        Ok(Self {
            der: der.to_vec(),
            subject: brief(&certificate.subject().to_string(), 200),
            issuer: brief(&certificate.issuer().to_string(), 200),
            serial: certificate.tbs_certificate.serial.to_string(),
            not_before: certificate.validity().not_before.to_datetime(),
            not_after: certificate.validity().not_after.to_datetime(),
            usage: Usage::read(&certificate).map_err(|_| "an extension is damaged or there twice")?,
            subject_name: certificate.subject().as_raw().to_vec(),
            issuer_name: certificate.issuer().as_raw().to_vec(),
            rsa: RsaKey::read(certificate.public_key()),
        })
    }

    /// Verifies a signature of PKCS#1 v1.5 (RFC 8017 8.2).
    pub fn verify(
        &self,
        algorithm: Algorithm,
        signed: &[u8],
        signature: &[u8],
        now: OffsetDateTime,
    ) -> Result<(), Mismatch> {
        let key = self.rsa.as_ref().ok_or(Mismatch::NotRsa)?;
        if !BITS.contains(&key.bits) {
            return Err(Mismatch::KeySize(key.bits));
        }
        let expected = key.bits.div_ceil(8);
        if signature.len() != expected {
            return Err(Mismatch::Length { found: signature.len(), expected });
        }
        let public = UnparsedPublicKey::new(algorithm.verification(), &key.der);
        public.verify(signed, signature).map_err(|_| Mismatch::Differs)?;
        self.check_use(now)
    }

    /// What forbids a signature that the key did make.
    fn check_use(&self, now: OffsetDateTime) -> Result<(), Mismatch> {
        match self.validity_at(now) {
            _ if self.usage.digital_signature == Some(false) => Err(Mismatch::NotForSigning),
            Validity::Expired => Err(Mismatch::Expired(self.not_after)),
            Validity::NotYet => Err(Mismatch::NotYetValid(self.not_before)),
            Validity::Valid => Ok(()),
        }
    }

    pub fn validity_at(&self, now: OffsetDateTime) -> Validity {
        if now > self.not_after {
            Validity::Expired
        } else if now < self.not_before {
            Validity::NotYet
        } else {
            Validity::Valid
        }
    }

    pub fn is_rsa(&self) -> bool {
        self.rsa.is_some()
    }

    /// Whether this certificate names `issuer` as the one that issued it.
    pub fn names_as_issuer(&self, issuer: &Self) -> bool {
        self.issuer_name == issuer.subject_name
    }

    /// Whether the key of `issuer` signed this certificate. SHA-1 is refused: it can be forged.
    pub fn is_signed_by(&self, issuer: &Self) -> bool {
        let (Ok((_, certificate)), Ok((_, issuer))) =
            (X509Certificate::from_der(&self.der), X509Certificate::from_der(&issuer.der))
        else {
            return false;
        };
        let algorithm = &certificate.signature_algorithm;
        let sha1 = [OID_PKCS1_SHA1WITHRSA, OID_SHA1_WITH_RSA].contains(&algorithm.algorithm);
        // RFC 5280 4.1.1.2: the algorithm stands there twice, once where the signature does not cover it.
        !sha1
            && *algorithm == certificate.tbs_certificate.signature
            && certificate.verify_signature(Some(issuer.public_key())).is_ok()
    }
}

/// Whether a certificate is valid at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Validity {
    Valid,
    Expired,
    NotYet,
}

impl Usage {
    fn read(certificate: &X509Certificate<'_>) -> Result<Self, X509Error> {
        let key_usage = certificate.key_usage()?;
        let constraints = certificate.basic_constraints()?;
        let purposes = certificate.extended_key_usage()?;
        let understood = |parsed: &ParsedExtension<'_>| {
            use ParsedExtension as P;
            matches!(parsed, P::KeyUsage(_) | P::BasicConstraints(_) | P::ExtendedKeyUsage(_))
        };
        let mut extensions = certificate.extensions().iter();
        Ok(Self {
            ca: constraints.is_some_and(|constraints| constraints.value.ca),
            digital_signature: key_usage.as_ref().map(|usage| usage.value.digital_signature()),
            certificate_signing: key_usage.as_ref().map(|usage| usage.value.key_cert_sign()),
            purposes: purposes.map(|purposes| Purposes::read(purposes.value)).unwrap_or_default(),
            unknown_critical: extensions.any(|one| one.critical && !understood(one.parsed_extension())),
        })
    }
}

impl Purposes {
    /// 1.3.6.1.5.5.7.3.36, documentSigning (RFC 9336).
    const DOCUMENT_SIGNING: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 3, 36];

    fn read(usage: &ExtendedKeyUsage<'_>) -> Self {
        let (documents, unknown): (Vec<_>, Vec<_>) =
            usage.other.iter().partition(|oid| oid.as_bytes() == Self::DOCUMENT_SIGNING);
        let known = [usage.any, usage.server_auth, usage.client_auth, usage.email_protection, usage.time_stamping];
        Self {
            signing: usage.code_signing || !documents.is_empty(),
            other: known.contains(&true) || usage.ocsp_signing || !unknown.is_empty(),
        }
    }
}

impl RsaKey {
    fn read(info: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        if info.algorithm.algorithm != OID_PKCS1_RSAENCRYPTION {
            return None;
        }
        let Ok(PublicKey::RSA(key)) = info.parsed() else { return None };
        let zeros = key.modulus.iter().take_while(|byte| **byte == 0).count();
        let modulus = key.modulus.get(zeros..)?;
        let bits = modulus.len() * 8 - modulus.first()?.leading_zeros() as usize;
        Some(Self { bits, der: info.subject_public_key.data.to_vec() })
    }
}
