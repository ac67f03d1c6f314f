//! Which certificate of a scheme is trusted.

use super::*;
use x509_parser::asn1_rs::FromDer;
use x509_parser::certificate::X509Certificate;

type Change = fn(&mut CertificateParams);

#[test]
fn a_certificate_issued_for_signing_is_trusted() {
    let signed = by_scheme(&issued(|_| ()), &ca_anchor()).unwrap();
    assert_eq!(
        signed.to_string(),
        "CN=Export signing (serial 12345678901234, SHA256withRSA, valid until 2030-01-01), issued for signing by CN=A CA"
    );
    let documents = vec![Purpose::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 36])];
    assert!(by_scheme(&issued(|params| params.extended_key_usages.clone_from(&documents)), &ca_anchor()).is_ok());
    assert!(by_scheme(&issued(|params| params.extended_key_usages.extend(documents)), &ca_anchor()).is_ok(), "both");
}

#[test]
fn a_configured_certificate_is_trusted_whatever_it_is_for() {
    let pinned = issued(|params| params.extended_key_usages.clear());
    assert_eq!(by_scheme(&pinned, &anchors(&[&pinned])).unwrap().anchor, Trust::Anchor);
    let expired = issued(|params| params.not_after = datetime!(2026-01-01 0:00 UTC));
    assert!(matches!(mismatch(by_scheme(&expired, &anchors(&[&expired]))), Mismatch::Expired(_)));
    let silent = issued(|params| params.key_usages = vec![Use::KeyEncipherment]);
    assert_eq!(mismatch(by_scheme(&silent, &anchors(&[&silent]))), Mismatch::NotForSigning);
}

#[test]
fn a_client_certificate_of_the_trusted_ca_never_signs() {
    // As identity and entitlement certificates are, today's and the old ones.
    for usages in
        [vec![Use::DigitalSignature], vec![Use::DigitalSignature, Use::KeyEncipherment, Use::DataEncipherment]]
    {
        for purposes in [vec![Purpose::ClientAuth], vec![], vec![Purpose::ClientAuth, Purpose::CodeSigning]] {
            let client = issued(|params| {
                params.distinguished_name.push(DnType::OrganizationName, "acme");
                params.key_usages.clone_from(&usages);
                params.extended_key_usages.clone_from(&purposes);
            });
            let reason = distrust(&client, &ca_anchor());
            assert!(matches!(&reason, Distrust::Purpose { .. }), "{purposes:?}: {reason}");
        }
    }
}

#[test]
fn a_certificate_issued_for_anything_but_signing_is_not_trusted() {
    let critical = || {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
        extension.set_criticality(true);
        extension
    };
    let cases: [(&str, Change); 9] = [
        ("time stamps too", |params| params.extended_key_usages.push(Purpose::TimeStamping)),
        ("mail too", |params| params.extended_key_usages.push(Purpose::EmailProtection)),
        ("a purpose of somebody's own too", |params| {
            params.extended_key_usages.push(Purpose::Other(vec![1, 3, 6, 1, 4, 1, 99_999, 2]));
        }),
        ("any", |params| params.extended_key_usages.push(Purpose::Any)),
        ("servers", |params| params.extended_key_usages.push(Purpose::ServerAuth)),
        ("time stamps", |params| params.extended_key_usages = vec![Purpose::TimeStamping]),
        ("no keyUsage", |params| params.key_usages.clear()),
        ("no digitalSignature", |params| params.key_usages = vec![Use::ContentCommitment]),
        ("a CA", |params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))),
    ];
    for (what, change) in cases {
        let reason = distrust(&issued(change), &ca_anchor());
        assert!(matches!(&reason, Distrust::Purpose { .. }), "{what}: {reason}");
    }
    let reason = distrust(&issued(|params| params.custom_extensions.push(critical())), &ca_anchor());
    assert!(matches!(&reason, Distrust::Purpose { reason, .. } if reason.contains("critical")), "{reason}");
    for change in [(|params| params.not_after = datetime!(2026-05-01 0:00 UTC)) as Change, |params| {
        params.not_before = datetime!(2026-07-01 0:00 UTC)
    }] {
        assert_eq!(distrust(&issued(change), &ca_anchor()), Distrust::NotValidNow);
    }
}

#[test]
fn an_issuer_must_be_a_valid_ca_that_did_issue_it() {
    let certificate = issued(|_| ());
    let as_issuer = |key: &Key, change: Change| {
        let mut params = ca_params();
        change(&mut params);
        distrust(&certificate, &anchors(&[&key.self_signed(&params)]))
    };
    let name = || "CN=A CA".to_owned();
    assert_eq!(as_issuer(&CA, |params| params.is_ca = IsCa::NoCa), Distrust::NotCa(name()));
    assert_eq!(as_issuer(&CA, |params| params.key_usages = vec![Use::DigitalSignature]), Distrust::NotCa(name()));
    let expire = |params: &mut CertificateParams| params.not_after = datetime!(2026-05-01 0:00 UTC);
    assert_eq!(as_issuer(&CA, expire), Distrust::InvalidIssuer(name()));
    assert_eq!(as_issuer(&SIGNER, |_| ()), Distrust::NotIssued(name()), "another key under the same name");
    assert_eq!(
        as_issuer(&CA, |params| params.distinguished_name.push(DnType::OrganizationName, "x")),
        Distrust::UnknownIssuer
    );
    let own = SIGNER.self_signed(&signing_params());
    assert_eq!(distrust(&own, &ca_anchor()), Distrust::UnknownIssuer);
}

#[test]
fn no_changed_bit_of_what_the_ca_signed_leaves_it_trusted() {
    let certificate = issued(|_| ());
    let signature = SIGNER.sign(256, DATA);
    let anchors = ca_anchor();
    // After the header of the outer sequence.
    let signed = 4..4 + X509Certificate::from_der(&certificate).unwrap().1.tbs_certificate.as_ref().len();
    for bit in signed.start * 8..signed.end * 8 {
        let mut changed = certificate.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let Ok(scheme) = Scheme::parse(json_of(&changed, "SHA256withRSA").to_string().as_bytes()) else { continue };
        assert!(verify(DATA, &signature, Some(&scheme), &anchors, NOW).is_err(), "bit {bit}");
    }
}
