//! A strict reader of zip files in memory.
//!
//! A zip tells of its members twice: in a header before each, and in the central directory at its end. Readers that
//! believe one or the other can see different files in one archive, and check a signature over the one and use the
//! other. Here both must agree, and headers, contents and directory must cover the file without a gap.
//! Formats are those of PKWARE's APPNOTE 6.3; sections are given where one matters.

mod central;
mod end;
mod fields;
mod local;
#[cfg(test)]
mod tests;

use super::limits::Expansion;
use super::members::{Method, Slot};
use super::{ArchiveError, Limit, Limits, name, too_large};
use central::Listed;
use end::End;

/// What a zip holds.
pub(super) struct Listing {
    /// Its files, in the order of their bytes.
    pub files: Vec<Slot>,
    /// How many directories it names.
    pub directories: u64,
    /// The name of one of them.
    pub a_directory: Option<Box<str>>,
    /// The sum of the sizes that its files declare, in bytes.
    pub expanded_bytes: u64,
}

/// Lists the files of a zip, checked in all but their contents: those are when they are read.
pub(super) fn list(bytes: &[u8], limits: &Limits, allowed: Expansion) -> Result<Listing, ArchiveError> {
    let end = End::find(bytes)?;
    if end.entries > limits.entries {
        return Err(too_large(Limit::Entries, limits.entries, None));
    }
    let mut listed = central::read(end.directory(bytes)?, end.entries)?;
    refuse_repeated(&listed)?;
    let expanded_bytes = check_sizes(&listed, limits, allowed)?;
    listed.sort_unstable_by_key(|member| member.offset);
    let mut files = Vec::with_capacity(listed.len());
    let mut a_directory = None;
    for (index, member) in listed.iter().enumerate() {
        let next = listed.get(index + 1).map_or(end.offset, |next| next.offset);
        let packed = local::locate(bytes, member, next)?;
        if member.is_directory() {
            refuse_full_directory(member, bytes.get(packed).unwrap_or_default())?;
            a_directory.get_or_insert_with(|| member.name.into());
        } else {
            files.push(member.slot(packed)?);
        }
    }
    refuse_bytes_in_front(&listed, end.offset)?;
    Ok(Listing { directories: (listed.len() - files.len()) as u64, files, a_directory, expanded_bytes })
}

/// `a` and `a/` are one name, too.
fn refuse_repeated(listed: &[Listed<'_>]) -> Result<(), ArchiveError> {
    let mut names: Vec<&str> = listed.iter().map(|member| member.name.trim_end_matches('/')).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(ArchiveError::RefusedEntry { entry: pair[0].into(), what: "there twice" }),
        None => Ok(()),
    }
}

fn check_sizes(listed: &[Listed<'_>], limits: &Limits, allowed: Expansion) -> Result<u64, ArchiveError> {
    let mut sum = 0u64;
    for member in listed {
        if member.size > limits.entry_bytes {
            return Err(too_large(Limit::EntryBytes, limits.entry_bytes, Some(member.name.into())));
        }
        sum = sum.saturating_add(member.size);
        if sum > allowed.maximum {
            return Err(too_large(allowed.limit, allowed.shown, Some(member.name.into())));
        }
    }
    Ok(sum)
}

fn refuse_full_directory(member: &Listed<'_>, packed: &[u8]) -> Result<(), ArchiveError> {
    // What DEFLATE makes of nothing.
    let empty = packed.is_empty() || (member.method == Method::Deflated && packed == [3, 0]);
    if empty && member.size == 0 && member.crc == 0 {
        return Ok(());
    }
    Err(ArchiveError::RefusedEntry { entry: member.name.into(), what: "a directory with content" })
}

/// The members are in order and each ends where the next starts; what is left is where the first one starts.
fn refuse_bytes_in_front(listed: &[Listed<'_>], directory: usize) -> Result<(), ArchiveError> {
    match listed.first().map_or(directory, |first| first.offset) {
        0 => Ok(()),
        _ => Err(damaged("bytes in front of its first member")),
    }
}

fn damaged(what: &'static str) -> ArchiveError {
    ArchiveError::DamagedZip { what }
}

fn damaged_member(member: &str, what: &'static str) -> ArchiveError {
    ArchiveError::DamagedMember { member: member.into(), what }
}

/// A name without `./` in front.
fn plain_name(raw: &[u8]) -> Result<&str, ArchiveError> {
    let Ok(mut plain) = str::from_utf8(raw) else {
        let entry = name::shown(&String::from_utf8_lossy(raw));
        return Err(ArchiveError::RefusedEntry { entry, what: "named in something other than UTF-8" });
    };
    while let Some(rest) = plain.strip_prefix("./") {
        plain = rest;
    }
    name::check(plain)?;
    Ok(plain)
}
