use super::*;
use crate::archive::fixture::{Part, tar_gz, zip, zip_with};
use crate::failure::Chain;
use proptest::prelude::*;

fn open(bytes: Vec<u8>) -> Result<Container, ContainerError> {
    Container::open(bytes.into(), &Limits::for_manifests())
}

fn refusal(bytes: Vec<u8>) -> String {
    Chain(&open(bytes).expect_err("it is refused")).to_string()
}

fn inner() -> Vec<u8> {
    let parts = [Part::file("export/meta.json", b"{}"), Part::file("export/products/100.json", b"{\"id\": 100}")];
    zip_with(&parts, b"Candlepin export for x", false)
}

fn outer(inner: &[u8]) -> [Part; 2] {
    [Part { descriptor: Some(16), ..Part::file("consumer_export.zip", inner) }, Part::file("signature", b"signed")]
}

fn with(inner: &[Part]) -> Vec<u8> {
    zip(&outer(&zip(inner)))
}

fn names(container: &Container) -> Vec<&str> {
    container.files.names().collect()
}

#[test]
fn a_manifest_gives_its_files_and_what_was_signed() {
    for stored in [false, true] {
        let [export, signature] = outer(&inner());
        let bytes: Bytes = zip_with(&[signature, Part { stored, ..export }], b"signed export", false).into();
        let container = Container::open(bytes.clone(), &Limits::for_manifests()).unwrap();
        assert_eq!(container.kind, Kind::Manifest);
        assert_eq!(container.signed, inner());
        assert_eq!(container.signature.as_deref(), Some(&b"signed"[..]));
        assert_eq!(names(&container), ["meta.json", "products/100.json"]);
        assert_eq!(container.files.get("meta.json").unwrap().read().unwrap(), b"{}");
        assert_eq!(bytes.as_ptr_range().contains(&container.signed.as_ptr()), stored, "a slice only when stored");
    }
}

#[test]
fn a_bundle_names_its_files_in_any_of_three_ways() {
    let bytes =
        tar_gz(&[("./", b""), ("/meta.json", b"{}"), ("./export/consumer.json", b"1"), ("products/1.json", b"2")]);
    let container = open(bytes.clone()).unwrap();
    assert_eq!(container.kind, Kind::DataBundle);
    assert_eq!((container.signed.to_vec(), container.signature.is_none()), (bytes, true));
    assert_eq!(names(&container), ["consumer.json", "meta.json", "products/1.json"]);
    assert_eq!(
        refusal(tar_gz(&[("meta.json", b"1"), ("/export/meta.json", b"2")])),
        "the data bundle is refused: entry meta.json is there twice, which is refused"
    );
}

#[test]
fn anything_else_is_told_by_its_start() {
    let unknown = "neither a manifest (a zip) nor a data bundle (gzip): it starts with";
    assert_eq!(refusal(b"{\"displayMessage\"".to_vec()), format!("{unknown} [7b, 22, 64, 69]"));
    assert_eq!(refusal(Vec::new()), format!("{unknown} []"));
    assert_eq!(refusal(b"PKzip".to_vec()), "the manifest is refused: not a zip file: it starts with [50, 4b, 7a, 69]");
}

#[test]
fn nothing_lies_beside_the_signed_zip() {
    let [export, signature] = outer(&inner());
    for name in ["export/", "export/entitlements/1.json", "README", "Signature", "export/signature"] {
        let parts = [export.clone(), Part::file(name, b""), signature.clone()];
        assert_eq!(
            refusal(zip(&parts)),
            format!(
                "the manifest holds {name}, which its signature does not cover; only consumer_export.zip and signature \
                 are accepted"
            )
        );
    }
    let twice = [export.clone(), export, signature.clone()];
    assert_eq!(
        refusal(zip(&twice)),
        "the manifest is refused: entry consumer_export.zip is there twice, which is refused"
    );
    assert_eq!(refusal(zip(&[signature])), "the manifest has no consumer_export.zip");
}

#[test]
fn a_missing_or_empty_signature_is_none() {
    let [export, _] = outer(&inner());
    assert_eq!(open(zip(std::slice::from_ref(&export))).unwrap().signature, None);
    assert_eq!(open(zip(&[export, Part::file("signature", b"")])).unwrap().signature, None);
}

#[test]
fn a_signature_has_at_most_64_kib() {
    let with = |size: usize| {
        let [export, _] = outer(&inner());
        open(zip(&[export, Part::file("signature", &vec![1; size])]))
    };
    assert_eq!(with(65_536).unwrap().signature.unwrap().len(), 65_536);
    let error = with(65_537).unwrap_err();
    assert_eq!(error.to_string(), "the manifest's signature has 65537 bytes, over the limit of 65536");
    assert_eq!(error.kind(), "ArchiveTooLarge");
}

#[test]
fn what_is_wrong_inside_names_the_inner_zip() {
    let part = "consumer_export.zip is refused";
    assert_eq!(refusal(zip(&outer(b"text"))), format!("{part}: not a zip file: it starts with [74, 65, 78, 74]"));
    let damaged = Part { local_name: Some("export/other.json".into()), ..Part::file("export/meta.json", b"{}") };
    assert_eq!(
        refusal(with(&[damaged])),
        format!("{part}: member export/meta.json: its header has another name than the directory")
    );
    let [export, signature] = outer(&inner());
    let crc = Part { crc: Some(1), ..export };
    assert_eq!(refusal(zip(&[crc, signature])), "the manifest is refused: member consumer_export.zip: CRC differs");
}

#[test]
fn an_archive_in_the_export_is_refused() {
    for name in ["export/a.zip", "export/products/100.JAR", "export/x.tar.gz", "beside.tgz"] {
        let parts = [Part::file("export/meta.json", b"{}"), Part::file(name, b"")];
        let text = format!("consumer_export.zip holds {name}, an archive of its own, which is refused");
        assert_eq!(refusal(with(&parts)), text);
    }
    let bundle = tar_gz(&[("meta.json", b"{}"), ("a.zip", b"")]);
    assert_eq!(refusal(bundle), "the data bundle holds a.zip, an archive of its own, which is refused");
    assert!(open(with(&[Part::file("export/products/gz", b""), Part::file("export/a.gz.json", b"")])).is_ok());
}

#[test]
fn an_export_without_files_is_refused() {
    let empty = "consumer_export.zip has no content: no file of an export is in it";
    assert_eq!(refusal(with(&[])), empty);
    assert_eq!(refusal(with(&[Part::file("export/", b""), Part::file("meta.json", b"{}")])), empty);
    assert_eq!(refusal(tar_gz(&[("export/", b"")])), "the data bundle has no content: no file of an export is in it");
}

#[test]
fn signed_files_outside_the_export_are_told_but_not_read() {
    let mut parts = vec![Part::file("export/meta.json", b"{}")];
    parts.extend((10..40).map(|number| Part::file(&format!("extra/{number}"), b"")));
    let container = open(with(&parts)).unwrap();
    assert_eq!(names(&container), ["meta.json"]);
    assert_eq!((container.ignored.len(), container.ignored[0].as_str()), (20, "extra/10"));
}

#[test]
fn the_limits_hold_for_both_zips_together() {
    let bytes = with(&[Part::file("export/a", &[b'a'; 5_000]), Part::file("export/b", &[b'b'; 5_000])]);
    let outer = Members::zip(bytes.clone().into(), &Limits::default()).unwrap().expanded_bytes();
    let limits = Limits { expanded_bytes: outer + 10_000, entries: 2, entry_bytes: 5_000, ..Limits::for_manifests() };
    let open = |limits: &Limits| Container::open(bytes.clone().into(), limits).map(|container| container.files.len());
    assert_eq!(open(&limits).unwrap(), 2);
    for beyond in [
        Limits { expanded_bytes: outer + 9_999, ..limits.clone() },
        Limits { entries: 1, ..limits.clone() },
        Limits { entry_bytes: 4_999, ..limits.clone() },
        Limits { compressed_bytes: bytes.len() as u64 - 1, ..limits.clone() },
    ] {
        assert_eq!(open(&beyond).unwrap_err().kind(), "ArchiveTooLarge");
    }
}

#[test]
fn a_zip_in_a_zip_expands_no_further_than_one() {
    // Each layer alone is within the ratio of 200; a bundle of zeros in a zip of zeros is not.
    let limits = Limits { entry_bytes: 64 << 20, ..Limits::for_manifests() };
    let inner = zip(&[Part::file("export/a", &vec![0; 20 << 20])]);
    let ratio = (20 << 20) / inner.len() as u64;
    let alone = Limits { expansion_ratio: ratio + 1, ..limits.clone() };
    assert!(Members::zip(inner.clone().into(), &alone).is_ok());
    let bytes = zip(&outer(&inner));
    assert!(bytes.len() < inner.len(), "the inner zip of zeros shrinks again");
    let error = Container::open(bytes.into(), &alone).unwrap_err();
    assert!(Chain(&error).to_string().starts_with("consumer_export.zip is refused: expansion ratio"), "{error}");
}

#[test]
fn an_export_of_2000_entitlements_fits_and_100_000_files_do_not() {
    let with_files = |count: usize| {
        let parts: Vec<Part> =
            (0..count).map(|number| Part { stored: true, ..Part::file(&format!("export/{number}"), b"") }).collect();
        let [_, signature] = outer(b"");
        // Beyond 65,535 members a zip counts them in its zip64 end.
        open(zip(&[Part::file("consumer_export.zip", &zip_with(&parts, b"", true)), signature]))
    };
    assert_eq!(with_files(10_000).unwrap().files.len(), 10_000);
    assert_eq!(with_files(50_000).unwrap().files.len(), 50_000);
    assert_eq!(with_files(50_001).unwrap_err().kind(), "ArchiveTooLarge");
    assert_eq!(with_files(100_000).unwrap_err().kind(), "ArchiveTooLarge");
}

#[test]
fn a_flipped_bit_is_found_or_changes_nothing() {
    let whole = zip(&outer(&inner()));
    let read = |bytes: Vec<u8>| -> Option<_> {
        let container = open(bytes).ok()?;
        let files: Option<Vec<_>> =
            container.files.iter().map(|file| Some((file.name().to_owned(), file.read().ok()?))).collect();
        Some((container.signed, container.signature, files?))
    };
    let expected = read(whole.clone()).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Some(found) = read(bytes) {
            assert_eq!(found, expected, "bit {} of byte {}", bit % 8, bit / 8);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), start in 0usize..3) {
        let start = [&b""[..], b"PK\x03\x04", b"\x1f\x8b\x08\0"][start];
        let _ = open([start, &bytes].concat());
        let _ = open(zip(&outer(&[start, &bytes].concat())));
    }
}
