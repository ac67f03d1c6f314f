//! A manifest: a zip in a zip, with a signature beside it. Read as the benchmark wrote it, and not a check more than
//! that takes: no checksums, no limits, no zip64.

use anyhow::{Context, Result, ensure};
use flate2::{Decompress, FlushDecompress, Status};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::Seen;

/// One pass. `key`: a DER `RSAPublicKey` (RFC 8017 A.1.1).
pub fn read(archive: &[u8], key: &[u8]) -> Result<Seen> {
    let mut reader = Reader::new();
    let (mut export, mut signature) = (Vec::new(), Vec::new());
    for member in members(archive)? {
        let member = member?;
        match member.name {
            b"consumer_export.zip" => export = reader.expand(&member)?.to_vec(),
            b"signature" => signature = reader.expand(&member)?.to_vec(),
            _ => {}
        }
    }
    let verified = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(&export, &signature);
    ensure!(verified.is_ok(), "the signature does not verify");
    let mut seen = Seen::default();
    for member in members(&export)? {
        let member = member?;
        let bytes = reader.expand(&member)?;
        if member.name.ends_with(b".json") {
            seen.parse(bytes)?;
        }
    }
    Ok(seen)
}

/// A member as the central directory has it.
struct Member<'a> {
    name: &'a [u8],
    deflated: bool,
    packed: &'a [u8],
    size: usize,
}

/// All members, in the order of the central directory (APPNOTE 4.3.12 and 4.3.16).
fn members(zip: &[u8]) -> Result<impl Iterator<Item = Result<Member<'_>>>> {
    let end = zip.windows(4).rposition(|bytes| bytes == b"PK\x05\x06").context("not a zip")?;
    let (count, mut at) = (number(zip, end + 10, 2)?, number(zip, end + 16, 4)?);
    Ok((0..count).map(move |_| {
        let lengths = [28, 30, 32].map(|field| number(zip, at + field, 2));
        let [name_length, extra, comment] = lengths;
        let name = part(zip, at + 46, name_length?)?;
        let local = number(zip, at + 42, 4)?;
        let data = local + 30 + number(zip, local + 26, 2)? + number(zip, local + 28, 2)?;
        let packed = part(zip, data, number(zip, at + 20, 4)?)?;
        let member = Member { name, deflated: number(zip, at + 10, 2)? != 0, packed, size: number(zip, at + 24, 4)? };
        at += 46 + name.len() + extra? + comment?;
        Ok(member)
    }))
}

fn part(zip: &[u8], at: usize, length: usize) -> Result<&[u8]> {
    zip.get(at..).and_then(|rest| rest.get(..length)).context("the zip is truncated")
}

/// A little-endian number of so many bytes.
fn number(zip: &[u8], at: usize, bytes: usize) -> Result<usize> {
    Ok(part(zip, at, bytes)?.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

/// Expands one member after the other, through one buffer.
struct Reader {
    inflate: Decompress,
    buffer: Vec<u8>,
}

impl Reader {
    fn new() -> Self {
        Self { inflate: Decompress::new(false), buffer: Vec::new() }
    }

    fn expand<'r>(&'r mut self, member: &Member<'r>) -> Result<&'r [u8]> {
        if !member.deflated {
            return Ok(member.packed);
        }
        self.inflate.reset(false);
        if self.buffer.len() < member.size {
            self.buffer.resize(member.size, 0);
        }
        let room = &mut self.buffer[..member.size];
        let status = self.inflate.decompress(member.packed, room, FlushDecompress::Finish)?;
        ensure!(status == Status::StreamEnd, "a member is longer than the directory says");
        Ok(room)
    }
}
