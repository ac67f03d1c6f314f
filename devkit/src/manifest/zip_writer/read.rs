//! Reads the zips of tests back. It trusts what it reads; the reader of the product is another.

use std::io::{self, Read};

use flate2::read::DeflateDecoder;

/// Names and contents of the members that the central directory lists, in its order.
///
/// # Errors
///
/// When the bytes are not a plain zip: no end record, zip64, a method other than 0 and 8, offsets beyond the end.
pub fn unzip(zip: &[u8]) -> io::Result<Vec<(String, Vec<u8>)>> {
    let end = zip.windows(4).rposition(|window| window == b"PK\x05\x06").ok_or(io::ErrorKind::InvalidData)?;
    let mut at = number(zip, end + 16, 4)?;
    let mut members = Vec::new();
    for _ in 0..number(zip, end + 10, 2)? {
        let name_length = number(zip, at + 28, 2)?;
        let name = String::from_utf8_lossy(slice(zip, at + 46, name_length)?).into_owned();
        members.push((name, content(zip, at)?));
        at += 46 + name_length + number(zip, at + 30, 2)? + number(zip, at + 32, 2)?;
    }
    Ok(members)
}

fn content(zip: &[u8], central: usize) -> io::Result<Vec<u8>> {
    let local = number(zip, central + 42, 4)?;
    let start = local + 30 + number(zip, local + 26, 2)? + number(zip, local + 28, 2)?;
    let data = slice(zip, start, number(zip, central + 20, 4)?)?;
    match number(zip, central + 10, 2)? {
        0 => Ok(data.to_vec()),
        8 => {
            let mut content = Vec::new();
            DeflateDecoder::new(data).read_to_end(&mut content)?;
            Ok(content)
        }
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn number(zip: &[u8], at: usize, bytes: usize) -> io::Result<usize> {
    Ok(slice(zip, at, bytes)?.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

fn slice(zip: &[u8], at: usize, length: usize) -> io::Result<&[u8]> {
    let end = at.checked_add(length).ok_or(io::ErrorKind::UnexpectedEof)?;
    zip.get(at..end).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
