use super::*;
use ::tar::EntryType;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::io::Write;

#[derive(Default)]
struct Names(Vec<String>);

impl Visit for Names {
    type Error = ArchiveError;
    fn wants(&mut self, name: &str) -> Result<bool, ArchiveError> {
        Ok(!name.ends_with(".txt"))
    }
    fn file(&mut self, entry: Entry<'_>) -> Result<(), ArchiveError> {
        self.0.push(format!("{} {}", entry.name, entry.content.len()));
        Ok(())
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar(entries: &[(&str, EntryType, usize)]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, kind, size) in entries {
        let mut header = ::tar::Header::new_ustar();
        // `set_path` refuses absolute names, which is just what the worker writes.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(*size as u64);
        header.set_cksum();
        builder.append(&header, &vec![b'x'; *size][..]).unwrap();
    }
    builder.into_inner().unwrap()
}

fn read_all(bytes: &[u8], limits: &Limits) -> Result<(Vec<String>, Totals), ArchiveError> {
    let mut names = Names::default();
    let totals = read(bytes, limits, &mut names)?;
    Ok((names.0, totals))
}

#[test]
fn three_spellings_directories_and_ignored_files() {
    let bytes = tar(&[
        ("./", EntryType::Directory, 0),
        ("/api/v2/a.json", EntryType::Regular, 3),
        ("./api/v2/b.json", EntryType::Regular, 600),
        ("api/v2/", EntryType::Regular, 0),
        ("api/v2/c.json", EntryType::Continuous, 0),
        ("readme.txt", EntryType::Regular, 9),
    ]);
    let (names, totals) = read_all(&gzip(&bytes), &Limits::default()).unwrap();
    assert_eq!(names, ["api/v2/a.json 3", "api/v2/b.json 600", "api/v2/c.json 0"]);
    assert_eq!((totals.entries, totals.ignored, totals.end_marker), (6, 1, true));
}

#[test]
fn links_sparse_files_and_devices_are_refused() {
    use EntryType as T;
    for kind in [T::Symlink, T::Link, T::GNUSparse, T::Char, T::Block, T::Fifo] {
        let error = read_all(&gzip(&tar(&[("a.json", kind, 0)])), &Limits::default()).unwrap_err();
        assert!(matches!(error, ArchiveError::RefusedEntry { .. }), "{kind:?}: {error}");
    }
}

#[test]
fn each_limit_is_checked_while_reading() {
    let bytes = gzip(&tar(&[("a.json", EntryType::Regular, 40_000_000), ("b.json", EntryType::Regular, 1)]));
    let is = |limits: Limits| match read_all(&bytes, &limits).unwrap_err() {
        ArchiveError::TooLarge { limit, .. } => limit,
        other => panic!("{other}"),
    };
    let wide = Limits { entry_bytes: 1 << 30, expansion_ratio: 1_000, ..Limits::default() };
    assert!(read_all(&bytes, &wide).is_ok());
    assert_eq!(is(Limits { entry_bytes: 39_999_999, ..wide.clone() }), Limit::EntryBytes);
    assert_eq!(is(Limits { expanded_bytes: 30_000_000, ..wide.clone() }), Limit::ExpandedBytes);
    assert_eq!(is(Limits { expansion_ratio: 100, ..wide.clone() }), Limit::ExpansionRatio);
    assert_eq!(is(Limits { entries: 1, ..wide }), Limit::Entries);
    let long_name = gzip(&tar(&[("n", EntryType::GNULongName, 70_000)]));
    assert!(matches!(
        read_all(&long_name, &Limits::default()),
        Err(ArchiveError::TooLarge { limit: Limit::NameBytes, .. })
    ));
}

#[test]
fn what_is_cut_or_damaged_anywhere_is_refused() {
    let tar = tar(&[("a.json", EntryType::Regular, 5_000), ("b.json", EntryType::Regular, 700)]);
    let whole = gzip(&tar);
    for length in 2..whole.len() {
        assert!(read_all(&whole[..length], &Limits::default()).is_err(), "cut at {length}");
    }
    assert!(matches!(read_all(b"plain text", &Limits::default()), Err(ArchiveError::NotGzip { .. })));
    assert!(matches!(read_all(b"", &Limits::default()), Err(ArchiveError::NotGzip { .. })));
    let cut = read_all(&gzip(&tar[..2_000]), &Limits::default());
    assert!(matches!(cut, Err(ArchiveError::CutEntry { found: 1_488, expected: 5_000, .. })), "{cut:?}");
    let mut damaged = whole.clone();
    let crc = damaged.len() - 6;
    damaged[crc] ^= 1;
    assert!(matches!(read_all(&damaged, &Limits::default()), Err(ArchiveError::Damaged { .. })));
}

#[test]
fn a_missing_end_marker_is_told() {
    let tar = tar(&[("a.json", EntryType::Regular, 512)]);
    let (_, totals) = read_all(&gzip(&tar[..1_024]), &Limits::default()).unwrap();
    assert!(!totals.end_marker);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(tar in proptest::collection::vec(any::<u8>(), 0..3_000)) {
        let _ = read_all(&tar, &Limits::default());
        let _ = read_all(&gzip(&tar), &Limits::default());
    }

    #[test]
    fn a_flipped_bit_never_changes_content_silently(at in 0usize..2_048, bit in 0u8..8) {
        let mut tar = tar(&[("a.json", EntryType::Regular, 512)]);
        prop_assume!(at < 512); // the header, which has a checksum of its own
        let (names, _) = read_all(&gzip(&tar), &Limits::default()).unwrap();
        tar[at] ^= 1 << bit;
        // The checksum's own padding may be anything.
        if let Ok((found, _)) = read_all(&gzip(&tar), &Limits::default()) {
            prop_assert_eq!(found, names);
        }
    }
}
