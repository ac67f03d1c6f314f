use super::*;
use crate::aws::Aws;
use crate::secret_source::SecretSource;
use aws_config::{BehaviorVersion, SdkConfig};
use proptest::prelude::*;

const KEY_1: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const KEY_2: &str = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU=";

fn keyring(current: &str, keys: &[(&str, &str)]) -> Result<Keyring, KeyError> {
    let keys: BTreeMap<_, _> = keys.iter().copied().collect();
    Keyring::parse(&serde_json::json!({ "current": current, "keys": keys }).to_string())
}

#[test]
fn what_was_sealed_opens_in_its_place() {
    let ring = keyring("k1", &[("k1", KEY_1)]).unwrap();
    let sealed = ring.seal("cp_certificate/7", b"a private key").unwrap();
    assert_eq!((sealed.key_id.as_str(), sealed.bytes[0], sealed.bytes.len()), ("k1", 1, 1 + 12 + 13 + 16));
    assert_eq!(ring.open("cp_certificate/7", &sealed).unwrap(), b"a private key");
    assert_eq!(ring.open_text("cp_certificate/7", &sealed).unwrap().expose(), "a private key");
    assert_ne!(ring.seal("cp_certificate/7", b"a private key").unwrap(), sealed, "the nonce is new each time");
}

#[test]
fn a_value_moved_to_another_row_does_not_open() {
    let ring = keyring("k1", &[("k1", KEY_1)]).unwrap();
    let sealed = ring.seal("cp_certificate/7", b"a private key").unwrap();
    let error = ring.open("cp_certificate/8", &sealed).unwrap_err();
    assert!(matches!(error, KeyError::Damaged { .. }) && !error.is_transient(), "{error}");
}

#[test]
fn after_a_rotation_old_values_open_and_new_ones_use_the_new_key() {
    let old = keyring("k1", &[("k1", KEY_1)]).unwrap().seal("c", b"old").unwrap();
    let ring = keyring("k2", &[("k1", KEY_1), ("k2", KEY_2)]).unwrap();
    assert_eq!(ring.open("c", &old).unwrap(), b"old");
    assert_eq!(ring.seal("c", b"new").unwrap().key_id, "k2");
    let error = keyring("k2", &[("k2", KEY_2)]).unwrap().open("c", &old).unwrap_err();
    assert!(matches!(&error, KeyError::UnknownKey(id) if id == "k1") && error.is_transient(), "{error}");
    let replaced = keyring("k1", &[("k1", KEY_2)]).unwrap();
    assert!(matches!(replaced.open("c", &old), Err(KeyError::Damaged { .. })));
}

#[test]
fn each_flipped_bit_and_each_cut_is_noticed() {
    let ring = keyring("k1", &[("k1", KEY_1)]).unwrap();
    let sealed = ring.seal("c", b"secret").unwrap();
    let opens = |bytes: Vec<u8>| ring.open("c", &Sealed { key_id: "k1".into(), bytes }).is_ok();
    for bit in 0..sealed.bytes.len() * 8 {
        let mut bytes = sealed.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!opens(bytes), "bit {bit}");
    }
    for length in 0..sealed.bytes.len() {
        assert!(!opens(sealed.bytes[..length].to_vec()), "cut at {length}");
    }
    assert!(opens(sealed.bytes));
}

#[test]
fn malformed_keys_are_refused_without_showing_them() {
    let long = "k".repeat(65);
    let cases: [(&str, &[(&str, &str)]); 6] = [
        ("k2", &[("k1", KEY_1)]),
        ("k1", &[("k1", "c2hvcnQ=")]),
        ("k1", &[("k1", "not base64!")]),
        ("", &[("", KEY_1)]),
        ("k 1", &[("k 1", KEY_1)]),
        (&long, &[(&long, KEY_1)]),
    ];
    for (current, keys) in cases {
        let error = keyring(current, keys).unwrap_err();
        assert!(matches!(error, KeyError::Malformed(_)), "{current}");
        assert!(keys.iter().all(|(_, key)| !format!("{error} {error:?}").contains(key)), "{error}");
    }
    let error = Keyring::parse(&format!(r#"{{"current":"k1","keys":"{KEY_1}"}}"#)).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(KEY_1), "{error}");
}

#[test]
fn debug_output_holds_no_key_and_no_value() {
    let ring = keyring("k1", &[("k1", KEY_1), ("k2", KEY_2)]).unwrap();
    let sealed = ring.seal("c", b"secret").unwrap();
    assert_eq!(format!("{ring:?}"), r#"Keyring { current: "k1", keys: ["k1", "k2"] }"#);
    assert_eq!(format!("{sealed:?}"), r#"Sealed("k1", 35 bytes)"#);
}

fn aws() -> Aws {
    Aws::with_config(SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build())
}

#[tokio::test]
async fn without_a_source_the_error_names_the_setting() {
    let error = Keys::new(None, &aws()).get().await.unwrap_err();
    assert!(error.to_string().contains("LONGSHORE_KEYS") && error.is_transient(), "{error}");
}

#[tokio::test]
async fn a_key_added_later_is_found_by_reading_again() {
    let file = std::env::temp_dir().join(format!("longshore-keys-{}", uuid::Uuid::new_v4()));
    let write = |current: &str| {
        let json = serde_json::json!({ "current": current, "keys": { "k1": KEY_1, current: KEY_2 } });
        std::fs::write(&file, json.to_string()).unwrap();
    };
    write("k2");
    let keys = Keys::new(Some(SecretSource::File(file.clone())), &aws());
    assert_eq!(keys.get().await.unwrap().current(), "k2");
    write("k3");
    assert_eq!(keys.get().await.unwrap().current(), "k2", "read once");
    let sealed = keyring("k3", &[("k3", KEY_2)]).unwrap().seal("c", b"text").unwrap();
    assert_eq!(keys.open_text("c", &sealed).await.unwrap().expose(), "text");
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(keys.reload().await, Err(KeyError::Unavailable { .. })));
    assert_eq!(keys.get().await.unwrap().current(), "k3", "what was read stays");
}

proptest! {
    #[test]
    fn any_value_comes_back(plain in proptest::collection::vec(any::<u8>(), 0..300), context in ".{0,40}") {
        let ring = keyring("k1", &[("k1", KEY_1)]).unwrap();
        let sealed = ring.seal(&context, &plain).unwrap();
        prop_assert_eq!(ring.open(&context, &sealed).unwrap(), plain);
    }
}
