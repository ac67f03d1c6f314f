use super::*;
use crate::manifest::test_keys::{CA, NOW, SHORT, SIGNER, named, pem};
use proptest::prelude::*;
use rcgen::{CustomExtension, DnType, KeyPair, SerialNumber};

fn entitlement(change: impl FnOnce(&mut rcgen::CertificateParams)) -> Vec<u8> {
    let mut params = named("4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908");
    params.distinguished_name.push(DnType::OrganizationName, "acme");
    params.serial_number = Some(SerialNumber::from(42));
    change(&mut params);
    CA.issue(&named("A CA"), &params, &SIGNER)
}

fn with_serial(bytes: &[u8]) -> Result<Certificate, CertificateError> {
    Certificate::from_der(&entitlement(|params| params.serial_number = Some(SerialNumber::from_slice(bytes))))
}

#[test]
fn a_certificate_tells_whose_it_is_and_how_long() {
    let certificate = Certificate::parse(&pem("CERTIFICATE", &entitlement(|_| ()))).unwrap();
    assert_eq!(certificate.common_name.as_deref(), Some("4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908"));
    assert_eq!(certificate.organisation.as_deref(), Some("acme"));
    assert_eq!(certificate.serial, 42);
    assert_eq!(certificate.subject, "CN=4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908, O=acme");
    assert_eq!((certificate.not_before.year(), certificate.not_after.year()), (2020, 2030));
    assert!(certificate.not_before < NOW);
}

#[test]
fn a_serial_number_is_exact_up_to_63_bits_and_refused_beyond() {
    let largest = i64::MAX.to_be_bytes();
    assert_eq!(with_serial(&largest).unwrap().serial, 9_223_372_036_854_775_807);
    assert_eq!(with_serial(&9_007_199_254_740_993_i64.to_be_bytes()).unwrap().serial, 9_007_199_254_740_993);
    assert!(matches!(with_serial(&[0x80, 0, 0, 0, 0, 0, 0, 0]), Err(CertificateError::Serial)));
    assert!(matches!(with_serial(&[1; 20]), Err(CertificateError::Serial)));
    assert!(matches!(to_serial(&[0xff]), Err(CertificateError::Serial)), "negative");
}

#[test]
fn a_damaged_certificate_is_refused_wherever_it_is_cut() {
    let der = entitlement(|_| ());
    for length in 0..der.len() {
        assert!(Certificate::from_der(&der[..length]).is_err(), "cut at {length}");
    }
    let longer = [&der[..], &[0]].concat();
    assert!(matches!(Certificate::from_der(&longer), Err(CertificateError::Damaged("bytes after its end"))));
}

#[test]
fn hundreds_of_extensions_change_nothing() {
    let many = entitlement(|params| {
        for content in 1..400 {
            let oid = [1, 3, 6, 1, 4, 1, 2312, 9, 2, content, 1, 1];
            params.custom_extensions.push(CustomExtension::from_oid_content(&oid, vec![12, 1, b'x']));
        }
    });
    assert_eq!(Certificate::from_der(&many).unwrap(), Certificate::from_der(&entitlement(|_| ())).unwrap());
}

#[test]
fn the_version_of_an_entitlement_is_1_0_where_none_is_given() {
    let with = |content: Vec<u8>| {
        let oid = [1, 3, 6, 1, 4, 1, 2312, 9, 6];
        entitlement_version(&entitlement(|params| {
            params.custom_extensions.push(CustomExtension::from_oid_content(&oid, content));
        }))
    };
    assert_eq!(entitlement_version(&entitlement(|_| ())).unwrap(), "1.0");
    assert_eq!(with(b"\x0c\x033.4".to_vec()).unwrap(), "3.4");
    assert!(with(b"\x0c\x02\xff\xff".to_vec()).is_err());
    assert!(with(vec![]).is_err());
}

#[test]
fn a_file_is_split_into_certificate_and_key_whatever_the_order() {
    let der = entitlement(|_| ());
    let parts = [
        pem("RSA PRIVATE KEY", &SIGNER.pkcs1),
        pem("RSA SIGNATURE", b"signature"),
        pem("ENTITLEMENT DATA", b"data"),
        pem("CERTIFICATE", &der),
    ];
    let expected = format!("{}{}{}", parts[3], parts[2], parts[1]);
    let reversed: String = parts.iter().rev().map(String::as_str).collect();
    for text in [parts.concat(), reversed, parts.join("some words\n").replace('\n', "\r\n")] {
        let file = PemFile::split(&text).unwrap();
        assert_eq!(file.certificate.as_ref().unwrap().text(), expected);
        assert_eq!(file.certificate.unwrap().der(), der);
        assert_eq!(file.key.unwrap().text().expose(), parts[0]);
    }
}

#[test]
fn the_same_certificate_written_otherwise_is_the_same() {
    let der = entitlement(|_| ());
    let one_line = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &der)
    );
    let read = |text: &str| PemFile::split(text).unwrap().certificate.unwrap();
    let normal = read(&pem("CERTIFICATE", &der));
    assert!(read(&one_line).is_same(&normal));
    assert_eq!(read(&one_line).text(), normal.text());
    assert!(normal.text().lines().all(|line| line.len() <= 64) && !normal.text().contains('\r'));
    let other = entitlement(|params| params.serial_number = Some(SerialNumber::from(43)));
    assert!(!read(&pem("CERTIFICATE", &other)).is_same(&normal));
}

#[test]
fn what_does_not_belong_into_a_file_is_refused_by_name() {
    let certificate = pem("CERTIFICATE", &entitlement(|_| ()));
    let key = pem("PRIVATE KEY", &SIGNER.pkcs8);
    let marked = key.replacen("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,00\n\n", 1);
    let cut = certificate.replace("-----END CERTIFICATE-----", "");
    for (text, expected) in [
        (String::new(), "neither a certificate nor a private key in the PEM text"),
        ("words".into(), "neither a certificate nor a private key in the PEM text"),
        (format!("{certificate}{certificate}"), "two PEM blocks hold a certificate, where one is expected"),
        (format!("{key}{certificate}{key}"), "two PEM blocks hold a private key, where one is expected"),
        (format!("{certificate}{}", pem("PUBLIC KEY", b"x")), "a PEM block \"PUBLIC KEY\" is refused"),
        (pem("ENTITLEMENT DATA", b"x"), "no certificate in the PEM text"),
        (cut.clone(), "the PEM text is damaged: a block is cut"),
        (format!("{key}{cut}"), "the PEM text is damaged: a block is cut"),
        (certificate.replacen("MII", "M*I", 1), "the PEM text is damaged: a block is not base64"),
    ] {
        assert_eq!(PemFile::split(&text).unwrap_err().to_string(), expected);
    }
    for text in [pem("ENCRYPTED PRIVATE KEY", b"x"), marked] {
        assert!(matches!(PemFile::split(&text), Err(CertificateError::EncryptedKey)), "{text}");
    }
    let filler = " ".repeat(PemFile::MAXIMUM - certificate.len());
    assert!(PemFile::split(&format!("{certificate}{filler}")).is_ok());
    assert!(matches!(PemFile::split(&format!("{certificate}{filler} ")), Err(CertificateError::TooLarge { .. })));
}

#[test]
fn a_key_is_matched_with_its_certificate_in_both_forms() {
    let certificate = Certificate::from_der(&entitlement(|_| ())).unwrap();
    let key = |label: &str, der: &[u8]| PemFile::split(&pem(label, der)).unwrap().key.unwrap();
    let (old, new) = (key("RSA PRIVATE KEY", &SIGNER.pkcs1), key("PRIVATE KEY", &SIGNER.pkcs8));
    assert!(old.is_same(&new));
    assert_eq!(key_matches(&certificate, &old), KeyMatch::Matches);
    assert_eq!(key_matches(&certificate, &new), KeyMatch::Matches);
    let other = key("PRIVATE KEY", &CA.pkcs8);
    assert!(!other.is_same(&new));
    assert_eq!(key_matches(&certificate, &other), KeyMatch::Differs);
    let elliptic = KeyPair::generate().unwrap().serialize_der();
    for unknown in [key("PRIVATE KEY", &SHORT.pkcs8), key("PRIVATE KEY", &elliptic), key("RSA PRIVATE KEY", b"?")] {
        assert_eq!(key_matches(&certificate, &unknown), KeyMatch::Unknown);
    }
}

#[test]
fn debug_output_and_errors_hold_no_key() {
    let text = pem("PRIVATE KEY", &SIGNER.pkcs8);
    let line = text.lines().nth(2).unwrap();
    let file = PemFile::split(&text).unwrap();
    assert_eq!(
        format!("{:?} {:?}", file.key, file.key.as_ref().map(PrivateKey::text)),
        "Some(PrivateKey(***)) Some(***)"
    );
    let damages = [
        text.replace("-----END", "----END"),
        text.replace(line, &format!("{line}*")),
        text.replacen("BEGIN PRIVATE", "BEGIN", 1),
    ];
    for damaged in damages {
        let error = PemFile::split(&damaged).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&line[..8]), "{error:?}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(-----(BEGIN|END) (CERTIFICATE|PRIVATE KEY|X)-----|[A-Za-z0-9+/=:\r\n]{0,20}|.{0,5}){0,8}") {
        let _ = PemFile::split(&text);
        let _ = Certificate::parse(&text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Certificate::from_der(&bytes);
        let _ = entitlement_version(&bytes);
        let file = PemFile::split(&pem("PRIVATE KEY", &bytes)).unwrap();
        prop_assert!(file.key.is_some());
    }

    #[test]
    fn a_changed_byte_never_makes_it_panic(at in 0_usize..1_000, byte: u8) {
        let mut der = entitlement(|_| ());
        let at = at % der.len();
        der[at] = byte;
        let _ = Certificate::from_der(&der);
        let _ = entitlement_version(&der);
    }
}
