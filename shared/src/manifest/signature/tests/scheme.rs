//! `scheme.json`, and signatures by a scheme.

use super::*;
use proptest::prelude::*;

#[test]
fn a_scheme_names_one_of_three_hashes() {
    let certificate = issued(|_| ());
    for (hash, name, written) in [
        (256, "SHA256withRSA", "SHA256withRSA"),
        (384, "SHA384withRSA", "sha384WITHrsa"),
        (512, "SHA512withRSA", "SHA512WithRSA"),
    ] {
        let scheme = scheme(&certificate, written);
        let signed = verify(DATA, &SIGNER.sign(hash, DATA), Some(&scheme), &ca_anchor(), NOW).unwrap();
        assert_eq!(signed.algorithm, name);
        let other = SIGNER.sign(if hash == 256 { 512 } else { 256 }, DATA);
        assert_eq!(mismatch(verify(DATA, &other, Some(&scheme), &ca_anchor(), NOW)), Mismatch::Differs);
    }
}

#[test]
fn only_the_certificate_of_the_scheme_verifies() {
    let scheme = scheme(&issued(|_| ()), "SHA256withRSA");
    let by_the_ca = verify(DATA, &CA.sign(256, DATA), Some(&scheme), &ca_anchor(), NOW);
    assert_eq!(mismatch(by_the_ca), Mismatch::Differs);
}

#[test]
fn a_short_key_is_refused_for_its_size() {
    let scheme = scheme(&CA.issue(&ca_params(), &signing_params(), &SHORT), "SHA256withRSA");
    let result = verify(DATA, &[1; 128], Some(&scheme), &ca_anchor(), NOW);
    assert_eq!(mismatch(result), Mismatch::KeySize(1024));
}

#[test]
fn a_scheme_that_cannot_be_verified_here_says_so() {
    for algorithm in ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87", "SHA224withRSA", "SHA1withRSA", "SHA256withECDSA"] {
        let json =
            json!({"name": "mldsa65", "certificate": "AA==", "signature_algorithm": algorithm, "key_algorithm": "x"});
        let error = Scheme::parse(json.to_string().as_bytes()).unwrap_err();
        assert!(matches!(error, SignatureError::Unsupported { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("mldsa65") && text.contains(algorithm) && text.contains("not supported yet"), "{text}");
    }
}

#[test]
fn each_malformed_key_of_a_scheme_is_named() {
    let good = json_of(&issued(|_| ()), "SHA256withRSA");
    for key in ["name", "certificate", "signature_algorithm", "key_algorithm"] {
        for value in [None, Some(Value::Null), Some(json!(5)), Some(json!(""))] {
            let mut json = good.clone();
            match value {
                None => drop(json.as_object_mut().unwrap().remove(key)),
                Some(value) => json[key] = value,
            }
            let error = Scheme::parse(json.to_string().as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("scheme.json: `{key}` is ")), "{error}");
        }
    }
    for (key, value) in [("certificate", "not base64"), ("certificate", "AAAA"), ("key_algorithm", "ML-DSA-65")] {
        let mut json = good.clone();
        json[key] = json!(value);
        let error = Scheme::parse(json.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("scheme.json: `{key}`")), "{error}");
    }
    for json in ["", "[]", "null", "{", "\u{feff}{}"] {
        assert!(matches!(Scheme::parse(json.as_bytes()), Err(SignatureError::Scheme(_))), "{json}");
    }
    let huge = vec![b' '; Scheme::MAXIMUM + 1];
    assert!(Scheme::parse(&huge).unwrap_err().to_string().contains("over the limit"));
}

#[test]
fn a_key_that_is_not_rsa_does_not_fit_a_scheme_of_rsa() {
    let elliptic = named("Elliptic").self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
    let json = json_of(elliptic.der(), "SHA256withRSA").to_string();
    assert!(matches!(Scheme::parse(json.as_bytes()), Err(SignatureError::Scheme(_))));
    let result = verify(DATA, &[1; 256], None, &anchors(&[elliptic.der()]), NOW);
    assert_eq!(mismatch(result), Mismatch::NotRsa);
}

proptest! {
    #[test]
    fn no_scheme_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,40}") {
        let _ = Scheme::parse(&bytes);
        let json = json_of(&bytes, "SHA256withRSA");
        prop_assert!(Scheme::parse(json.to_string().as_bytes()).is_err());
        let mut json = json_of(&bytes, &text);
        json["name"] = json!(text);
        let _ = Scheme::parse(json.to_string().as_bytes());
    }
}
