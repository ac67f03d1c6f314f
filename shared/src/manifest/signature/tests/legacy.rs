//! Signatures without a scheme: any trusted certificate may have made them.

use super::*;

#[test]
fn a_signature_of_any_trusted_certificate_is_accepted() {
    let other = SIGNER.self_signed(&named("Another"));
    let signature = CA.sign(256, DATA);
    let signed = verify(DATA, &signature, None, &anchors(&[&other, &CA_CERTIFICATE]), NOW).unwrap();
    assert_eq!(signed.to_string(), "CN=A CA (serial 7, SHA256withRSA, valid until 2030-01-01), a trusted certificate");
    assert!(legacy(|params| params.key_usages.clear()).is_ok(), "no keyUsage allows everything");
}

#[test]
fn a_wrong_key_is_told_with_each_certificate_that_was_tried() {
    let signature = CA.sign(256, DATA);
    let others = [SIGNER.self_signed(&named("One")), SIGNER.self_signed(&named("Two")), SHORT_CERTIFICATE.clone()];
    let error = verify(DATA, &signature, None, &anchors(&others.each_ref().map(Vec::as_slice)), NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the signature does not verify: CN=One: does not match; CN=Two: does not match; \
         CN=Short: its RSA key has 1024 bits, not 2048 to 8192"
    );
    let error = verify(DATA, &signature, None, &TrustAnchors::default(), NOW).unwrap_err();
    assert_eq!(error.to_string(), "the signature does not verify: no certificate is trusted; configure one");
}

#[test]
fn an_error_tells_of_a_few_certificates_and_counts_the_rest() {
    let many: Vec<Vec<u8>> = (0..12).map(|n| SIGNER.self_signed(&named(&format!("Number {n}")))).collect();
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    let error = verify(DATA, &CA.sign(256, DATA), None, &anchors(&many), NOW).unwrap_err().to_string();
    assert!(error.ends_with("; CN=Number 7: does not match; and 4 more"), "{error}");
}

#[test]
fn a_changed_byte_of_data_or_signature_is_noticed() {
    let signature = CA.sign(256, DATA);
    for at in 0..DATA.len() {
        let mut data = DATA.to_vec();
        data[at] ^= 1;
        assert_eq!(mismatch(verify(&data, &signature, None, &ca_anchor(), NOW)), Mismatch::Differs);
    }
    for at in 0..signature.len() {
        let mut changed = signature.clone();
        changed[at] ^= 1;
        assert_eq!(mismatch(verify(DATA, &changed, None, &ca_anchor(), NOW)), Mismatch::Differs);
    }
}

#[test]
fn a_missing_a_cut_and_a_longer_signature_are_refused() {
    let mut signature = CA.sign(256, DATA);
    assert!(matches!(verify(DATA, b"", None, &ca_anchor(), NOW), Err(SignatureError::Missing)));
    let cut = verify(DATA, &signature[..255], None, &ca_anchor(), NOW);
    assert_eq!(mismatch(cut), Mismatch::Length { found: 255, expected: 256 });
    signature.push(0);
    let longer = verify(DATA, &signature, None, &ca_anchor(), NOW);
    assert_eq!(mismatch(longer), Mismatch::Length { found: 257, expected: 256 });
}

#[test]
fn without_a_scheme_only_sha_256_is_accepted() {
    assert_eq!(mismatch(verify(DATA, &CA.sign(512, DATA), None, &ca_anchor(), NOW)), Mismatch::Differs);
}

#[test]
fn a_certificate_that_may_not_sign_or_is_not_valid_does_not_verify() {
    let error = legacy(|params| params.key_usages = vec![Use::KeyCertSign]).unwrap_err();
    assert!(error.to_string().contains("made by CN=A CA, which may not sign data"), "{error}");
    let error = legacy(|params| params.not_after = datetime!(2026-05-31 0:00 UTC)).unwrap_err();
    assert!(error.to_string().contains("made by CN=A CA, which expired on 2026-05-31"), "{error}");
    let error = legacy(|params| params.not_before = datetime!(2026-06-02 0:00 UTC)).unwrap_err();
    assert!(error.to_string().contains("made by CN=A CA, which is not valid before 2026-06-02"), "{error}");
}

#[test]
fn the_certificate_that_made_it_is_told_first() {
    let mut expired = ca_params();
    expired.not_after = datetime!(2025-01-01 0:00 UTC);
    let trusted = anchors(&[&SIGNER.self_signed(&named("Another")), &CA.self_signed(&expired)]);
    let error = verify(DATA, &CA.sign(256, DATA), None, &trusted, NOW).unwrap_err().to_string();
    assert!(error.starts_with("the signature does not verify: made by CN=A CA, which expired"), "{error}");
    // The same key with a renewed certificate beside the expired one.
    let renewed = anchors(&[&CA.self_signed(&expired), &CA_CERTIFICATE]);
    assert!(verify(DATA, &CA.sign(256, DATA), None, &renewed, NOW).is_ok());
}
