//! The records of a zip, as bytes (APPNOTE 4.3 and 4.5.3).

use super::member::{DESCRIPTOR, Packed};

/// The first day that a zip can name, at midnight: time, then date.
const EPOCH: [u16; 2] = [0, 0x21];
const WITH_ZIP64: u16 = 45;
const PLAIN: u16 = 20;
const UNIX: u16 = 3 << 8;
const FULL: u32 = u32::MAX;

/// Little-endian fields, one after the other.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn signature(signature: &[u8; 4]) -> Self {
        Self(signature.to_vec())
    }

    fn u16s(mut self, values: &[u16]) -> Self {
        values.iter().for_each(|value| self.0.extend(value.to_le_bytes()));
        self
    }

    fn u32s(mut self, values: &[u32]) -> Self {
        values.iter().for_each(|value| self.0.extend(value.to_le_bytes()));
        self
    }

    fn u64s(mut self, values: &[u64]) -> Self {
        values.iter().for_each(|value| self.0.extend(value.to_le_bytes()));
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }
}

pub(super) fn local(packed: &Packed<'_>) -> Vec<u8> {
    let member = packed.member;
    let name = member.local_name.as_ref().unwrap_or(&member.name);
    let later = member.flags & DESCRIPTOR != 0;
    let (compressed, size) = match (later, packed.sizes(member.declared_locally)) {
        (true, _) => (0, 0),
        (false, sizes) => sizes,
    };
    let extra = extra(packed, &[size, compressed]);
    Fields::signature(b"PK\x03\x04")
        .u16s(&[version(packed), member.flags, packed.method()])
        .u16s(&EPOCH)
        .u32s(&[if later { 0 } else { packed.crc }])
        .u32s(&small(packed, [compressed, size]))
        .u16s(&[name.len() as u16, extra.len() as u16])
        .bytes(name)
        .bytes(&extra)
        .0
}

pub(super) fn descriptor(packed: &Packed<'_>) -> Vec<u8> {
    let (compressed, size) = packed.sizes(packed.member.declared_locally);
    let fields = Fields::signature(b"PK\x07\x08").u32s(&[packed.crc]);
    match packed.member.zip64 {
        true => fields.u64s(&[compressed, size]).0,
        false => fields.u32s(&small(packed, [compressed, size])).0,
    }
}

pub(super) fn central(packed: &Packed<'_>, offset: u64) -> Vec<u8> {
    let member = packed.member;
    let (compressed, size) = packed.sizes(member.declared);
    let extra = extra(packed, &[size, compressed]);
    let made_by = if member.external == 0 { version(packed) } else { UNIX | version(packed) };
    Fields::signature(b"PK\x01\x02")
        .u16s(&[made_by, version(packed), member.flags, packed.method()])
        .u16s(&EPOCH)
        .u32s(&[packed.crc])
        .u32s(&small(packed, [compressed, size]))
        // Lengths of name, extra and comment, then disk and internal attributes.
        .u16s(&[member.name.len() as u16, extra.len() as u16, 0, 0, 0])
        .u32s(&[member.external, clamped(offset)])
        .bytes(&member.name)
        .bytes(&extra)
        .0
}

/// What the end record says.
pub(super) struct End<'a> {
    pub entries: u64,
    pub size: u64,
    pub offset: u64,
    pub zip64: bool,
    pub comment: &'a [u8],
}

/// The end record, with its zip64 form before it when that is needed; `at` is where it starts.
pub(super) fn end(end: &End<'_>, at: u64) -> Vec<u8> {
    let zip64 = end.zip64 || end.entries > u64::from(u16::MAX);
    let fields = match zip64 {
        true => Fields::signature(b"PK\x06\x06")
            // The length of the rest of this record.
            .u64s(&[44])
            .u16s(&[WITH_ZIP64, WITH_ZIP64])
            .u32s(&[0, 0])
            .u64s(&[end.entries, end.entries, end.size, end.offset])
            .bytes(b"PK\x06\x07")
            .u32s(&[0])
            .u64s(&[at])
            .u32s(&[1]),
        false => Fields::default(),
    };
    let entries = u16::try_from(end.entries).unwrap_or(u16::MAX);
    fields
        .bytes(b"PK\x05\x06")
        .u16s(&[0, 0, entries, entries])
        .u32s(&[clamped(end.size), clamped(end.offset)])
        .u16s(&[end.comment.len() as u16])
        .bytes(end.comment)
        .0
}

fn version(packed: &Packed<'_>) -> u16 {
    if packed.member.zip64 { WITH_ZIP64 } else { PLAIN }
}

fn extra(packed: &Packed<'_>, sizes: &[u64]) -> Vec<u8> {
    let fields = match packed.member.zip64 {
        true => Fields::default().u16s(&[1, sizes.len() as u16 * 8]).u64s(sizes),
        false => Fields::default(),
    };
    fields.bytes(&packed.member.extra).0
}

/// Sizes in 32 bits; all ones when they stand in a zip64 field or do not fit.
fn small(packed: &Packed<'_>, sizes: [u64; 2]) -> [u32; 2] {
    sizes.map(|size| if packed.member.zip64 { FULL } else { clamped(size) })
}

fn clamped(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(FULL)
}
