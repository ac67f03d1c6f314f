use std::path::PathBuf;

use longshore_devkit::manifest::{Authority, Entitlement, Era, Manifest, Spelling, VALID_FROM};
use time::macros::datetime;

use super::*;
use crate::inspect::manifest::signature::State;

const NOW: time::OffsetDateTime = datetime!(2026-06-01 0:00 UTC);

/// Options for an archive that is not in a file.
fn options(trust: &[PathBuf]) -> Options {
    Options { file: "absent.zip".into(), json: false, all: false, trust: trust.into(), signature: None }
}

fn look(archive: Vec<u8>, options: &Options) -> Findings {
    let size = archive.len();
    Findings::of(&open(archive.into()).unwrap(), size, options, NOW).unwrap()
}

fn refusal(findings: &Findings) -> String {
    findings.refused.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// A folder with the certificate of the authority that signs.
fn trusted() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, Authority::new().pem()).unwrap();
    (folder, file)
}

#[test]
fn every_era_is_read_and_nothing_private_is_shown() {
    let (_folder, file) = trusted();
    for era in Era::ALL {
        let findings = look(Manifest::sample(era).build(&Authority::new()), &options(std::slice::from_ref(&file)));
        assert_eq!(refusal(&findings), "", "{era:?}");
        assert_eq!(findings.signature.state, State::Good, "{era:?}");
        let lists = &findings.lists;
        assert_eq!((lists.subscriptions.len(), lists.products.len(), lists.content.len()), (2, 5, 6), "{era:?}");
        let suite = &lists.subscriptions[0];
        assert_eq!((&*suite.product, suite.quantity, suite.provided_products), ("EX-SKU-1", Some(12), 2), "{era:?}");
        assert!(lists.certificates.iter().any(|row| Some(&row.serial) == suite.certificate.as_ref()), "{era:?}");
        for text in [text::show(&findings, true, true), serde_json::to_string(&findings).unwrap()] {
            assert!(text.contains("EX-SKU-1") && !text.contains("-----BEGIN"), "{text}");
        }
    }
}

#[test]
fn a_signature_is_good_bad_missing_or_not_checked() {
    let (authority, manifest, (_folder, file)) = (Authority::new(), Manifest::sample(Era::D), trusted());
    let scheme = manifest.build_with_scheme(&authority.scheme("Signer"));
    let (nobody, us) = (options(&[]), options(&[file]));
    for (archive, options, state, detail, refused) in [
        (manifest.build(&authority), &us, State::Good, "a trusted certificate", ""),
        (scheme.clone(), &us, State::Good, "issued for signing by CN=Longshore Test Authority", ""),
        (scheme, &nobody, State::Unchecked, "CN=Signer made it", ""),
        (manifest.build(&authority), &nobody, State::Unchecked, "RSA key of 2048 bits", ""),
        (manifest.build(&Authority::named("Stranger")), &us, State::Bad, "does not match", "refused (Conflict)"),
        (manifest.build_unsigned(), &nobody, State::Missing, "missing", "refused (Signature)"),
    ] {
        let findings = look(archive, options);
        assert_eq!(findings.signature.state, state, "{}", findings.signature.detail);
        assert!(findings.signature.detail.contains(detail), "{}", findings.signature.detail);
        assert!(refusal(&findings).starts_with(refused), "{}", refusal(&findings));
        assert_eq!(findings.refused.is_some(), !refused.is_empty());
    }
}

#[test]
fn a_bundle_is_told_from_a_tower_archive_and_its_signature_lies_beside_it() {
    let (folder, file) = trusted();
    for (number, spelling) in Spelling::ALL.into_iter().enumerate() {
        let (bundle, signature) = Manifest::sample(Era::D).signed_bundle(spelling, &Authority::new());
        assert!(longshore::manifest::read::is_data_bundle(&bundle, &Limits::for_manifests()), "{spelling:?}");
        let path = folder.path().join(format!("{number}.tar.gz"));
        std::fs::write(folder.path().join(format!("{number}.tar.gz.sig")), signature).unwrap();
        std::fs::write(&path, &bundle).unwrap();
        let options = Options { file: path, ..options(std::slice::from_ref(&file)) };
        let findings = look(bundle, &options);
        assert_eq!((findings.kind, findings.signature.state), ("data bundle", State::Good), "{spelling:?}");
    }
    let tower = longshore_devkit::tower::Estate::small(1).full();
    assert!(!longshore::manifest::read::is_data_bundle(&tower, &Limits::for_manifests()));
}

#[test]
fn what_an_import_would_refuse_is_refused_in_its_words() {
    let manifest = Manifest::sample(Era::D).entitlement(Entitlement::new("e9", "p9", "EX-MISSING"));
    let findings = look(manifest.build(&Authority::new()), &options(&[]));
    assert_eq!(refusal(&findings), "refused (Manifest): entitlements/e9.json: product EX-MISSING is not in products/");
    // What can be shown is shown all the same.
    assert_eq!(findings.lists.products.len(), 5);
    let manifest = Manifest::sample(Era::D).without("consumer.json");
    let findings = look(manifest.build(&Authority::new()), &options(&[]));
    assert_eq!(refusal(&findings), "refused (Manifest): the manifest has no consumer.json");
    assert_eq!(findings.from.created.as_deref(), Some("2026-03-05T10:20:30Z"));
    assert_eq!(
        open(Manifest::sample(Era::D).beside("x", "y").build(&Authority::new()).into()).unwrap_err().kind,
        "Archive"
    );
}

#[test]
fn long_lists_are_cut_unless_all_is_asked_for_and_what_expired_comes_first_in_red() {
    let over = Entitlement::new("e00", "p0", "EX-SKU-1").dates(VALID_FROM, datetime!(2025-01-31 0:00 UTC));
    let many = (1..30).map(|n| Entitlement::new(&format!("e{n:02}"), &format!("p{n}"), "EX-SKU-1"));
    let manifest = many.fold(Manifest::sample(Era::C).entitlement(over), Manifest::entitlement);
    let findings = look(manifest.build(&Authority::new()), &options(&[]));
    let short = text::show(&findings, false, false);
    assert!(short.contains("32 subscriptions\n") && short.contains("\nand 12 more; --all shows them"), "{short}");
    assert!(!text::show(&findings, true, false).contains("--all"));
    assert!(!short.contains('\x1b'));
    assert!(text::show(&findings, false, true).contains("\x1b[31m2025-01-31 expired"));
    let first = &findings.lists.certificates[0];
    assert_eq!(
        (first.product.as_deref(), first.common_name.as_deref(), first.expired),
        (Some("EX-SKU-1"), Some("e00"), true)
    );
}
