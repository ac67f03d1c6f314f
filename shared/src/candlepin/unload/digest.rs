//! Digests of what is written: equal digests, equal rows.

use super::known::Digest;
use ring::digest::{Context, SHA256, digest};

/// The first half of a SHA-256 over texts and bytes, each with its length, so that no two lists run into one.
pub(super) struct Digester(Context);

impl Digester {
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub fn optional(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => {
                self.0.update(&[0xff; 8]);
                self
            }
        }
    }

    pub fn finish(self) -> Digest {
        half(self.0.finish().as_ref())
    }
}

/// Of one piece.
pub(super) fn digest_of(bytes: &[u8]) -> Digest {
    half(digest(&SHA256, bytes).as_ref())
}

fn half(sha256: &[u8]) -> Digest {
    sha256.first_chunk().copied().unwrap_or_default()
}
