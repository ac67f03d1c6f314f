//! `scheme.json`, and a certificate as the operator's trusted ones are read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longshore::manifest::{Scheme, TrustAnchors};

fuzz_target!(|bytes: &[u8]| {
    let _ = Scheme::parse(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = TrustAnchors::parse(&[("a file".into(), text.into())]);
    }
});
