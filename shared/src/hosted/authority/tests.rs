//! An authority is refused where it could not issue, or where nobody would believe it.

use super::*;
use crate::aws::Aws;
use crate::clock::Clock;
use crate::manifest::test_keys::{CA, Key as TestKey, NOW, SHORT, SIGNER};
use crate::secret_source::SecretSource;
use pem::Pem;
use rcgen::{BasicConstraints, DnType, IsCa, KeyUsagePurpose};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use time::Duration;

fn parameters() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::OrganizationName, "Example");
    parameters.distinguished_name.push(DnType::CommonName, "Example CA");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    parameters
}

fn block(label: &str, bytes: &[u8]) -> String {
    pem::encode(&Pem::new(label, bytes))
}

fn certificate(key: &TestKey, parameters: &CertificateParams) -> String {
    block("CERTIFICATE", &key.self_signed(parameters))
}

fn key() -> String {
    block("PRIVATE KEY", &CA.pkcs8)
}

fn with(change: impl FnOnce(&mut CertificateParams)) -> Result<Authority, AuthorityError> {
    let mut parameters = parameters();
    change(&mut parameters);
    Authority::parse(&(certificate(&CA, &parameters) + &key()))
}

fn problem(result: Result<Authority, AuthorityError>) -> String {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.is_transient()), ("Authority", true));
    let told = error.to_string();
    told.trim_start_matches("the authority cannot be used; see LONGSHORE_AUTHORITY: ").to_owned()
}

#[test]
fn either_form_of_key_signs_digests_that_the_certificate_verifies() {
    for key in [block("PRIVATE KEY", &CA.pkcs8), block("RSA PRIVATE KEY", &CA.pkcs1)] {
        // The order does not matter, nor do other certificates.
        let text = [certificate(&SIGNER, &parameters()), key, certificate(&CA, &parameters())].concat();
        let authority = Authority::parse(&text).unwrap();
        let signature = authority.sign_digest(&sha256(b"an archive")).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &authority.issuer.key().public);
        public.verify(b"an archive", &signature).unwrap();
        assert!(public.verify(b"another archive", &signature).is_err());
        assert_eq!(authority.certificate_pem(), block("CERTIFICATE", &authority.der).replace('\r', ""));
    }
}

#[test]
fn what_cannot_issue_is_refused_with_the_reason() {
    let ours = certificate(&CA, &parameters());
    let cases = [
        (ours.clone(), "expected one private key beside the certificate"),
        (key(), "expected its certificate beside the private key"),
        (ours.clone() + &key() + &key(), "expected one private key beside the certificate"),
        (certificate(&SIGNER, &parameters()) + &key(), "no certificate is that of the private key"),
        (ours.clone() + &block("PRIVATE KEY", b"no key"), "its private key is not an RSA key, or is damaged"),
        (ours.clone() + &block("EC PRIVATE KEY", b"a key"), "its private key is not an RSA key, or is damaged"),
        (
            ours.clone() + &block("ENCRYPTED PRIVATE KEY", b"a key"),
            "its private key is encrypted; only a key without a pass phrase can be used",
        ),
        (ours.clone() + &key()[..900], "a PEM block is cut"),
        (ours.replace("MII", "M I!") + &key(), "its PEM framing or base64 is damaged"),
    ];
    for (text, told) in cases {
        assert_eq!(problem(Authority::parse(&text)), told);
    }
    let short = ours + &block("RSA PRIVATE KEY", &SHORT.pkcs1);
    assert_eq!(problem(Authority::parse(&short)), "its RSA key has 1024 bits, fewer than 2048");
}

#[test]
fn a_certificate_that_is_not_for_issuing_is_refused() {
    assert_eq!(
        problem(with(|parameters| parameters.is_ca = IsCa::ExplicitNoCa)),
        "its certificate is not a CA's (basicConstraints)"
    );
    assert_eq!(
        problem(with(|parameters| parameters.key_usages = vec![KeyUsagePurpose::CrlSign])),
        "the keyUsage of its certificate lacks keyCertSign"
    );
    // `openssl req -x509` writes none.
    assert!(with(|parameters| parameters.key_usages.clear()).is_ok());
}

#[test]
fn a_certificate_that_is_not_for_signing_data_issues_and_signs_no_export() {
    let authority = with(|parameters| parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign]).unwrap();
    let told = authority.sign_digest(&[0; 32]).unwrap_err().to_string();
    assert!(told.contains("lacks digitalSignature"), "{told}");
    assert!(authority.issue(&CertificateParams::default(), authority.issuer.key()).is_ok());
}

#[tokio::test]
async fn an_authority_works_in_its_time_only_and_where_it_is_set() {
    let folder = std::env::temp_dir().join(format!("longshore-{}", uuid::Uuid::new_v4()));
    let mut parameters = parameters();
    (parameters.not_before, parameters.not_after) = (NOW, NOW + Duration::days(1));
    std::fs::write(&folder, certificate(&CA, &parameters) + &key()).unwrap();
    let config = aws_config::SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build();
    let at = |days: i64, source: Option<SecretSource>| {
        let clock = Clock::from_fn(move || NOW + Duration::days(days) + Duration::HOUR);
        Authorities::new(source, &Aws::with_config(config.clone()), &clock)
    };
    let file = || Some(SecretSource::File(folder.clone()));
    assert!(at(0, file()).get().await.is_ok());
    for (days, told) in [(-1, "not valid before"), (1, "has expired on")] {
        let error = at(days, file()).get().await.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
    std::fs::remove_file(&folder).unwrap();
    let error = at(0, file()).get().await.unwrap_err().to_string();
    assert!(
        error.starts_with("cannot read the authority from file ") && error.contains("LONGSHORE_AUTHORITY"),
        "{error}"
    );
    assert!(matches!(at(0, None).get().await, Err(AuthorityError::NotConfigured)));
}

#[test]
fn a_subject_that_cannot_be_repeated_as_an_issuer_is_refused() {
    // CN=Example CA, twice: such names come from directories, as in DC=example, DC=com.
    let der = CA.self_signed(&parameters());
    let once = [&[0x31, 0x10, 0x30, 0x0e, 0x06, 3, 0x55, 4, 0x0a, 0x0c, 7][..], b"Example"].concat();
    let start = der.windows(once.len()).position(|window| window == once).unwrap();
    let mut twice = der.clone();
    // O becomes CN, in the subject and in the issuer; nobody checks the signature of an authority's own certificate.
    for at in [start, start + der[start + 1..].windows(once.len()).position(|window| window == once).unwrap() + 1] {
        twice[at + 8] = 3;
    }
    assert_eq!(
        problem(Authority::parse(&(block("CERTIFICATE", &twice) + &key()))),
        "the subject of its certificate names an attribute twice, which cannot be repeated as an issuer"
    );
}

#[test]
fn an_authority_does_not_show_its_key() {
    let shown = format!("{:?}", with(|_| ()).unwrap());
    assert!(shown.len() < 200 && shown.starts_with("Authority { valid: "), "{shown}");
}
