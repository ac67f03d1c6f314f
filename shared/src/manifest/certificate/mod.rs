//! X.509 certificates and private keys as they stand in manifests: PEM in JSON and in files.

mod key;
mod pem_file;

pub use key::{KeyMatch, PrivateKey, key_matches};
pub use pem_file::{CertificatePem, PemFile};

use crate::failure::{Classified, brief};
use time::OffsetDateTime;
use x509_parser::asn1_rs::{Any, FromDer, Tag};
use x509_parser::certificate::{Validity, X509CertificateParser};
use x509_parser::extensions::X509Extension;
use x509_parser::nom::Parser;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Why a PEM text or a certificate was refused. Texts never hold what was read, apart from the label of a block.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The text is larger than any certificate with its key.
    #[error("the PEM text has {found} bytes, over the limit of {maximum}")]
    TooLarge {
        /// Bytes that are there.
        found: usize,
        /// The limit.
        maximum: usize,
    },
    /// The PEM framing or the base64 in it is broken (RFC 7468).
    #[error("the PEM text is damaged: {0}")]
    Pem(&'static str),
    /// A block that has no business beside a certificate.
    #[error("a PEM block {0:?} is refused")]
    UnexpectedBlock(String),
    /// Two blocks of one sort.
    #[error("two PEM blocks hold a {0}, where one is expected")]
    Twice(&'static str),
    /// A private key behind a pass phrase, which nobody here knows.
    #[error("the private key is encrypted; only keys without a pass phrase can be imported")]
    EncryptedKey,
    /// There is no certificate.
    #[error("no certificate in the PEM text")]
    NoCertificate,
    /// There is no block at all.
    #[error("neither a certificate nor a private key in the PEM text")]
    Empty,
    /// The DER of the certificate is broken (RFC 5280 4.1).
    #[error("the certificate is damaged: {0}")]
    Damaged(&'static str),
    /// The serial number does not fit where serial numbers are kept.
    #[error("the certificate's serial number is not between 0 and 2^63-1")]
    Serial,
}

impl Classified for CertificateError {
    fn kind(&self) -> &'static str {
        "Certificate"
    }

    fn is_transient(&self) -> bool {
        false
    }
}

/// What is read of an identity or entitlement certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The first CN of the subject: an entitlement id, a consumer uuid, ..
    pub common_name: Option<String>,
    /// The first O of the subject: an owner's key, where there is one.
    pub organisation: Option<String>,
    /// The X.509 serial number.
    pub serial: i64,
    /// Start of validity, in UTC.
    pub not_before: OffsetDateTime,
    /// End of validity, in UTC.
    pub not_after: OffsetDateTime,
    /// The whole subject, for people: `O=acme, CN=4c9e..`, at most 500 bytes.
    pub subject: String,
    /// SubjectPublicKeyInfo as DER (RFC 5280 4.1.2.7).
    pub public_key_info: Vec<u8>,
}

impl Certificate {
    /// Reads the certificate of a PEM text, which may hold its key and its data blocks too.
    ///
    /// # Errors
    /// Whatever [`PemFile::split`] refuses, a text without a certificate, and what [`Certificate::from_der`] refuses.
    pub fn parse(pem: &str) -> Result<Self, CertificateError> {
        PemFile::split(pem)?.certificate.ok_or(CertificateError::NoCertificate)?.parse()
    }

    /// Reads a certificate from DER.
    ///
    /// # Errors
    /// When it is damaged, or its serial number is negative or beyond 63 bits.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let mut rest = to_be_signed(der)?;
        // Version 1 of X.509 has no version field.
        if rest.first() == Some(&0xa0) {
            take(&mut rest, "its version")?;
        }
        let serial = take_tagged(&mut rest, Tag::Integer, "its serial number")?;
        take(&mut rest, "its signature algorithm")?;
        take(&mut rest, "its issuer")?;
        let validity = read::<Validity>(&mut rest, "its validity")?;
        let subject = read::<X509Name>(&mut rest, "its subject")?;
        let before_key = rest;
        take(&mut rest, "its public key")?;
        let key_length = before_key.len() - rest.len();
        Ok(Self {
            common_name: text(subject.iter_common_name().next()),
            organisation: text(subject.iter_organization().next()),
            serial: to_serial(serial.data)?,
            not_before: validity.not_before.to_datetime(),
            not_after: validity.not_after.to_datetime(),
            subject: brief(&subject.to_string(), 500),
            public_key_info: before_key.get(..key_length).unwrap_or_default().to_vec(),
        })
    }
}

/// The version of an entitlement certificate, for showing: extension 1.3.6.1.4.1.2312.9.6, `1.0` where it is absent.
/// Reads every extension, so an import does not ask.
///
/// # Errors
/// When the certificate is damaged or the extension holds something else than a short text.
pub fn entitlement_version(der: &[u8]) -> Result<String, CertificateError> {
    const OID: [u8; 9] = [0x2b, 6, 1, 4, 1, 0x92, 0x08, 9, 6];
    let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
    let (_, certificate) = parser.parse(der).map_err(|_| CertificateError::Damaged("it is not X.509"))?;
    let is_version = |extension: &&X509Extension<'_>| extension.oid.as_bytes() == OID;
    let Some(extension) = certificate.extensions().iter().find(is_version) else { return Ok("1.0".into()) };
    let (_, value) = Any::from_der(extension.value).map_err(|_| CertificateError::Damaged("its version extension"))?;
    match std::str::from_utf8(value.data) {
        Ok(version) if !version.is_empty() && version.len() <= 20 => Ok(version.into()),
        _ => Err(CertificateError::Damaged("its version extension")),
    }
}

/// The content of TBSCertificate, after a look at what is around it.
///
/// Walked by hand because a manifest has thousands of certificates, and one of version 1 has up to 1850 extensions that
/// an import has no use for: a parser that lists them takes some 400 microseconds, this takes one.
fn to_be_signed(der: &[u8]) -> Result<&[u8], CertificateError> {
    let mut outer = der;
    let certificate = take_tagged(&mut outer, Tag::Sequence, "it is not a sequence")?;
    if !outer.is_empty() {
        return Err(CertificateError::Damaged("bytes after its end"));
    }
    let mut parts = certificate.data;
    let signed = take_tagged(&mut parts, Tag::Sequence, "its content")?;
    take_tagged(&mut parts, Tag::Sequence, "its signature algorithm")?;
    take_tagged(&mut parts, Tag::BitString, "its signature")?;
    if parts.is_empty() { Ok(signed.data) } else { Err(CertificateError::Damaged("bytes after its signature")) }
}

fn take<'a>(rest: &mut &'a [u8], what: &'static str) -> Result<Any<'a>, CertificateError> {
    let (after, any) = Any::from_der(rest).map_err(|_| CertificateError::Damaged(what))?;
    *rest = after;
    Ok(any)
}

fn take_tagged<'a>(rest: &mut &'a [u8], tag: Tag, what: &'static str) -> Result<Any<'a>, CertificateError> {
    let any = take(rest, what)?;
    let expected = any.header.is_universal() && any.tag() == tag;
    if expected { Ok(any) } else { Err(CertificateError::Damaged(what)) }
}

fn read<'a, T: FromDer<'a, x509_parser::error::X509Error>>(
    rest: &mut &'a [u8],
    what: &'static str,
) -> Result<T, CertificateError> {
    let (after, value) = T::from_der(rest).map_err(|_| CertificateError::Damaged(what))?;
    *rest = after;
    Ok(value)
}

fn text(attribute: Option<&AttributeTypeAndValue<'_>>) -> Option<String> {
    attribute.and_then(|attribute| attribute.as_str().ok()).map(Into::into)
}

/// Serial numbers are kept as `bigint`; none is rounded, none wraps.
fn to_serial(integer: &[u8]) -> Result<i64, CertificateError> {
    // The first bit is the sign (X.690 8.3).
    match integer {
        [] => return Err(CertificateError::Damaged("its serial number")),
        [first, ..] if first & 0x80 != 0 => return Err(CertificateError::Serial),
        _ => {}
    }
    integer.iter().try_fold(0_i64, |number, byte| {
        number.checked_mul(256).and_then(|number| number.checked_add(i64::from(*byte))).ok_or(CertificateError::Serial)
    })
}

#[cfg(test)]
mod tests;
