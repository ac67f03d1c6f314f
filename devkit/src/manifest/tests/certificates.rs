//! Certificates and signatures, checked by other code than what made them.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::signature::{self, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::Value;
use time::macros::datetime;
use x509_parser::der_parser::der::parse_der_utf8string;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::manifest::zip_writer::unzip;
use crate::manifest::{Algorithm, Authority, CertificateVersion, Entitlement, Era, KeyForm, Manifest};

const ALGORITHMS: [(Algorithm, &dyn VerificationAlgorithm); 3] = [
    (Algorithm::Sha256, &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
    (Algorithm::Sha384, &signature::RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::Sha512, &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
];

fn parse(der: &[u8]) -> X509Certificate<'_> {
    let (rest, certificate) = X509Certificate::from_der(der).unwrap();
    assert!(rest.is_empty());
    certificate
}

fn verifies(certificate: &[u8], algorithm: &'static dyn VerificationAlgorithm, bytes: &[u8], signature: &[u8]) -> bool {
    let certificate = parse(certificate);
    let key = &certificate.public_key().subject_public_key.data;
    UnparsedPublicKey::new(algorithm, key).verify(bytes, signature).is_ok()
}

fn pem(text: &str) -> Vec<(String, Vec<u8>)> {
    let blocks = pem::parse_many(text).unwrap();
    blocks.into_iter().map(|block| (block.tag().to_owned(), block.into_contents())).collect()
}

fn labels(text: &str) -> Vec<String> {
    pem(text).into_iter().map(|(label, _)| label).collect()
}

fn common_name(certificate: &X509Certificate<'_>) -> String {
    certificate.subject().iter_common_name().next().unwrap().as_str().unwrap().to_owned()
}

/// The PEM file of the only entitlement of an otherwise empty manifest.
fn entitlement_file(era: Era, row: Entitlement) -> (String, String) {
    let mut files = Manifest::sample(era).without_entitlement("4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908");
    files = files.without_entitlement("4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909").entitlement(row);
    let file = files.files().into_iter().find(|(name, _)| name.starts_with("export/entitlement_certificates/"));
    let (name, bytes) = file.unwrap();
    (name, String::from_utf8(bytes).unwrap())
}

#[test]
fn signatures_of_every_size_and_digest_verify() {
    for bits in [1024, 2048, 3072] {
        let authority = Authority::with_bits("Sizes", bits);
        for (algorithm, verifier) in ALGORITHMS {
            if bits == 1024 && algorithm == Algorithm::Sha384 {
                continue; // ring has no verifier for it
            }
            let signature = authority.sign(b"bytes", algorithm);
            assert_eq!(signature.len(), bits / 8);
            assert!(verifies(&authority.certificate().der, verifier, b"bytes", &signature), "{bits} {algorithm:?}");
            assert!(!verifies(&authority.certificate().der, verifier, b"other", &signature));
        }
    }
}

#[test]
fn an_authority_signs_its_own_certificate_and_may_sign_data() {
    let der = Authority::new().certificate().der;
    let certificate = parse(&der);
    certificate.verify_signature(None).unwrap();
    let usage = certificate.key_usage().unwrap().unwrap().value;
    assert!(usage.digital_signature() && usage.key_cert_sign() && certificate.is_ca());
}

#[test]
fn an_authority_has_variants_with_the_same_key() {
    let authority = Authority::new();
    let der = authority.clone().without_digital_signature().certificate().der;
    let usage = *parse(&der).key_usage().unwrap().unwrap().value;
    assert!(!usage.digital_signature() && usage.key_cert_sign());
    let der = authority.clone().without_key_usage().certificate().der;
    assert!(parse(&der).key_usage().unwrap().is_none());
    let der = authority.clone().expired().certificate().der;
    assert!(parse(&der).validity().not_after.to_datetime() < datetime!(2013-01-01 00:00 UTC));
    assert_eq!(parse(&der).public_key().raw, parse(&authority.certificate().der).public_key().raw);
}

#[test]
fn keys_have_both_forms() {
    let key = Authority::new().key().clone();
    assert_eq!(labels(&key.pem(KeyForm::Pkcs1)), ["RSA PRIVATE KEY"]);
    assert_eq!(labels(&key.pem(KeyForm::Pkcs8)), ["PRIVATE KEY"]);
    let pair = RsaKeyPair::from_pkcs8(&pem(&key.pem(KeyForm::Pkcs8))[0].1).unwrap();
    assert_eq!(pair.public().as_ref(), key.public());
    assert!(key.pem(KeyForm::Pkcs1).lines().all(|line| line.len() <= 64));
}

#[test]
fn an_identity_certificate_names_the_consumer() {
    let authority = Authority::new();
    let identity = authority.identity("u-1").name("lab distributor").owner("acme").serial(i64::MAX);
    let der = identity.certificate().der;
    let certificate = parse(&der);
    assert_eq!(
        (common_name(&certificate).as_str(), certificate.raw_serial_as_string().as_str()),
        ("u-1", "7f:ff:ff:ff:ff:ff:ff:ff")
    );
    assert!(certificate.extended_key_usage().unwrap().unwrap().value.client_auth);
    assert!(!certificate.is_ca());
    certificate.verify_signature(Some(parse(&authority.certificate().der).public_key())).unwrap();
}

#[test]
fn blocks_of_an_entitlement_file_stand_in_the_order_of_their_era() {
    let file =
        |era, version| entitlement_file(era, Entitlement::new("e1", "p1", "EX-SKU-1").certificate_version(version)).1;
    let (v1, v3) = (CertificateVersion::V1, CertificateVersion::V3);
    assert_eq!(labels(&file(Era::A, v1)), ["CERTIFICATE", "RSA PRIVATE KEY"]);
    assert_eq!(labels(&file(Era::C, v3)), ["CERTIFICATE", "ENTITLEMENT DATA", "RSA SIGNATURE", "RSA PRIVATE KEY"]);
    assert_eq!(labels(&file(Era::D, v3)), ["CERTIFICATE", "ENTITLEMENT DATA", "SIGNATURE", "PRIVATE KEY"]);
    assert_eq!(labels(&file(Era::D, v1)), ["CERTIFICATE", "PRIVATE KEY"]);
}

#[test]
fn a_version_3_certificate_says_so_and_its_data_are_signed() {
    let (name, text) = entitlement_file(
        Era::D,
        Entitlement::new("e1", "p1", "EX-SKU-1").quantity(5).serial(9_220_396_096_563_832_429),
    );
    assert_eq!(name, "export/entitlement_certificates/9220396096563832429.pem");
    let blocks = pem(&text);
    let certificate = parse(&blocks[0].1);
    assert_eq!(certificate.tbs_certificate.serial.to_string(), "9220396096563832429");
    assert_eq!(common_name(&certificate), "e1");
    assert_eq!(utf8_extension(&certificate, "1.3.6.1.4.1.2312.9.6").as_deref(), Some("3.4"));
    let authority = Authority::new().certificate().der;
    assert!(verifies(&authority, ALGORITHMS[0].1, &blocks[1].1, &blocks[2].1));
    let mut payload = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(blocks[1].1.as_slice()), &mut payload).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!((&payload["quantity"], &payload["subscription"]["sku"]), (&Value::from(5), &Value::from("EX-SKU-1")));
    assert_eq!(payload["products"][0]["content"][0]["path"], "/content/example-engine-rpms/$releasever/os");
}

#[test]
fn a_version_1_certificate_holds_products_content_and_order() {
    let row = Entitlement::new("e1", "p1", "EX-SKU-1").contract("CON-5");
    let (_, text) = entitlement_file(Era::A, row);
    let blocks = pem(&text);
    let certificate = parse(&blocks[0].1);
    let extension = |suffix: &str| utf8_extension(&certificate, &format!("1.3.6.1.4.1.2312.9.{suffix}"));
    assert_eq!(extension("6"), None);
    assert_eq!(extension("1.901.1").as_deref(), Some("Example Engine"));
    assert_eq!(extension("2.90101.1").as_deref(), Some("yum"));
    assert_eq!(extension("2.90101.1.6").as_deref(), Some("/content/example-engine-rpms/$releasever/os"));
    assert_eq!(extension("4.3").as_deref(), Some("EX-SKU-1"));
    assert_eq!(extension("4.10").as_deref(), Some("CON-5"));
    assert!(certificate.extensions_map().is_ok(), "no extension twice");
}

fn utf8_extension(certificate: &X509Certificate<'_>, oid: &str) -> Option<String> {
    let found = certificate.extensions().iter().find(|extension| extension.oid.to_id_string() == oid)?;
    let (_, value) = parse_der_utf8string(found.value).unwrap();
    Some(value.as_str().unwrap().to_owned())
}

#[test]
fn a_long_text_of_an_extension_is_read_back() {
    let texts = [127, 128, 300, 70_000].map(|n| "x".repeat(n));
    for text in texts {
        let extension = crate::manifest::certificate::text(&[4, 1], &text);
        let (_, value) = parse_der_utf8string(extension.content()).unwrap();
        assert_eq!(value.as_str().unwrap(), text);
    }
}

#[test]
fn a_certificate_can_be_named_by_the_subscription() {
    let row = Entitlement::new("e1", "p1", "EX-SKU-1").subscription_id("s1").named_by_subscription();
    let blocks = pem(&entitlement_file(Era::D, row).1);
    assert_eq!(common_name(&parse(&blocks[0].1)), "s1");
}

#[test]
fn a_scheme_signs_with_a_certificate_for_code() {
    let authority = Authority::new();
    for (algorithm, verifier) in ALGORITHMS {
        let signer = authority.scheme("rsa").algorithm(algorithm);
        let outer = unzip(&Manifest::new(Era::D).build_with_scheme(&signer)).unwrap();
        let inner = unzip(&outer[0].1).unwrap();
        let scheme = inner.iter().find(|(name, _)| name == "export/scheme.json").unwrap();
        let scheme: Value = serde_json::from_slice(&scheme.1).unwrap();
        assert_eq!(scheme["signature_algorithm"], algorithm.name());
        let der = STANDARD.decode(scheme["certificate"].as_str().unwrap()).unwrap();
        assert!(verifies(&der, verifier, &outer[0].1, &outer[1].1));
        let certificate = parse(&der);
        assert!(certificate.extended_key_usage().unwrap().unwrap().value.code_signing);
        assert!(certificate.key_usage().unwrap().unwrap().value.digital_signature());
        certificate.verify_signature(Some(parse(&authority.certificate().der).public_key())).unwrap();
        assert!(!verifies(&authority.certificate().der, verifier, &outer[0].1, &outer[1].1), "a key of its own");
    }
}
