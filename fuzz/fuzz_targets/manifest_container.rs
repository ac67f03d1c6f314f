//! The bytes of a manifest or data bundle: as they are, as the export inside a sound manifest, and as the tar inside a
//! sound gzip. Whatever opens names its files once, in order, and a file that reads has the size that it declares.
#![no_main]

use flate2::{Compression, Crc, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use longshore::archive::{Expander, Limits};
use longshore::manifest::Container;
use std::io::Write;

fn open(bytes: Vec<u8>) {
    let limits = Limits { expanded_bytes: 1 << 20, entry_bytes: 1 << 16, entries: 100, ..Limits::for_manifests() };
    let Ok(container) = Container::open(bytes.into(), &limits) else { return };
    let names: Vec<&str> = container.files.names().collect();
    assert!(names.is_sorted_by(|a, b| a < b));
    let mut expander = Expander::new();
    for file in container.files.iter() {
        assert!(file.name().split('/').all(|part| !matches!(part, "" | "." | "..")));
        if let Ok(content) = expander.read(file) {
            assert_eq!(content.len(), file.size());
        }
    }
}

/// A manifest without a signature, its export stored.
fn manifest(export: &[u8]) -> Vec<u8> {
    let name = b"consumer_export.zip";
    let mut crc = Crc::new();
    crc.update(export);
    let [crc, size] = [crc.sum(), export.len() as u32].map(u32::to_le_bytes);
    let about = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &crc, &size, &size, &[name.len() as u8, 0, 0, 0]].concat();
    let mut zip = [b"PK\x03\x04", &about[..], name, export].concat();
    let start = (zip.len() as u32).to_le_bytes();
    let directory = [b"PK\x01\x02\x14\0", &about[..], &[0; 14], name].concat();
    zip.extend(&directory);
    let length = (directory.len() as u32).to_le_bytes();
    zip.extend([b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &length[..], &start, &[0, 0]].concat());
    zip
}

fuzz_target!(|bytes: &[u8]| {
    open(bytes.to_vec());
    open(manifest(bytes));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(bytes).unwrap();
    open(gzip.finish().unwrap());
});
