//! The archives that the sample events point to.

use super::Estate;

/// Keys and bytes of what the local S3 server holds for the files in `events/`.
///
/// `incremental.tar.gz` belongs to the Tower of `full.tar.gz`: of each collection something changed,
/// got a new name, went and came back. The archive of the second source is another Tower's.
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let [before, after] = first_source();
    vec![
        ("samples/full.tar.gz", before.full()),
        ("samples/incremental.tar.gz", after.incremental_since(&before)),
        ("samples/second-source.tar.gz", Estate::small(2).full()),
        ("samples/not-an-archive.tar.gz", b"This file is neither a gzip member nor a tar archive.\n".to_vec()),
    ]
}

/// The Tower of the first source, at the time of its full archive and at that of its incremental one.
pub(super) fn first_source() -> [Estate; 2] {
    let before = Estate::small(1).without(0.1);
    let after = before.restored().modified(0.1, 0).renamed(0.1, 5).without(0.1);
    [before, after]
}
