//! The value of a record, with a header that names the service.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longshore::kafka::{Payload, Record};
use longshore::tower::Message;

fuzz_target!(|value: &[u8]| {
    let record = Record {
        partition_key: "t-0".into(),
        topic: "t".into(),
        partition: 0,
        offset: 0,
        timestamp: None,
        key: None,
        value: Payload::Bytes(value.to_vec()),
        headers: vec![("service".into(), b"catalog".to_vec())],
    };
    let _ = Message::parse(&record);
});
