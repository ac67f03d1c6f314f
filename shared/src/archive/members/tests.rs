use super::*;
use crate::archive::fixture::{Part, tar_gz, zip};
use proptest::prelude::*;

fn from_tar(files: &[(&str, &[u8])]) -> Result<Members, ArchiveError> {
    Members::tar_gz(&tar_gz(files), &Limits::for_manifests())
}

fn contents(members: &Members) -> Vec<(String, Vec<u8>)> {
    members.iter().map(|member| (member.name().to_owned(), member.read().unwrap())).collect()
}

fn names<'a>(members: impl Iterator<Item = Member<'a>>) -> Vec<&'a str> {
    members.map(|member| member.name()).collect()
}

#[test]
fn they_go_where_they_are_needed() {
    fn anywhere<T: Send + Sync + Clone + 'static>() {}
    fn moved<T: Send + 'static>() {}
    anywhere::<Members>();
    moved::<Expander>();
}

#[test]
fn a_tar_and_a_zip_come_to_the_same() {
    let text = b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let tar = from_tar(&[("./z/", b""), ("./z/b", text), ("/a", b"1"), ("z/a", b"")]).unwrap();
    let zip = Members::zip(
        zip(&[Part::file("z/", b""), Part::file("z/b", text), Part::file("a", b"1"), Part::file("z/a", b"")]).into(),
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(contents(&tar), contents(&zip));
    for members in [&tar, &zip] {
        assert_eq!((members.entries(), members.directories(), members.expanded_bytes()), (4, 1, 58));
        assert_eq!(members.names().collect::<Vec<_>>(), ["a", "z/a", "z/b"]);
        assert_eq!(members.get("z/b").unwrap().size(), 57);
        assert!(members.get("z/b").unwrap().packed().len() < 57);
        assert!(members.get("z/").is_none());
    }
}

#[test]
fn what_does_not_shrink_is_stored() {
    let members = from_tar(&[("a", b"x"), ("b", &[7; 100])]).unwrap();
    let stored: Vec<_> = members.iter().map(|member| member.is_stored()).collect();
    assert_eq!(stored, [true, false]);
    assert_eq!(members.get("a").unwrap().packed(), b"x");
}

#[test]
fn names_in_a_tar_are_as_strict_as_in_a_zip() {
    for name in ["../a", "a/../b", "a\\b", "a\nb", "c:a", "a//b"] {
        let error = from_tar(&[(name, b"1")]).unwrap_err();
        assert!(matches!(error, ArchiveError::RefusedEntry { .. }), "{name}: {error}");
    }
    for pair in [["a", "a"], ["./a", "a"], ["/a", "a"]] {
        let error = from_tar(&pair.map(|name| (name, &b"1"[..]))).unwrap_err();
        assert_eq!(error.to_string(), "entry a is there twice, which is refused");
    }
}

#[test]
fn a_tar_that_is_small_only_as_one_stream_is_refused() {
    // Random bytes, the same in each file: gzip sees the last ones, a file alone holds nothing twice.
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(8_000)
    .collect();
    let names: Vec<String> = (0..100).map(|number| format!("f{number}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &noise[..])).collect();
    let bytes = tar_gz(&files);
    let stored = 100 * 8_000 + names.iter().map(String::len).sum::<usize>() as u64;
    let limits = |compressed_bytes| Limits { compressed_bytes, ..Limits::default() };
    assert!((bytes.len() as u64) < stored / 10);
    assert!(Members::tar_gz(&bytes, &limits(stored)).is_ok());
    let error = Members::tar_gz(&bytes, &limits(stored - 1)).unwrap_err();
    assert_eq!(error.to_string(), "compressed bytes over the limit of 800289 at entry f99");
}

#[test]
fn a_directory_is_a_range_of_names() {
    let members = from_tar(&["a", "b/1", "b/2", "b0", "b-", "c/1"].map(|name| (name, &b""[..]))).unwrap();
    assert_eq!(names(members.under("b/")), ["b/1", "b/2"]);
    assert_eq!(names(members.under("")).len(), 6);
    assert!(names(members.under("bb")).is_empty());
    assert!(names(members.under("d")).is_empty());
}

#[test]
fn renaming_keeps_the_contents_and_the_order() {
    let members = from_tar(&[("export/b", b"1"), ("export/a", b"2"), ("d", b"3")]).unwrap();
    let renamed = members.renamed(|name| name.strip_prefix("export/")).unwrap();
    assert_eq!(contents(&renamed), [("a".into(), b"2".to_vec()), ("b".into(), b"1".to_vec())]);
    assert_eq!(renamed.entries(), 3);
    let error = members.renamed(|_| Some("same")).unwrap_err();
    assert_eq!(error.to_string(), "entry same is there twice, which is refused");
}

#[test]
fn one_expander_reads_large_and_small_and_survives_damage() {
    let large = vec![5; 100_000];
    let damaged = Part { crc: Some(1), ..Part::file("c", b"ccccccccccccccccccccc") };
    let parts = [Part::file("a", &large), Part::file("b", b"bbbbbbbbbbbbbbbbbbb"), damaged, Part::file("d", &large)];
    let members = Members::zip(zip(&parts).into(), &Limits::default()).unwrap();
    let mut expander = Expander::new();
    let mut buffer = b"left over".to_vec();
    for (member, part) in members.iter().zip(&parts) {
        let expected = (part.crc.is_none()).then_some(&part.content[..]);
        assert_eq!(expander.read(member).ok(), expected);
        assert_eq!(member.read_into(&mut buffer).is_ok(), expected.is_some());
        assert_eq!(buffer, expected.unwrap_or_default());
    }
    let error = expander.read(members.get("c").unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "member c: CRC differs");
}

#[test]
fn a_stored_file_is_shared_not_copied() {
    let bytes: Bytes = zip(&[Part { stored: true, ..Part::file("a", b"content") }]).into();
    let members = Members::zip(bytes.clone(), &Limits::default()).unwrap();
    let content = members.get("a").unwrap().to_bytes().unwrap();
    assert_eq!(content, "content");
    assert!(bytes.as_ptr_range().contains(&content.as_ptr()));
}

#[test]
fn nothing_shows_its_content() {
    let members = from_tar(&[("key.pem", b"secret")]).unwrap();
    let shown = format!("{members:?} {:?} {:?}", members.get("key.pem").unwrap(), Expander::new());
    assert!(!shown.contains("secret") && !shown.contains("115, 101"), "{shown}");
}

proptest! {
    #[test]
    fn a_repacked_tar_holds_what_it_held(
        files in prop::collection::btree_map("[a-z]{1,9}", prop::collection::vec(0u8..8, 0..2_000), 0..8)
    ) {
        let listed: Vec<(&str, &[u8])> = files.iter().rev().map(|(name, content)| (&**name, &**content)).collect();
        prop_assert_eq!(contents(&from_tar(&listed).unwrap()), files.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_make_a_tar_panic(mut bytes in prop::collection::vec(any::<u8>(), 2..600)) {
        bytes[..2].copy_from_slice(&[0x1f, 0x8b]);
        let _ = Members::tar_gz(&bytes, &Limits::for_manifests());
    }
}
