//! The value of a record that announces a manifest: as it is, and as the `metadata` of a sound one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longshore::candlepin::ManifestMessage;
use longshore::kafka::{Payload, Record};
use longshore::message::Parsed;

fn parse(value: Vec<u8>) {
    let record = Record {
        partition_key: "t-0".into(),
        topic: "t".into(),
        partition: 0,
        offset: 0,
        timestamp: None,
        key: None,
        value: Payload::Bytes(value),
        headers: vec![("service".into(), b"candlepin".to_vec())],
    };
    if let Ok(Parsed::Message(message)) = ManifestMessage::parse(&record) {
        assert!(!message.org().is_empty());
        assert!(message.force.is_sorted_by(|a, b| a < b));
        let names = [&message.principal, &message.file_name].into_iter().flatten();
        names.for_each(|name| assert!(name.chars().count() <= 255 && !name.contains('\0')));
    }
}

fuzz_target!(|value: &[u8]| {
    parse(value.to_vec());
    let around = [&br#"{"url":"https://x/","org_id":"5","metadata":"#[..], value, b"}"];
    parse(around.concat());
});
