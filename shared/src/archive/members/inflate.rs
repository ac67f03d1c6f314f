//! Expanding one file, never to more than it declares.

use super::Member;
use crate::archive::ArchiveError;
use flate2::{Decompress, FlushDecompress, Status};
use std::fmt;

/// Expands one file after the other through one buffer: an archive may hold tens of thousands of small ones.
pub struct Expander {
    inflate: Decompress,
    /// As long as the largest file so far, so that it is cleared but once.
    buffer: Vec<u8>,
}

impl Expander {
    /// With an empty buffer.
    pub fn new() -> Self {
        Self { inflate: Decompress::new(false), buffer: Vec::new() }
    }

    /// The file's content, valid until the next one is read.
    ///
    /// # Errors
    /// Content that is damaged, or not of the declared size or CRC.
    pub fn read<'a>(&'a mut self, member: Member<'a>) -> Result<&'a [u8], ArchiveError> {
        if member.is_stored() {
            return stored(member);
        }
        let room = member.size() + 1;
        if self.buffer.len() < room {
            self.buffer.reserve_exact(room - self.buffer.len());
            self.buffer.resize(room, 0);
        }
        self.inflate.reset(false);
        inflate(&mut self.inflate, member, self.buffer.get_mut(..room).unwrap_or_default())
    }
}

impl Default for Expander {
    fn default() -> Self {
        Self::new()
    }
}

/// Without the last content, which may be secret.
impl fmt::Debug for Expander {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expander").finish_non_exhaustive()
    }
}

/// Expands a file into an empty vector.
pub(super) fn expand_into(member: Member<'_>, content: &mut Vec<u8>) -> Result<(), ArchiveError> {
    if member.is_stored() {
        content.reserve_exact(member.size());
        content.extend_from_slice(stored(member)?);
        return Ok(());
    }
    content.reserve_exact(member.size() + 1);
    content.resize(member.size() + 1, 0);
    inflate(&mut Decompress::new(false), member, content)?;
    content.truncate(member.size());
    Ok(())
}

/// The content of a stored file, where it lies.
pub(super) fn stored(member: Member<'_>) -> Result<&[u8], ArchiveError> {
    check(member, member.packed())
}

/// Expands into `room`, which is one byte longer than the file: what would be more shows in it.
fn inflate<'a>(state: &mut Decompress, member: Member<'_>, room: &'a mut [u8]) -> Result<&'a [u8], ArchiveError> {
    let status = state
        .decompress(member.packed(), room, FlushDecompress::Finish)
        .map_err(|_| member.damaged("its compressed content is damaged"))?;
    if state.total_out() > member.size() as u64 {
        return Err(member.damaged("it expands to more than it declares"));
    }
    if status != Status::StreamEnd {
        return Err(member.damaged("its compressed content is cut"));
    }
    if state.total_in() != member.packed().len() as u64 {
        return Err(member.damaged("bytes follow its compressed content"));
    }
    let length = usize::try_from(state.total_out()).unwrap_or(usize::MAX);
    check(member, room.get(..length).unwrap_or_default())
}

fn check<'a>(member: Member<'_>, content: &'a [u8]) -> Result<&'a [u8], ArchiveError> {
    if content.len() != member.size() {
        return Err(member.damaged("it expands to less than it declares"));
    }
    if crc32fast::hash(content) != member.slot.crc {
        return Err(member.damaged("CRC differs"));
    }
    Ok(content)
}
