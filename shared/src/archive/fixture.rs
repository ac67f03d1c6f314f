//! Zips and tars for tests, in every form that a writer may give them, and broken ones.

use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};
use std::io::Write;

/// A member of a zip; what is `None` is as it should be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub name: Vec<u8>,
    pub content: Vec<u8>,
    pub stored: bool,
    /// Length of a data descriptor, which sets the flag.
    pub descriptor: Option<usize>,
    pub flags: u16,
    pub attributes: u32,
    pub method: Option<u16>,
    pub size: Option<u32>,
    pub crc: Option<u32>,
    pub packed: Option<Vec<u8>>,
    pub extra: Vec<u8>,
    /// Both sizes in zip64 fields, in both headers.
    pub zip64: bool,
    /// Bytes between this member and the next.
    pub after: Vec<u8>,
    // What only the local header says.
    pub local_name: Option<Vec<u8>>,
    pub local_flags: Option<u16>,
    pub local_method: Option<u16>,
    pub local_size: Option<u32>,
    pub local_crc: Option<u32>,
    pub local_extra: Option<Vec<u8>>,
}

impl Part {
    pub fn file(name: &str, content: &[u8]) -> Self {
        Self { name: name.into(), content: content.into(), ..Self::default() }
    }

    fn packed(&self) -> Vec<u8> {
        match &self.packed {
            Some(packed) => packed.clone(),
            None if self.stored => self.content.clone(),
            None => deflate(&self.content),
        }
    }

    fn extra(&self, sizes: [u32; 2]) -> Vec<u8> {
        let mut extra = self.extra.clone();
        if self.zip64 {
            extra.extend([1, 0, 16, 0]);
            extra.extend(sizes.iter().flat_map(|size| u64::from(*size).to_le_bytes()));
        }
        extra
    }
}

pub(crate) fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn extra_field(id: u16, content: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &(content.len() as u16).to_le_bytes(), content].concat()
}

fn put16(out: &mut Vec<u8>, values: &[u16]) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn put32(out: &mut Vec<u8>, values: &[u32]) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

/// A zip of `parts` with a comment.
pub(crate) fn zip_with(parts: &[Part], comment: &[u8], end64: bool) -> Vec<u8> {
    let [mut out, mut directory] = [Vec::new(), Vec::new()];
    for part in parts {
        let offset = out.len() as u32;
        let packed = part.packed();
        let mut crc = Crc::new();
        crc.update(&part.content);
        let crc = part.crc.unwrap_or(crc.sum());
        let sizes = [part.size.unwrap_or(part.content.len() as u32), packed.len() as u32];
        let shown = if part.zip64 { [u32::MAX; 2] } else { sizes };
        let method = part.method.unwrap_or(if part.stored { 0 } else { 8 });
        let flags = part.flags | if part.descriptor.is_some() { 8 } else { 0 };
        let local_sizes = if part.descriptor.is_some() && !part.zip64 { [0, 0] } else { shown };
        let local_name = part.local_name.as_ref().unwrap_or(&part.name);
        let extra = part.extra(sizes);
        let local_extra = part
            .local_extra
            .clone()
            .unwrap_or_else(|| if part.descriptor.is_some() { part.extra([0, 0]) } else { extra.clone() });
        put32(&mut out, &[0x0403_4b50]);
        put16(&mut out, &[20, part.local_flags.unwrap_or(flags), part.local_method.unwrap_or(method), 1, 2]);
        let local_crc = part.local_crc.unwrap_or(if part.descriptor.is_some() { 0 } else { crc });
        put32(&mut out, &[local_crc, local_sizes[1], part.local_size.unwrap_or(local_sizes[0])]);
        put16(&mut out, &[local_name.len() as u16, local_extra.len() as u16]);
        out.extend([&local_name[..], &local_extra, &packed].concat());
        descriptor(&mut out, part.descriptor, crc, sizes);
        out.extend(&part.after);

        put32(&mut directory, &[0x0201_4b50]);
        put16(&mut directory, &[0x031e, 20, flags, method, 1, 2]);
        put32(&mut directory, &[crc, shown[1], shown[0]]);
        put16(&mut directory, &[part.name.len() as u16, extra.len() as u16, 0, 0, 0]);
        put32(&mut directory, &[part.attributes, offset]);
        directory.extend([&part.name[..], &extra].concat());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    end(&mut out, parts.len(), directory.len() as u32, start, end64);
    put16(&mut out, &[comment.len() as u16]);
    out.extend(comment);
    out
}

fn descriptor(out: &mut Vec<u8>, length: Option<usize>, crc: u32, sizes: [u32; 2]) {
    let Some(length) = length else { return };
    if matches!(length, 16 | 24) {
        put32(out, &[0x0807_4b50]);
    }
    match length {
        12 | 16 => put32(out, &[crc, sizes[1], sizes[0]]),
        20 | 24 => put32(out, &[crc, sizes[1], 0, sizes[0], 0]),
        other => out.extend(vec![0; other]),
    }
}

fn end(out: &mut Vec<u8>, count: usize, length: u32, start: u32, end64: bool) {
    let record = out.len() as u32;
    if end64 {
        put32(out, &[0x0606_4b50, 44, 0, 0x002d_002d, 0, 0]);
        put32(out, &[count as u32, 0, count as u32, 0, length, 0, start, 0]);
        put32(out, &[0x0706_4b50, 0, record, 0, 1]);
    }
    put32(out, &[0x0605_4b50]);
    let count = if end64 { u16::MAX } else { count as u16 };
    put16(out, &[0, 0, count, count]);
    put32(out, &if end64 { [u32::MAX; 2] } else { [length, start] });
}

/// A plain zip of `parts`.
pub(crate) fn zip(parts: &[Part]) -> Vec<u8> {
    zip_with(parts, b"", false)
}

/// A gzip'd tar of regular files; names are written as they are.
pub(crate) fn tar_gz(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in files {
        let mut header = ::tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(if name.ends_with('/') {
            ::tar::EntryType::Directory
        } else {
            ::tar::EntryType::Regular
        });
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}
