//! The bytes of an archive: as they are, and as the tar inside a sound gzip, which a fuzzer would hardly make itself.
#![no_main]

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use longshore::archive::Limits;
use longshore::tower::{Object, Sink, Stopped, read};
use std::io::Write;

struct Nowhere;

impl Sink for Nowhere {
    fn put(&mut self, _: Object<'_>) -> Result<(), Stopped> {
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { expanded_bytes: 1 << 20, entry_bytes: 1 << 16, entries: 100, ..Limits::default() };
    let _ = read(bytes, &limits, &mut Nowhere);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(bytes).unwrap();
    let _ = read(&gzip.finish().unwrap(), &limits, &mut Nowhere);
});
