mod anchors;
mod legacy;
mod scheme;
mod trust;

use super::*;
use crate::manifest::test_keys::{CA, Key, NOW, SHORT, SIGNER, named, pem};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose as Purpose, IsCa,
    KeyUsagePurpose as Use, SerialNumber,
};
use serde_json::{Value, json};
use std::sync::LazyLock;
use time::macros::datetime;

const DATA: &[u8] = b"the exact bytes of consumer_export.zip";

fn ca_params() -> CertificateParams {
    let mut params = named("A CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![Use::DigitalSignature, Use::KeyCertSign];
    params.serial_number = Some(SerialNumber::from(7));
    params
}

static CA_CERTIFICATE: LazyLock<Vec<u8>> = LazyLock::new(|| CA.self_signed(&ca_params()));

/// What a certificate has that was issued to sign manifests.
fn signing_params() -> CertificateParams {
    let mut params = named("Export signing");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![Use::DigitalSignature];
    params.extended_key_usages = vec![Purpose::CodeSigning];
    params.serial_number = Some(SerialNumber::from(12_345_678_901_234));
    params
}

fn issued(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = signing_params();
    change(&mut params);
    CA.issue(&ca_params(), &params, &SIGNER)
}

fn anchors(certificates: &[&[u8]]) -> TrustAnchors {
    let text = certificates.iter().map(|der| pem("CERTIFICATE", der)).collect();
    TrustAnchors::parse(&[("here".into(), text)]).unwrap()
}

fn ca_anchor() -> TrustAnchors {
    anchors(&[&CA_CERTIFICATE])
}

fn json_of(certificate: &[u8], algorithm: &str) -> Value {
    json!({"name": "rsa", "certificate": BASE64_STANDARD.encode(certificate), "signature_algorithm": algorithm,
           "key_algorithm": "RSA"})
}

fn scheme(certificate: &[u8], algorithm: &str) -> Scheme {
    Scheme::parse(json_of(certificate, algorithm).to_string().as_bytes()).unwrap()
}

/// Verifies what `CA`'s key signed without a scheme, with one trusted certificate of that key.
fn legacy(change: impl FnOnce(&mut CertificateParams)) -> Result<SignedBy, SignatureError> {
    let mut params = ca_params();
    change(&mut params);
    let anchors = anchors(&[&CA.self_signed(&params)]);
    verify(DATA, &CA.sign(256, DATA), None, &anchors, NOW)
}

/// Judges a certificate of `SIGNER`'s key that stands in `scheme.json`, with a sound signature.
fn by_scheme(certificate: &[u8], anchors: &TrustAnchors) -> Result<SignedBy, SignatureError> {
    let scheme = scheme(certificate, "SHA256withRSA");
    verify(DATA, &SIGNER.sign(256, DATA), Some(&scheme), anchors, NOW)
}

fn distrust(certificate: &[u8], anchors: &TrustAnchors) -> Distrust {
    match by_scheme(certificate, anchors).unwrap_err() {
        SignatureError::Untrusted { reason, .. } => reason,
        other => panic!("{other}"),
    }
}

fn mismatch(result: Result<SignedBy, SignatureError>) -> Mismatch {
    match result.unwrap_err() {
        SignatureError::DoesNotVerify(tried) => tried.first().unwrap().reason,
        other => panic!("{other}"),
    }
}

static SHORT_CERTIFICATE: LazyLock<Vec<u8>> = LazyLock::new(|| CA.issue(&ca_params(), &named("Short"), &SHORT));
