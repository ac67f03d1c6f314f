//! The central directory: what a zip says of its members, in one place.

use super::fields::{self, Common, Fields};
use super::{damaged, damaged_member, plain_name};
use crate::archive::ArchiveError;
use crate::archive::members::{Method, Slot};
use std::ops::Range;

/// A member's general purpose flags (4.4.4).
pub(super) const STREAMED: u16 = 1 << 3;
pub(super) const UTF8: u16 = 1 << 11;
/// How hard the compressor tried. Informative.
pub(super) const EFFORT: u16 = 0b110;
/// Encrypted; strongly; with its headers masked.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;

/// A member as the central directory lists it.
pub(super) struct Listed<'a> {
    /// Without `./` in front; a directory's ends with `/`.
    pub name: &'a str,
    /// As it is written.
    pub raw_name: &'a [u8],
    pub flags: u16,
    pub method: Method,
    pub crc: u32,
    /// Length of its compressed content, in bytes.
    pub packed: u64,
    /// Length of its content, in bytes.
    pub size: u64,
    /// Where its local header starts.
    pub offset: usize,
}

impl Listed<'_> {
    pub fn is_directory(&self) -> bool {
        self.name.ends_with('/')
    }

    /// As a file whose compressed content lies at `packed`.
    pub fn slot(&self, packed: Range<usize>) -> Result<Slot, ArchiveError> {
        if self.method == Method::Stored && self.packed != self.size {
            return Err(damaged_member(self.name, "it is stored, but its two sizes differ"));
        }
        let size = usize::try_from(self.size).map_err(|_| damaged_member(self.name, "it does not fit into memory"))?;
        Ok(Slot { name: self.name.into(), packed, size, crc: self.crc, method: self.method })
    }
}

/// Reads the whole directory, which must hold exactly `entries` members.
pub(super) fn read(directory: &[u8], entries: u64) -> Result<Vec<Listed<'_>>, ArchiveError> {
    let mut rest = Fields(directory);
    let mut listed = Vec::new();
    for _ in 0..entries {
        let record = Record::take(&mut rest).ok_or_else(|| damaged("its central directory is damaged"))?;
        listed.push(record.check()?);
    }
    if rest.0.is_empty() { Ok(listed) } else { Err(damaged("its central directory holds more than it counts")) }
}

/// One record of the directory (4.3.12), unchecked.
struct Record<'a> {
    common: Common,
    disk: u16,
    attributes: u32,
    offset: u32,
    name: &'a [u8],
    extra: &'a [u8],
}

impl<'a> Record<'a> {
    fn take(rest: &mut Fields<'a>) -> Option<Self> {
        let mut fields = Fields(rest.bytes(46)?);
        if fields.bytes(4)? != b"PK\x01\x02" {
            return None;
        }
        fields.u32()?; // versions
        let common = Common::take(&mut fields)?;
        let [name, extra, comment] = [fields.u16()?, fields.u16()?, fields.u16()?];
        let disk = fields.u16()?;
        fields.u16()?; // internal attributes
        let [attributes, offset] = [fields.u32()?, fields.u32()?];
        let [name, extra, _] = [rest.bytes(name.into())?, rest.bytes(extra.into())?, rest.bytes(comment.into())?];
        Some(Self { common, disk, attributes, offset, name, extra })
    }

    fn check(&self) -> Result<Listed<'a>, ArchiveError> {
        let Common { flags, method, crc, .. } = self.common;
        let name = plain_name(self.name)?;
        let refuse = |what| Err(ArchiveError::RefusedEntry { entry: name.into(), what });
        if flags & ENCRYPTED != 0 {
            return refuse("encrypted");
        }
        if flags & !(STREAMED | UTF8 | EFFORT) != 0 {
            return refuse("marked with an unknown flag");
        }
        if let Some(what) = special(self.attributes, name) {
            return refuse(what);
        }
        let method = match method {
            0 => Method::Stored,
            8 => Method::Deflated,
            _ => return refuse("compressed with something other than DEFLATE"),
        };
        let [size, packed, offset] = self.numbers(name)?;
        let offset = usize::try_from(offset).map_err(|_| damaged_member(name, "it starts outside of the zip"))?;
        Ok(Listed { name, raw_name: self.name, flags, method, crc, packed, size, offset })
    }

    /// Size, compressed size and offset, some of which may be in the zip64 field, in this order (4.5.3).
    fn numbers(&self, name: &str) -> Result<[u64; 3], ArchiveError> {
        let mut zip64 = fields::zip64(self.extra, self.name, name)?;
        let mut number = |short| {
            fields::wide(short, &mut zip64).ok_or_else(|| damaged_member(name, "its zip64 field is missing or cut"))
        };
        let numbers = [number(self.common.size)?, number(self.common.packed)?, number(self.offset)?];
        match self.disk {
            0 => Ok(numbers),
            _ => Err(damaged_member(name, "it is on another disk")),
        }
    }
}

/// What a member is that is neither a file nor a directory: the upper half of its attributes is a Unix mode, bit 4 of
/// the lower half marks a directory of DOS.
fn special(attributes: u32, name: &str) -> Option<&'static str> {
    let directory = name.ends_with('/');
    match (attributes >> 16) & 0o170_000 {
        0o120_000 => Some("a link"),
        0o040_000 if !directory => Some("a directory by its mode, but not by its name"),
        0 | 0o100_000 | 0o040_000 if attributes & 0x10 != 0 && !directory => {
            Some("a directory by its attributes, but not by its name")
        }
        0 | 0o100_000 | 0o040_000 => None,
        _ => Some("a special file"),
    }
}
