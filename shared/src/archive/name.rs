//! Which names of files are accepted. Nothing is ever written to disk by such a name, but people and other tools read
//! them, so one file has one name that means the same everywhere.

use super::{ArchiveError, Limit, too_large};
use crate::failure::brief;

/// Longest path of POSIX.
pub(super) const NAME_BYTES: usize = 4 << 10;

/// How much of a refused name an error shows, in bytes.
const SHOWN_BYTES: usize = 200;

/// Refuses names that lead out of the archive or that others would read differently. A directory's ends with `/`.
pub(super) fn check(name: &str) -> Result<(), ArchiveError> {
    if name.len() > NAME_BYTES {
        return Err(too_large(Limit::NameBytes, NAME_BYTES as u64, Some(shown(name))));
    }
    match problem(name) {
        Some(what) => Err(ArchiveError::RefusedEntry { entry: shown(name), what }),
        None => Ok(()),
    }
}

/// As [`check`], for a name that is a file's.
pub(super) fn check_file(name: &str) -> Result<(), ArchiveError> {
    if name.ends_with('/') {
        return Err(ArchiveError::RefusedEntry { entry: shown(name), what: "named as a directory" });
    }
    check(name)
}

/// A name that may be anything, for an error: short, and without characters that act on a terminal or a log.
pub(super) fn shown(name: &str) -> String {
    if name.is_empty() { "(unnamed)".into() } else { brief(&name.escape_debug().to_string(), SHOWN_BYTES) }
}

fn problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("without a name");
    }
    if name.starts_with('/') {
        return Some("named with an absolute path");
    }
    if name.contains('\\') {
        return Some("named with a backslash");
    }
    if name.chars().any(char::is_control) {
        return Some("named with a control character");
    }
    if matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic()) {
        return Some("named with a drive letter");
    }
    name.strip_suffix('/').unwrap_or(name).split('/').find_map(|part| match part {
        ".." => Some("named with a `..`"),
        "." | "" => Some("named with an empty part or a `.`"),
        _ => None,
    })
}
