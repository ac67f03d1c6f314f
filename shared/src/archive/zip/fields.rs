//! The little-endian numbers and the extra fields of a zip's headers.

use super::damaged_member;
use crate::archive::ArchiveError;

/// Bytes, taken from their front.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn bytes(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

/// What both headers of a member say alike, one after the other: from its flags to its size.
pub(super) struct Common {
    pub flags: u16,
    pub method: u16,
    pub crc: u32,
    pub packed: u32,
    pub size: u32,
}

impl Common {
    pub fn take(fields: &mut Fields<'_>) -> Option<Self> {
        let [flags, method] = [fields.u16()?, fields.u16()?];
        fields.u32()?; // time and date
        let [crc, packed, size] = [fields.u32()?, fields.u32()?, fields.u32()?];
        Some(Self { flags, method, crc, packed, size })
    }
}

/// Stands for "see the zip64 field" (4.4.1.4).
pub(super) const IN_ZIP64: u32 = u32::MAX;

const ZIP64: u16 = 0x0001;
const UNICODE_PATH: u16 = 0x7075;

/// Goes through a header's extra fields (4.5) and gives the content of the zip64 one.
///
/// A Unicode path (4.6.9) that is not the member's name would be another name for it.
pub(super) fn zip64<'a>(extra: &'a [u8], raw_name: &[u8], name: &str) -> Result<Option<Fields<'a>>, ArchiveError> {
    let mut extra = Fields(extra);
    let mut found = None;
    while !extra.0.is_empty() {
        let (id, content) = field(&mut extra).ok_or_else(|| damaged_member(name, "its extra fields are damaged"))?;
        match id {
            ZIP64 if found.is_some() => return Err(damaged_member(name, "it has two zip64 fields")),
            ZIP64 => found = Some(Fields(content)),
            // A version and a CRC stand in front of it.
            UNICODE_PATH if content.get(5..) != Some(raw_name) => {
                return Err(damaged_member(name, "its Unicode path is another name"));
            }
            _ => {}
        }
    }
    Ok(found)
}

fn field<'a>(extra: &mut Fields<'a>) -> Option<(u16, &'a [u8])> {
    let id = extra.u16()?;
    let length = extra.u16()?;
    Some((id, extra.bytes(length.into())?))
}

/// A number of 32 bits, or of 64 where it says so.
pub(super) fn wide(short: u32, zip64: &mut Option<Fields<'_>>) -> Option<u64> {
    if short == IN_ZIP64 { zip64.as_mut()?.u64() } else { Some(short.into()) }
}
