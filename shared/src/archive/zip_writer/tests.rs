use super::ZipWriter;
use crate::archive::{Limits, Members};
use flate2::Compression;
use proptest::prelude::*;
use std::io::Write as _;
use time::OffsetDateTime;
use time::macros::datetime;

const TIME: OffsetDateTime = datetime!(2026-03-05 10:20:30 UTC);

fn zip(files: &[(String, Vec<u8>)], comment: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Vec::new(), Compression::default(), TIME);
    for (name, content) in files {
        zip.file(name, content).unwrap();
    }
    zip.finish(comment).unwrap()
}

fn contents(zip: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let limits = Limits { entries: 1 << 20, expansion_ratio: 1_100, ..Limits::for_manifests() };
    let members = Members::zip(zip.into(), &limits).unwrap();
    members.iter().map(|member| (member.name().to_owned(), member.read().unwrap())).collect()
}

#[test]
fn a_member_is_deflated_streamed_and_of_its_time() {
    let zip = zip(&[("export/a".into(), b"aaaa".to_vec())], "for people");
    // Version 2.0, streamed, DEFLATE, 10:20:30, 2026-03-05, no numbers yet, 8 bytes of name.
    let time = [0x8f, 0x52, 0x65, 0x5c];
    let header = [&b"PK\x03\x04\x14\0\x08\0\x08\0"[..], &time, &[0; 12], b"\x08\0\0\0export/a"].concat();
    assert!(zip.starts_with(&header), "{zip:02x?}");
    assert!(zip.ends_with(b"\x0a\0for people"), "{zip:02x?}");
    assert!(!zip.windows(4).any(|bytes| bytes == b"PK\x06\x06"), "zip64 is not needed");
}

#[test]
fn more_members_than_16_bits_count_are_written_with_zip64() {
    for count in [65_534, 65_535, 65_536] {
        let files: Vec<_> = (0..count).map(|n| (format!("{n:05}"), Vec::new())).collect();
        let zip = zip(&files, "");
        assert_eq!(zip.windows(4).any(|bytes| bytes == b"PK\x06\x06"), count > 65_534);
        assert_eq!(contents(zip), files);
    }
}

#[test]
fn a_zip_is_a_member_of_another() {
    let mut outer = ZipWriter::new(Vec::new(), Compression::none(), TIME);
    outer.start("inner.zip").unwrap();
    let mut inner = ZipWriter::new(outer, Compression::default(), TIME);
    inner.file("a", b"content").unwrap();
    let mut outer = inner.finish("inner").unwrap();
    outer.end().unwrap();
    let files = contents(outer.finish("outer").unwrap());
    assert_eq!(files[0].0, "inner.zip");
    assert_eq!(contents(files[0].1.clone()), [("a".to_owned(), b"content".to_vec())]);
}

#[test]
fn names_that_lead_out_are_refused() {
    let mut zip = ZipWriter::new(Vec::new(), Compression::default(), TIME);
    for name in ["", "/a", "../a", "a/../b", "a\\b", "a/", "a\0"] {
        assert!(zip.start(name).is_err(), "{name:?}");
    }
}

#[test]
fn what_is_out_of_turn_is_an_error() {
    let mut zip = ZipWriter::new(Vec::new(), Compression::default(), TIME);
    assert!(zip.write_all(b"nowhere").is_err());
    assert!(zip.end().is_err());
    zip.start("a").unwrap();
    assert!(zip.start("b").is_err());
    assert!(zip.finish("").is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        contents_of in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..200), 1usize..2_000), 0..8),
        level in 0u32..=9,
        comment in "[a-zé ]{0,20}",
    ) {
        let mut zip = ZipWriter::new(Vec::new(), Compression::new(level), TIME);
        let mut expected = Vec::new();
        for (n, (content, times)) in contents_of.into_iter().enumerate() {
            let (name, content) = (format!("export/é{n}"), content.repeat(times));
            zip.start(&name).unwrap();
            for piece in content.chunks(1_000) {
                zip.write_all(piece).unwrap();
            }
            zip.end().unwrap();
            expected.push((name, content));
        }
        prop_assert_eq!(contents(zip.finish(&comment).unwrap()), expected);
    }
}
