//! A certificate authority as a Candlepin server has one, and what it issues.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, SanType, SerialNumber,
};
use time::OffsetDateTime;
use time::macros::datetime;

use super::identity::IdentityCertificate;
use super::key::{Algorithm, Key};
use super::pem::pem_block;
use super::scheme::SchemeSigner;

/// From when on what an authority issues is valid, unless told otherwise.
pub const VALID_FROM: OffsetDateTime = datetime!(2010-01-01 00:00 UTC);
/// Until when it is valid.
pub const VALID_TO: OffsetDateTime = datetime!(2049-01-01 00:00 UTC);

/// The server that issues and signs manifests. Cheap to clone; the same for the same calls.
///
/// ```
/// use longshore_devkit::manifest::{Algorithm, Authority};
///
/// let ours = Authority::new();
/// let strangers = Authority::named("Stranger");
/// assert_ne!(ours.sign(b"bytes", Algorithm::Sha256), strangers.sign(b"bytes", Algorithm::Sha256));
/// ```
#[derive(Clone, Debug)]
pub struct Authority {
    name: String,
    key: Key,
    bits: usize,
    parameters: Arc<CertificateParams>,
    der: Arc<Vec<u8>>,
    pub(super) leaf: Key,
}

/// A certificate, without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// DER (RFC 5280 4.1).
    pub der: Vec<u8>,
}

impl Certificate {
    /// The `CERTIFICATE` block.
    pub fn pem(&self) -> String {
        pem_block("CERTIFICATE", &self.der)
    }
}

impl Authority {
    /// The authority that tests, demonstration and benchmark trust: 2048 bits.
    pub fn new() -> Self {
        Self::named("Longshore Test Authority")
    }

    /// Another authority, with a key of its own.
    pub fn named(name: &str) -> Self {
        Self::with_bits(name, 2048)
    }

    /// An authority with a key of so many bits, 1024 to 4096.
    pub fn with_bits(name: &str, bits: usize) -> Self {
        let mut parameters = parameters(&[(DnType::CommonName, name)], serial_of("authority", name));
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = Key::named(name, bits);
        let der = self_signed(&parameters, &key);
        Self { name: name.to_owned(), key, bits, parameters: Arc::new(parameters), der, leaf: Key::named("leaf", 2048) }
    }

    /// The same key under a certificate whose keyUsage does not allow signing data.
    pub fn without_digital_signature(self) -> Self {
        self.changed(|parameters| parameters.key_usages.retain(|usage| *usage != KeyUsagePurpose::DigitalSignature))
    }

    /// The same key under a certificate without a keyUsage extension.
    pub fn without_key_usage(self) -> Self {
        self.changed(|parameters| parameters.key_usages.clear())
    }

    /// The same key under a certificate that is valid in this time only.
    pub fn valid(self, from: OffsetDateTime, to: OffsetDateTime) -> Self {
        self.changed(|parameters| (parameters.not_before, parameters.not_after) = (from, to))
    }

    /// The same key under a certificate that ended with the year 2011.
    pub fn expired(self) -> Self {
        self.valid(VALID_FROM, datetime!(2012-01-01 00:00 UTC))
    }

    fn changed(mut self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut parameters = (*self.parameters).clone();
        change(&mut parameters);
        self.der = self_signed(&parameters, &self.key);
        self.parameters = Arc::new(parameters);
        self
    }

    /// The name in its certificate.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its own certificate.
    pub fn certificate(&self) -> Certificate {
        Certificate { der: self.der.to_vec() }
    }

    /// Its own certificate in PEM, as an operator puts it among the trusted ones.
    pub fn pem(&self) -> String {
        self.certificate().pem()
    }

    /// Signs with the authority's key.
    pub fn sign(&self, bytes: &[u8], algorithm: Algorithm) -> Vec<u8> {
        self.key.sign(bytes, algorithm)
    }

    /// The identity of a consumer: `CN=<uuid>`, EKU clientAuth.
    pub fn identity(&self, uuid: &str) -> IdentityCertificate {
        IdentityCertificate::new(self.clone(), uuid)
    }

    /// The certificate of an engineering product: `CN=<product id>`, with the product's extensions.
    pub fn product_certificate(&self, product: &str, extensions: Vec<CustomExtension>) -> Certificate {
        let subject = [(DnType::CommonName, product)];
        let mut parameters = leaf_parameters(&subject, serial_of("product", product));
        parameters.custom_extensions.extend(extensions);
        self.issue(&parameters, &self.leaf)
    }

    /// A signer for `scheme.json` with a key of its own and a certificate for signing code (EKU codeSigning).
    pub fn scheme(&self, name: &str) -> SchemeSigner {
        let key = Key::named(&format!("scheme {name}"), self.bits);
        let subject = [(DnType::CommonName, name)];
        let mut parameters = parameters(&subject, serial_of("scheme", name));
        parameters.is_ca = IsCa::ExplicitNoCa;
        parameters.use_authority_key_identifier_extension = true;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        SchemeSigner::new(name, self.issue(&parameters, &key), key)
    }

    /// The certificate that `parameters` describe, for `key`.
    #[expect(clippy::expect_used, reason = "what is issued here has no distribution points, and all else encodes")]
    pub(super) fn issue(&self, parameters: &CertificateParams, key: &Key) -> Certificate {
        let issuer = Issuer::from_params(&self.parameters, &self.key);
        let certificate = parameters.signed_by(key, &issuer).expect("encodable parameters");
        Certificate { der: certificate.der().to_vec() }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(clippy::expect_used, reason = "what is issued here has no distribution points, and all else encodes")]
fn self_signed(parameters: &CertificateParams, key: &Key) -> Arc<Vec<u8>> {
    Arc::new(parameters.self_signed(key).expect("encodable parameters").der().to_vec())
}

fn parameters(subject: &[(DnType, &str)], serial: i64) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    for (kind, value) in subject {
        parameters.distinguished_name.push(kind.clone(), *value);
    }
    parameters.serial_number = Some(SerialNumber::from(serial.unsigned_abs()));
    (parameters.not_before, parameters.not_after) = (VALID_FROM, VALID_TO);
    parameters
}

/// What every certificate for a client has in common.
pub(super) fn leaf_parameters(subject: &[(DnType, &str)], serial: i64) -> CertificateParams {
    let mut parameters = parameters(subject, serial);
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.use_authority_key_identifier_extension = true;
    parameters.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DataEncipherment];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    // Netscape certificate type: SSL client and S/MIME, a bit string of two bits.
    let netscape = CustomExtension::from_oid_content(&[2, 16, 840, 1, 113_730, 1, 1], vec![0x03, 0x02, 0x05, 0xa0]);
    parameters.custom_extensions = vec![netscape];
    parameters
}

/// An alternative name that is a URI; none when `text` is not ASCII.
pub(super) fn uri(text: &str) -> Option<SanType> {
    Some(SanType::URI(text.try_into().ok()?))
}

/// A serial that follows from what the certificate is for: positive, 63 bits.
pub(super) fn serial_of(kind: &str, id: &str) -> i64 {
    i64::from_be_bytes(hash(kind, id)) & i64::MAX
}

/// A database id that follows from what the row is: 32 hexadecimal digits.
pub(super) fn id_of(kind: &str, id: &str) -> String {
    hash::<16>(kind, id).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash<const N: usize>(kind: &str, id: &str) -> [u8; N] {
    let digest = ring::digest::digest(&ring::digest::SHA256, format!("{kind} {id}").as_bytes());
    let mut start = [0; N];
    start.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    start
}
