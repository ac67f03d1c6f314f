//! From a tar's one stream to files that can be read alone.

use super::{Method, Slot};
use crate::archive::{ArchiveError, Entry, Limit, Limits, Totals, Visit, name, tar_gz, too_large};
use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};

/// Compresses each file of a gzip'd tar alone, into one buffer.
pub(super) fn repack(bytes: &[u8], limits: &Limits) -> Result<(Bytes, Vec<Slot>, Totals), ArchiveError> {
    let mut repack = Repack {
        deflate: Compress::new(Compression::fast(), false),
        packed: Vec::new(),
        slots: Vec::new(),
        name_bytes: 0,
        maximum: limits.compressed_bytes,
    };
    let totals = tar_gz::read(bytes, limits, &mut repack)?;
    repack.packed.shrink_to_fit();
    Ok((repack.packed.into(), repack.slots, totals))
}

struct Repack {
    deflate: Compress,
    packed: Vec<u8>,
    slots: Vec<Slot>,
    name_bytes: usize,
    maximum: u64,
}

impl Visit for Repack {
    type Error = ArchiveError;

    fn wants(&mut self, name: &str) -> Result<bool, ArchiveError> {
        name::check(name)?;
        Ok(true)
    }

    fn file(&mut self, entry: Entry<'_>) -> Result<(), ArchiveError> {
        let start = self.packed.len();
        let mut method = self.compress(entry.name, entry.content)?;
        if self.packed.len() - start >= entry.content.len() {
            self.packed.truncate(start);
            self.packed.extend_from_slice(entry.content);
            method = Method::Stored;
        }
        // A tar that repeats itself from file to file is small as one stream and large as many, names included.
        self.name_bytes += entry.name.len();
        if (self.packed.len() + self.name_bytes) as u64 > self.maximum {
            return Err(too_large(Limit::CompressedBytes, self.maximum, Some(entry.name.into())));
        }
        self.slots.push(Slot {
            name: entry.name.into(),
            packed: start..self.packed.len(),
            size: entry.content.len(),
            crc: crc32fast::hash(entry.content),
            method,
        });
        Ok(())
    }
}

impl Repack {
    fn compress(&mut self, name: &str, content: &[u8]) -> Result<Method, ArchiveError> {
        self.deflate.reset();
        let failed = || ArchiveError::DamagedMember { member: name.into(), what: "it cannot be compressed again" };
        loop {
            let done = usize::try_from(self.deflate.total_in()).map_err(|_| failed())?;
            self.packed.reserve(content.len() / 4 + 64);
            let rest = content.get(done..).unwrap_or_default();
            match self.deflate.compress_vec(rest, &mut self.packed, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => return Ok(Method::Deflated),
                Ok(_) => {}
                Err(_) => return Err(failed()),
            }
        }
    }
}
