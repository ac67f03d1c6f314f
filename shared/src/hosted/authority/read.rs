//! An authority from its PEM text. What cannot issue or would not be believed is refused here, not at the first use.

use super::{Authority, AuthorityError, Key};
use pem::Pem;
use rcgen::{CertificateParams, Issuer};
use rsa::PrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PublicKeyParts;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// Size of the key, in bits: nobody should believe a signature of a smaller one.
const MIN_BITS: u32 = 2048;

fn unusable(problem: impl Into<String>) -> AuthorityError {
    AuthorityError::Unusable(problem.into())
}

impl Authority {
    /// Reads a PEM text: one RSA key without a pass phrase (PKCS#1 or PKCS#8), and certificates, of which one is the key's.
    /// Others, such as those that lead to a root, are left aside.
    ///
    /// # Errors
    /// [`AuthorityError::Unusable`] when the text is damaged, the key is no RSA key of 2048 bits or more, no certificate is
    /// the key's, or that certificate may not issue others.
    pub fn parse(text: &str) -> Result<Self, AuthorityError> {
        // The parser's own message quotes what it read.
        let blocks = pem::parse_many(text).map_err(|_| unusable("its PEM framing or base64 is damaged"))?;
        // The parser leaves out a block that never ends.
        if text.matches("-----BEGIN ").count() != blocks.len() {
            return Err(unusable("a PEM block is cut"));
        }
        let key = key(&blocks)?;
        let der = certificate_of(&key, &blocks)?;
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| unusable("its certificate is damaged"))?;
        check_may_issue(&certificate)?;
        let usage = certificate.key_usage().ok().flatten();
        let signs_data = usage.is_none_or(|usage| usage.value.digital_signature());
        let validity = certificate.validity();
        let valid = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
        let issuer = Issuer::from_ca_cert_der(&der.into(), key)
            .map_err(|_| unusable("its certificate has a subject or an extension of a form that is not known"))?;
        let authority = Self { issuer, der: der.to_vec(), valid, signs_data };
        authority.check_issues_for(&certificate)?;
        Ok(authority)
    }

    /// A certificate for trial: its issuer must be, byte for byte, what our own certificate calls itself, or no chain
    /// would be found.
    fn check_issues_for(&self, own: &X509Certificate<'_>) -> Result<(), AuthorityError> {
        let trial = self.issue(&CertificateParams::default(), self.issuer.key())?;
        let (_, issued) =
            X509Certificate::from_der(&trial).map_err(|_| unusable("what it issues cannot be read again"))?;
        if issued.issuer().as_raw() == own.subject().as_raw() {
            return Ok(());
        }
        Err(unusable("the subject of its certificate names an attribute twice, which cannot be repeated as an issuer"))
    }
}

fn key(blocks: &[Pem]) -> Result<Key, AuthorityError> {
    let mut keys = blocks.iter().filter(|block| block.tag().ends_with("PRIVATE KEY"));
    let (Some(block), None) = (keys.next(), keys.next()) else {
        return Err(unusable("expected one private key beside the certificate"));
    };
    // How OpenSSL marks an encrypted key of the old form (RFC 1421 4.6.1.1).
    if block.tag().starts_with("ENCRYPTED") || block.headers().get("Proc-Type").is_some() {
        return Err(unusable("its private key is encrypted; only a key without a pass phrase can be used"));
    }
    let private = match block.tag() {
        "RSA PRIVATE KEY" => PrivateKey::from_pkcs1_der(block.contents()).ok(),
        "PRIVATE KEY" => PrivateKey::from_pkcs8_der(block.contents()).ok(),
        _ => None,
    };
    let private = private.ok_or_else(|| unusable("its private key is not an RSA key, or is damaged"))?;
    let bits = private.n().bit_width();
    if bits < MIN_BITS {
        return Err(unusable(format!("its RSA key has {bits} bits, fewer than {MIN_BITS}")));
    }
    let public = private.to_public_key().to_pkcs1_der().map_err(|_| unusable("its private key is damaged"))?;
    Ok(Key { private, public: public.into_vec() })
}

fn certificate_of<'b>(key: &Key, blocks: &'b [Pem]) -> Result<&'b [u8], AuthorityError> {
    let mut certificates = blocks.iter().filter(|block| block.tag() == "CERTIFICATE").map(Pem::contents).peekable();
    if certificates.peek().is_none() {
        return Err(unusable("expected its certificate beside the private key"));
    }
    let is_the_keys = |der: &&[u8]| {
        let parsed = X509Certificate::from_der(der);
        parsed.is_ok_and(|(_, parsed)| *parsed.public_key().subject_public_key.data == key.public)
    };
    certificates.find(is_the_keys).ok_or_else(|| unusable("no certificate is that of the private key"))
}

fn check_may_issue(certificate: &X509Certificate<'_>) -> Result<(), AuthorityError> {
    if !certificate.is_ca() {
        return Err(unusable("its certificate is not a CA's (basicConstraints)"));
    }
    // RFC 5280 4.2.1.3 asks every CA for a keyUsage; certificates that `openssl req -x509` made for years have none.
    let usage = certificate.key_usage().map_err(|_| unusable("its certificate has two keyUsage extensions"))?;
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Err(unusable("the keyUsage of its certificate lacks keyCertSign"));
    }
    // What comes after this would not expect more than one attribute in a part of a name.
    if certificate.subject().iter().any(|part| part.iter().count() != 1) {
        return Err(unusable("the subject of its certificate has a part of several attributes"));
    }
    Ok(())
}
