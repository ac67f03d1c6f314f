//! One member of a zip, as it should be or as an attacker writes it.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::headers::{descriptor, local};

pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;
const ENCRYPTED: u16 = 1;
pub(super) const DESCRIPTOR: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;
const DIRECTORY: u32 = 0o040_755 << 16 | 0x10;
const SYMLINK: u32 = 0o120_777 << 16;

/// A member: deflated, described in its local header and in the central directory alike, unless told otherwise.
#[derive(Clone, Debug)]
pub struct Member {
    pub(super) name: Vec<u8>,
    pub(super) local_name: Option<Vec<u8>>,
    content: Content,
    method: u16,
    level: Compression,
    pub(super) declared_method: Option<u16>,
    pub(super) flags: u16,
    pub(super) external: u32,
    pub(super) zip64: bool,
    pub(super) extra: Vec<u8>,
    crc: Option<u32>,
    pub(super) declared: Declared,
    pub(super) declared_locally: Declared,
    pub(super) hidden: bool,
    pub(super) shares_previous: bool,
}

/// Sizes that replace the true ones.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Declared {
    pub compressed: Option<u64>,
    pub size: Option<u64>,
}

#[derive(Clone, Debug)]
enum Content {
    Bytes(Vec<u8>),
    Zeros(u64),
    Record(Box<Member>),
}

/// A member whose data are ready.
pub(super) struct Packed<'a> {
    pub member: &'a Member,
    pub data: Vec<u8>,
    pub size: u64,
    pub crc: u32,
    /// The member whose whole record is the data of this one.
    pub inner: Option<Box<Packed<'a>>>,
}

impl Member {
    fn new(name: impl AsRef<[u8]>, content: Content) -> Self {
        let name = name.as_ref().to_vec();
        let flags = if name.is_ascii() { 0 } else { UTF8 };
        Self {
            name,
            local_name: None,
            content,
            method: DEFLATED,
            level: Compression::default(),
            declared_method: None,
            flags,
            external: 0,
            zip64: false,
            extra: Vec::new(),
            crc: None,
            declared: Declared::default(),
            declared_locally: Declared::default(),
            hidden: false,
            shares_previous: false,
        }
    }

    /// A file under exactly this name, whatever it holds: `..`, a leading slash, backslashes.
    pub fn file(name: impl AsRef<[u8]>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(name, Content::Bytes(bytes.into()))
    }

    /// A directory: a stored, empty member. Its name should end in `/`.
    pub fn directory(name: impl AsRef<[u8]>) -> Self {
        Self::file(name, "").stored().external_attributes(DIRECTORY)
    }

    /// A symbolic link as Info-ZIP writes it: a file with Unix mode that holds the target.
    pub fn symlink(name: impl AsRef<[u8]>, target: &str) -> Self {
        Self::file(name, target).external_attributes(SYMLINK)
    }

    /// So many zero bytes, deflated to a thousandth of that without holding them.
    pub fn zeros(name: impl AsRef<[u8]>, n: u64) -> Self {
        Self::new(name, Content::Zeros(n))
    }

    /// A stored file whose data are the local record of `inner`, which is listed as well: two members, the same bytes.
    pub fn overlapping(name: impl AsRef<[u8]>, inner: Member) -> Self {
        Self::new(name, Content::Record(Box::new(inner))).stored()
    }

    /// Stores the data as they are.
    pub fn stored(mut self) -> Self {
        self.method = STORED;
        self
    }

    /// Deflates as well as it can, whatever it takes.
    pub fn best(mut self) -> Self {
        self.level = Compression::best();
        self
    }

    /// CRC and sizes stand in a descriptor after the data (flag bit 3), as in everything that Java streams.
    pub fn descriptor(mut self) -> Self {
        self.flags |= DESCRIPTOR;
        self
    }

    /// Says that the data are encrypted (flag bit 0). They are not.
    pub fn encrypted(mut self) -> Self {
        self.flags |= ENCRYPTED;
        self
    }

    /// Says that the data are compressed by another method.
    pub fn method(mut self, method: u16) -> Self {
        self.declared_method = Some(method);
        self
    }

    /// Another name in the local header than in the central directory.
    pub fn local_name(mut self, name: impl AsRef<[u8]>) -> Self {
        self.local_name = Some(name.as_ref().to_vec());
        self
    }

    /// External attributes: Unix mode in the upper half.
    pub fn external_attributes(mut self, attributes: u32) -> Self {
        self.external = attributes;
        self
    }

    /// Sizes stand in a zip64 extra field, in both headers.
    pub fn zip64(mut self) -> Self {
        self.zip64 = true;
        self
    }

    /// Adds bytes to the extra fields of both headers.
    pub fn extra(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.extra = bytes.into();
        self
    }

    /// A wrong CRC, wherever it stands.
    pub fn crc(mut self, crc: u32) -> Self {
        self.crc = Some(crc);
        self
    }

    /// A wrong size of the content, in both headers.
    pub fn declared_size(mut self, size: u64) -> Self {
        (self.declared.size, self.declared_locally.size) = (Some(size), Some(size));
        self
    }

    /// A wrong size of the data, in both headers.
    pub fn declared_compressed_size(mut self, size: u64) -> Self {
        (self.declared.compressed, self.declared_locally.compressed) = (Some(size), Some(size));
        self
    }

    /// Wrong sizes in the local header alone.
    pub fn local_sizes(mut self, compressed: u64, size: u64) -> Self {
        self.declared_locally = Declared { compressed: Some(compressed), size: Some(size) };
        self
    }

    /// Not in the central directory: only a streaming reader sees it.
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// No data of its own: its entry points to the local header of the member before it.
    pub fn shares_previous(mut self) -> Self {
        self.shares_previous = true;
        self
    }

    pub(super) fn pack(&self) -> Packed<'_> {
        let mut packed = match &self.content {
            Content::Bytes(bytes) => self.packed(bytes.len() as u64, || bytes.as_slice()),
            Content::Zeros(n) => self.packed(*n, || io::repeat(0).take(*n)),
            Content::Record(inner) => {
                let inner = inner.pack();
                let record = inner.record();
                let mut outer = self.packed(record.len() as u64, || record.as_slice());
                outer.inner = Some(Box::new(inner));
                outer
            }
        };
        packed.crc = self.crc.unwrap_or(packed.crc);
        packed
    }

    #[expect(clippy::expect_used, reason = "memory is read and written, which does not fail")]
    fn packed<R: Read>(&self, size: u64, content: impl Fn() -> R) -> Packed<'_> {
        let mut crc = Crc(crc32fast::Hasher::new());
        io::copy(&mut content(), &mut crc).expect("reading memory");
        let mut data = Vec::new();
        if self.method == DEFLATED {
            let mut encoder = DeflateEncoder::new(&mut data, self.level);
            io::copy(&mut content(), &mut encoder).expect("writing to memory");
            encoder.finish().expect("writing to memory");
        } else {
            io::copy(&mut content(), &mut data).expect("writing to memory");
        }
        Packed { member: self, data, size, crc: crc.0.finalize(), inner: None }
    }
}

impl Packed<'_> {
    /// Local header, data, descriptor.
    pub fn record(&self) -> Vec<u8> {
        let mut record = local(self);
        record.extend(&self.data);
        if self.member.flags & DESCRIPTOR != 0 {
            record.extend(descriptor(self));
        }
        record
    }

    pub fn header_length(&self) -> u64 {
        local(self).len() as u64
    }

    pub fn method(&self) -> u16 {
        self.member.declared_method.unwrap_or(self.member.method)
    }

    /// Compressed and real size, with the lies of `declared`.
    pub fn sizes(&self, declared: Declared) -> (u64, u64) {
        (declared.compressed.unwrap_or(self.data.len() as u64), declared.size.unwrap_or(self.size))
    }
}

struct Crc(crc32fast::Hasher);

impl Write for Crc {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
