//! The header in front of each member, held against the central directory.

use super::central::{EFFORT, Listed, STREAMED, UTF8};
use super::damaged_member;
use super::fields::{self, Common, Fields, IN_ZIP64};
use crate::archive::ArchiveError;
use crate::archive::members::Method;
use std::ops::Range;

/// Where a member's compressed content lies. Its header, name, content and what follows must end exactly at `next`,
/// where the next member or the central directory starts.
pub(super) fn locate(bytes: &[u8], member: &Listed<'_>, next: usize) -> Result<Range<usize>, ArchiveError> {
    let damaged = |what| damaged_member(member.name, what);
    let mut rest = Fields(bytes.get(member.offset..next).unwrap_or_default());
    let header = Header::take(&mut rest).ok_or_else(|| damaged("its header is not where the directory says"))?;
    header.check(member)?;
    let start = next - rest.0.len();
    let packed = rest.bytes(member.packed).ok_or_else(|| damaged("it overlaps with what follows it"))?;
    let ends = if member.flags & STREAMED == 0 { rest.0.is_empty() } else { describes(rest, member) };
    match (ends, rest.0.is_empty()) {
        (true, _) => Ok(start..start + packed.len()),
        (false, true) => Err(damaged("its data descriptor is missing")),
        (false, false) => Err(damaged("bytes that are no part of it follow it")),
    }
}

/// A local header (4.3.7).
struct Header<'a> {
    common: Common,
    name: &'a [u8],
    extra: &'a [u8],
}

impl<'a> Header<'a> {
    fn take(rest: &mut Fields<'a>) -> Option<Self> {
        if rest.bytes(4)? != b"PK\x03\x04" {
            return None;
        }
        rest.u16()?; // version
        let common = Common::take(rest)?;
        let [name, extra] = [rest.u16()?, rest.u16()?];
        let [name, extra] = [rest.bytes(name.into())?, rest.bytes(extra.into())?];
        Some(Self { common, name, extra })
    }

    fn check(&self, member: &Listed<'_>) -> Result<(), ArchiveError> {
        let damaged = |what| Err(damaged_member(member.name, what));
        let Common { flags, method, crc, .. } = self.common;
        if self.name != member.raw_name {
            return damaged("its header has another name than the directory");
        }
        if method != (if member.method == Method::Stored { 0 } else { 8 }) {
            return damaged("its header has another method than the directory");
        }
        // Where the flag matters, it decides how the name is read.
        let informative = if self.name.is_ascii() { EFFORT | UTF8 } else { EFFORT };
        if (flags ^ member.flags) & !informative != 0 {
            return damaged("its header has other flags than the directory");
        }
        let [size, packed] = self.sizes(member.name)?;
        // Who streams writes the header before he knows them.
        let same = |here: u64, listed: u64| here == listed || (here == 0 && flags & STREAMED != 0);
        if !same(size, member.size) || !same(packed, member.packed) || !same(crc.into(), member.crc.into()) {
            return damaged("its header has another size or CRC than the directory");
        }
        Ok(())
    }

    /// Both sizes. Where one is in the zip64 field, both are (4.5.3).
    fn sizes(&self, name: &str) -> Result<[u64; 2], ArchiveError> {
        let mut zip64 = fields::zip64(self.extra, self.name, name)?;
        let here = &self.common;
        let [size, packed] = [fields::wide(here.size, &mut zip64), fields::wide(here.packed, &mut zip64)];
        match (size, packed) {
            (Some(size), Some(packed)) if (here.size == IN_ZIP64) == (here.packed == IN_ZIP64) => Ok([size, packed]),
            _ => Err(damaged_member(name, "its header's zip64 field is missing or cut")),
        }
    }
}

/// Whether this is the member's data descriptor (4.3.9): with a signature or without, sizes of 32 or 64 bits. No two
/// of its four forms have one length.
fn describes(mut rest: Fields<'_>, member: &Listed<'_>) -> bool {
    let (signed, wide) = match rest.0.len() {
        12 => (false, false),
        16 => (true, false),
        20 => (false, true),
        24 => (true, true),
        _ => return false,
    };
    if signed && rest.bytes(4) != Some(b"PK\x07\x08") {
        return false;
    }
    let crc = rest.u32();
    let mut size = || if wide { rest.u64() } else { rest.u32().map(u64::from) };
    crc == Some(member.crc) && size() == Some(member.packed) && size() == Some(member.size)
}
