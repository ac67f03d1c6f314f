//! The value of a record that asks for a manifest: as it is, and as the `consumer` of a sound one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longshore::export::ExportMessage;
use longshore::kafka::{Payload, Record};

fn parse(value: Vec<u8>) {
    let record = Record {
        partition_key: "t-0".into(),
        topic: "t".into(),
        partition: 0,
        offset: 0,
        timestamp: None,
        key: None,
        value: Payload::Bytes(value),
        headers: Vec::new(),
    };
    if let Ok(message) = ExportMessage::parse(&record) {
        assert!(!message.caller.name().is_empty());
        let request = &message.request;
        let texts = [&request.cdn_label, &request.web_prefix, &request.api_url, &message.principal];
        let texts = texts.into_iter().flatten().chain([&request.consumer]);
        texts.for_each(|text| assert!(text.chars().count() <= 255 && !text.contains('\0')));
    }
}

fuzz_target!(|value: &[u8]| {
    parse(value.to_vec());
    let around = [&br#"{"org_id":"5","consumer":"#[..], value, b"}"];
    parse(around.concat());
});
