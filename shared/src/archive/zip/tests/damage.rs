//! Any zip, and any damage to one.

use super::contents;
use crate::archive::fixture::{Part, extra_field, zip_with};
use proptest::prelude::*;

fn small() -> Vec<u8> {
    let parts = [
        Part { extra: extra_field(0x5455, &[1, 2, 3, 4, 5]), ..Part::file("export/a.json", b"{\"a\": 1}") },
        Part { descriptor: Some(16), ..Part::file("export/b.json", b"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb") },
        Part { stored: true, ..Part::file("c", b"stored") },
        Part::file("d/", b""),
    ];
    zip_with(&parts, b"a comment", false)
}

#[test]
fn a_flipped_bit_is_found_or_changes_nothing() {
    let whole = small();
    let expected = contents(whole.clone()).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(found) = contents(bytes) {
            assert_eq!(found, expected, "bit {} of byte {}", bit % 8, bit / 8);
        }
    }
}

#[test]
fn a_cut_zip_is_refused() {
    let whole = small();
    for length in 0..whole.len() {
        assert!(contents(whole[..length].to_vec()).is_err(), "cut at {length}");
    }
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let content = prop::collection::vec(0u8..4, 0..300);
    let form = (content, any::<bool>(), prop::option::of(prop::sample::select(vec![12, 16, 20, 24])), any::<bool>());
    prop::collection::btree_map("[a-zé]{1,4}(/[a-z. ]{0,3}[a-z]){0,2}", form, 0..12).prop_map(|files| {
        let part = |(name, (content, stored, descriptor, zip64)): (String, _)| Part {
            name: name.into(),
            content,
            stored,
            descriptor,
            zip64,
            ..Part::default()
        };
        files.into_iter().map(part).rev().collect()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_in_order_of_name(parts in parts(), comment in "[a-z ]{0,20}", end64: bool) {
        let found = contents(zip_with(&parts, comment.as_bytes(), end64)).unwrap();
        let mut expected: Vec<_> =
            parts.iter().map(|part| (String::from_utf8(part.name.clone()).unwrap(), part.content.clone())).collect();
        expected.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>()) {
        let _ = contents([&b"PK\x03\x04"[..], &bytes, b"PK\x05\x06"].concat());
        let mut sound = small();
        let at = at.index(sound.len());
        sound.splice(at..(at + bytes.len() / 8).min(small().len()), bytes);
        let _ = contents(sound);
    }
}
