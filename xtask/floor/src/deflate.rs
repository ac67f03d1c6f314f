//! What compressing files costs, each alone, at the level that everybody's zip has unless told otherwise.

use anyhow::{Context, Result};
use flate2::{Compress, Compression, FlushCompress, Status};

use crate::Seen;

/// `files`: one behind the other, the length of each before it (four bytes, little-endian).
pub fn compress(mut files: &[u8]) -> Result<Seen> {
    let mut deflate = Compress::new(Compression::new(6), false);
    let (mut buffer, mut seen) = (Vec::with_capacity(32 << 10), Seen::default());
    while let Some((length, rest)) = files.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let (file, rest) = rest.split_at_checked(length).context("the last file is cut")?;
        deflate.reset();
        loop {
            buffer.clear();
            let done = deflate.total_in() as usize;
            let status = deflate.compress_vec(&file[done..], &mut buffer, FlushCompress::Finish)?;
            if status == Status::StreamEnd {
                break;
            }
        }
        seen.entries += 1;
        seen.json_bytes += file.len() as u64;
        files = rest;
    }
    Ok(seen)
}
