//! An invocation payload: whatever it is, it is refused or decoded, and decoding twice gives the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longshore::kafka::Event;

fuzz_target!(|payload: &str| {
    if let Ok(event) = Event::parse(payload) {
        assert_eq!(Event::parse(payload).unwrap(), event);
    }
});
