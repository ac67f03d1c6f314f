//! Ways to compress and to damage an archive.

use std::io::Write as _;

use flate2::{Compression, GzBuilder};

/// `bytes` as one gzip member; `level` goes from 0 (stored) to 9.
#[expect(clippy::expect_used, reason = "the only writer is a vector, which does not fail")]
pub fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::new(level.min(9)));
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// The first `n` bytes, as a transfer that broke off leaves them; all of them when there are fewer.
pub fn truncated(bytes: &[u8], n: usize) -> Vec<u8> {
    bytes.get(..n).unwrap_or(bytes).to_vec()
}

/// A copy in which every bit of the byte at `at` is turned over; no change when `at` is past the end.
pub fn flip_byte(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    if let Some(byte) = copy.get_mut(at) {
        *byte = !*byte;
    }
    copy
}
