//! A writer of zip files as a stream: it never goes back, so that a zip can be a member of another one.
//!
//! Every member is compressed with DEFLATE and followed by a data descriptor, because its size is known only then; there
//! are no members for directories and none that are stored. Readers that see the zip as a stream, as Candlepin does, take
//! no other form. Formats are those of PKWARE's APPNOTE 6.3; sections are given where one matters.

mod headers;
#[cfg(test)]
mod tests;

use super::name;
use flate2::{Compress, Compression, FlushCompress, Status};
use headers::{Ended, Member};
use std::io::{self, Write};
use time::OffsetDateTime;

/// How much compressed content is gathered before it is passed on, in bytes.
const BUFFER: usize = 32 << 10;

/// What offsets and sizes of 32 bits can say; all ones mean something else.
const MAX: u64 = 0xffff_fffe;

/// Writes a zip. Bytes written to it are the content of the member that was started last.
///
/// The same members at the same time make the same bytes. Held in memory is what the directory at the end says: about a
/// hundred bytes a member.
pub struct ZipWriter<W> {
    out: Counted<W>,
    deflate: Compress,
    buffer: Vec<u8>,
    modified: [u8; 4],
    member: Option<Member>,
    directory: Vec<u8>,
    entries: u64,
}

impl<W: Write> ZipWriter<W> {
    /// A zip whose members are all of the time `modified`, to two seconds, in UTC.
    pub fn new(out: W, level: Compression, modified: OffsetDateTime) -> Self {
        Self {
            out: Counted { out, position: 0 },
            deflate: Compress::new(level, false),
            buffer: Vec::with_capacity(BUFFER),
            modified: headers::dos_time(modified),
            member: None,
            directory: Vec::new(),
            entries: 0,
        }
    }

    /// Starts a member. The one before must have ended.
    ///
    /// # Errors
    /// The name leads out of the zip, the zip is over 4 GiB, or writing fails.
    pub fn start(&mut self, name: &str) -> io::Result<()> {
        name::check_file(name).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        if self.member.is_some() {
            return Err(io::Error::other("a member of the zip has not ended"));
        }
        let member = Member::new(name, short(self.out.position)?)?;
        self.out.write_all(&member.local_header(self.modified))?;
        self.deflate.reset();
        self.member = Some(member);
        Ok(())
    }

    /// Ends the member that was started last.
    ///
    /// # Errors
    /// There is none, it is over 4 GiB, or writing fails.
    pub fn end(&mut self) -> io::Result<()> {
        while self.compress(&[], FlushCompress::Finish)?.1 != Status::StreamEnd {}
        self.pass_on()?;
        let member = self.member.take().ok_or_else(no_member)?;
        let ended = Ended {
            crc: member.crc.clone().finalize(),
            packed: short(self.deflate.total_out())?,
            size: short(self.deflate.total_in())?,
        };
        self.out.write_all(&ended.descriptor())?;
        self.directory.extend(member.listed(&ended, self.modified));
        self.entries += 1;
        Ok(())
    }

    /// Writes a member whose content is at hand.
    ///
    /// # Errors
    /// As [`ZipWriter::start`] and [`ZipWriter::end`].
    pub fn file(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.start(name)?;
        self.write_all(content)?;
        self.end()
    }

    /// Ends the zip, with a comment for people, and gives back what it was written to.
    ///
    /// # Errors
    /// A member has not ended, the zip is over 4 GiB, or writing fails.
    pub fn finish(mut self, comment: &str) -> io::Result<W> {
        if self.member.is_some() {
            return Err(io::Error::other("a member of the zip has not ended"));
        }
        let start = self.out.position;
        self.out.write_all(&self.directory)?;
        let end = headers::end(self.entries, short(start)?, short(self.out.position - start)?, comment)?;
        self.out.write_all(&end)?;
        Ok(self.out.out)
    }

    /// What it writes to.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out.out
    }

    fn compress(&mut self, content: &[u8], flush: FlushCompress) -> io::Result<(usize, Status)> {
        if self.member.is_none() {
            return Err(no_member());
        }
        if self.buffer.len() == self.buffer.capacity() {
            self.pass_on()?;
        }
        let before = self.deflate.total_in();
        let status = self.deflate.compress_vec(content, &mut self.buffer, flush).map_err(io::Error::other)?;
        let taken = usize::try_from(self.deflate.total_in() - before).map_err(io::Error::other)?;
        Ok((taken, status))
    }

    fn pass_on(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: Write> Write for ZipWriter<W> {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        // Bytes are taken as soon as there is room for what they become.
        let mut taken = 0;
        while taken == 0 && !content.is_empty() {
            taken = self.compress(content, FlushCompress::None)?.0;
        }
        if let (Some(member), Some(content)) = (&mut self.member, content.get(..taken)) {
            member.crc.update(content);
        }
        Ok(taken)
    }

    /// What has been compressed is passed on; what has not is not forced, which would make the zip larger.
    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()?;
        self.out.flush()
    }
}

fn no_member() -> io::Error {
    io::Error::other("no member of the zip was started")
}

fn short(number: u64) -> io::Result<u32> {
    let fits = u32::try_from(number).ok().filter(|short| u64::from(*short) <= MAX);
    fits.ok_or_else(|| io::Error::other("a zip of more than 4 GiB is not written"))
}

/// Counts what is written.
struct Counted<W> {
    out: W,
    position: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.position += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
