//! A document that Lambda, or a function, left of records that failed, and the headers of traces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longshore::kafka::Event;
use longshore::replay::Again;
use longshore::trace::TraceParent;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(again) = Again::read(bytes) {
        // A function understands what it is handed.
        assert_eq!(Event::parse(&again.event).unwrap().records.len(), again.records);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(parent) = TraceParent::parse(text) {
        assert_eq!(TraceParent::parse(parent.as_str()), Some(parent));
    }
});
