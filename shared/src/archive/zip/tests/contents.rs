//! Contents, and what they may cost.

use super::{contents, open, refusal};
use crate::archive::fixture::{Part, deflate, zip};
use crate::archive::{ArchiveError, Limit, Limits, Members};
use crate::failure::Classified;

#[test]
fn content_must_be_what_is_declared() {
    let long = deflate(&[b'x'; 100_000]);
    let part = |packed: &[u8], size| Part {
        packed: Some(packed.into()),
        size: Some(size),
        crc: Some(crc32fast::hash(b"xx")),
        ..Part::file("a", b"")
    };
    assert!(contents(zip(&[part(&deflate(b"xx"), 2)])).is_ok());
    let trailed = [&deflate(b"xx")[..], b"PK"].concat();
    for (part, text) in [
        (part(&long, 2), "it expands to more than it declares"),
        (part(&deflate(b"xx"), 3), "it expands to less than it declares"),
        (part(&deflate(b"xy"), 2), "CRC differs"),
        (part(&deflate(b"xx")[..3], 2), "its compressed content is cut"),
        (part(b"", 2), "its compressed content is cut"),
        (part(&[0xff; 9], 2), "its compressed content is damaged"),
        (part(&trailed, 2), "bytes follow its compressed content"),
        (Part { stored: true, ..part(b"xxx", 2) }, "it is stored, but its two sizes differ"),
        (Part { stored: true, ..part(b"xy", 2) }, "CRC differs"),
    ] {
        assert_eq!(refusal(&[part]), format!("member a: {text}"));
    }
}

#[test]
fn each_limit_holds_at_its_edge_and_not_beyond() {
    let bytes = zip(&[Part::file("a", &[0; 600]), Part::file("b", &[0; 400]), Part::file("c/", b"")]);
    let limits = Limits {
        compressed_bytes: bytes.len() as u64,
        expanded_bytes: 1_000,
        entries: 3,
        entry_bytes: 600,
        ..Limits::default()
    };
    let open = |limits: &Limits| Members::zip(bytes.clone().into(), limits);
    assert_eq!(open(&limits).unwrap().expanded_bytes(), 1_000);
    for (limits, expected) in [
        (Limits { compressed_bytes: limits.compressed_bytes - 1, ..limits.clone() }, Limit::CompressedBytes),
        (Limits { expanded_bytes: 999, ..limits.clone() }, Limit::ExpandedBytes),
        (Limits { entries: 2, ..limits.clone() }, Limit::Entries),
        (Limits { entry_bytes: 599, ..limits.clone() }, Limit::EntryBytes),
    ] {
        let error = open(&limits).unwrap_err();
        assert!(matches!(error, ArchiveError::TooLarge { limit, .. } if limit == expected), "{error}");
        assert_eq!(error.kind(), "ArchiveTooLarge");
    }
    let name = |length| Members::zip(zip(&[Part::file(&"n".repeat(length), b"")]).into(), &Limits::default());
    assert!(name(4_096).is_ok());
    assert!(matches!(name(4_097), Err(ArchiveError::TooLarge { limit: Limit::NameBytes, .. })));
}

#[test]
fn the_ratio_is_counted_beyond_16_mib() {
    let zeros = |size: usize| {
        let bytes = zip(&[Part::file("a", &vec![0; size])]);
        let limits = Limits { expansion_ratio: 50, ..Limits::default() };
        assert!(bytes.len() * 50 < size);
        Members::zip(bytes.into(), &limits)
    };
    assert!(zeros(16 << 20).is_ok());
    assert!(matches!(zeros((16 << 20) + 1), Err(ArchiveError::TooLarge { limit: Limit::ExpansionRatio, .. })));
}

#[test]
fn other_files_are_told_by_their_start() {
    let error = open(b"<html>".to_vec()).unwrap_err();
    assert_eq!(error.to_string(), "not a zip file: it starts with [3c, 68, 74, 6d]");
    assert!(matches!(open(Vec::new()), Err(ArchiveError::NotZip { .. })));
}
