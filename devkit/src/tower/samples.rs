//! The archives that the sample events point to.

use serde_json::json;

use super::Estate;
use crate::archive::ArchiveBuilder;

/// What an archive that is refused for its size expands to: nothing, many times over.
const BLANKS: usize = 16 << 20;

/// Keys and bytes of what the local S3 server holds for the files in `events/`.
///
/// `incremental.tar.gz` belongs to the Tower of `full.tar.gz`: of each collection something changed,
/// got a new name, went and came back. The archive of the second source is another Tower's.
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let [before, after] = first_source();
    let page = |body: &[u8]| ArchiveBuilder::new().raw("/api/v2/job_templates/page1.json", body).build();
    let nameless = (0..20).map(|_| json!({"description": "an object without an id"}));
    vec![
        ("samples/full.tar.gz", before.full()),
        ("samples/incremental.tar.gz", after.incremental_since(&before)),
        ("samples/second-source.tar.gz", Estate::small(2).full()),
        ("samples/not-an-archive.tar.gz", b"This file is neither a gzip member nor a tar archive.\n".to_vec()),
        ("samples/broken-page.tar.gz", page(b"{\"count\": 1, \"results\": [{\"id\": 7,")),
        ("samples/bad-objects.tar.gz", ArchiveBuilder::new().collection("job_templates", nameless).build()),
        ("samples/too-large.tar.gz", page(&vec![b' '; BLANKS])),
    ]
}

/// The Tower of the first source, at the time of its full archive and at that of its incremental one.
pub(super) fn first_source() -> [Estate; 2] {
    let before = Estate::small(1).without(0.1);
    let after = before.restored().modified(0.1, 0).renamed(0.1, 5).without(0.1);
    [before, after]
}
