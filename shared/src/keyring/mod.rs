//! Private keys at rest: AES-256-GCM, with keys that can be rotated.
//!
//! What is sealed keeps the id of its key, so that a new current key does not lose the old values. It is bound to its
//! place (a table and a row): moved to another row it does not open.

mod rotate;
mod source;

pub use rotate::{Counts, RotateError, Rotated, count, rotate};
pub use source::Keys;

use crate::failure::Classified;
use crate::secret::Secret;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// Why a value could not be sealed or opened. Texts hold neither keys nor values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No keys are configured.
    #[error("no keys to protect private keys with: set LONGSHORE_KEYS")]
    NotConfigured,
    /// The keys cannot be read from where they are.
    #[error("cannot read the keys from {place}; see LONGSHORE_KEYS: {reason}")]
    Unavailable {
        /// Where they should be.
        place: String,
        /// Why.
        reason: String,
    },
    /// What is there are no keys.
    #[error("the keys are malformed; see LONGSHORE_KEYS: {0}")]
    Malformed(String),
    /// A value was sealed with a key that is not there.
    #[error("key {0:?} is not among the keys; add it again, or values sealed with it are lost")]
    UnknownKey(String),
    /// The machine gives no random numbers, or the value is too large.
    #[error("sealing failed")]
    Sealing,
    /// The value does not open: another place's, another key's of the same id, or damaged.
    #[error("the sealed value of {context} does not open with key {key_id:?}: {reason}")]
    Damaged {
        /// Where the value belongs.
        context: String,
        /// The id of its key.
        key_id: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl Classified for KeyError {
    fn kind(&self) -> &'static str {
        "Keys"
    }

    fn is_transient(&self) -> bool {
        !matches!(self, Self::Damaged { .. })
    }
}

/// An encrypted value and the id of its key.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The id of the key.
    pub key_id: String,
    /// Version 1, the nonce of 12 bytes, the ciphertext, its tag of 16 bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({:?}, {} bytes)", self.key_id, self.bytes.len())
    }
}

/// The first byte of a sealed value, for a format to come.
const VERSION: u8 = 1;

/// The keys by their ids, and which one seals.
pub struct Keyring {
    current: String,
    keys: BTreeMap<String, LessSafeKey>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&String> = self.keys.keys().collect();
        f.debug_struct("Keyring").field("current", &self.current).field("keys", &ids).finish()
    }
}

#[derive(Deserialize)]
struct Wire {
    current: String,
    keys: BTreeMap<String, Secret>,
}

impl Keyring {
    /// Reads `{"current":"k2","keys":{"k1":"<base64 of 32 bytes>","k2":".."}}`. Ids have 1 to 64 characters of
    /// `A-Za-z0-9._-`.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] names the id, never a key.
    pub fn parse(json: &str) -> Result<Self, KeyError> {
        // The parser's own message may quote what it read.
        let wire: Wire = serde_json::from_str(json)
            .map_err(|_| malformed("expected JSON of the shape {\"current\":\"k1\",\"keys\":{\"k1\":\"<base64>\"}}"))?;
        let mut keys = BTreeMap::new();
        for (id, text) in &wire.keys {
            keys.insert(id.clone(), read_key(id, text)?);
        }
        if !keys.contains_key(&wire.current) {
            return Err(malformed("`current` is not the id of a key"));
        }
        Ok(Self { current: wire.current, keys })
    }

    /// A keyring of one key of chance, whose values nobody will ever open.
    pub(crate) fn throwaway() -> Result<Self, KeyError> {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).map_err(|_| KeyError::Sealing)?;
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| KeyError::Sealing)?;
        let id = "throwaway".to_owned();
        Ok(Self { current: id.clone(), keys: BTreeMap::from([(id, LessSafeKey::new(key))]) })
    }

    /// The id of the key that seals.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// Encrypts with the current key. `context` says where the value belongs, as in `cp_certificate/<row id>`.
    ///
    /// # Errors
    /// When the machine gives no random numbers.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Sealed, KeyError> {
        let key = self.key(&self.current)?;
        // Random nonces are sound for 2^32 values of one key (NIST SP 800-38D 8.3).
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| KeyError::Sealing)?;
        let mut sealed = plain.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed)
            .map_err(|_| KeyError::Sealing)?;
        Ok(Sealed { key_id: self.current.clone(), bytes: [&[VERSION], &nonce[..], &sealed].concat() })
    }

    /// Decrypts what [`Keyring::seal`] made for the same `context`.
    ///
    /// # Errors
    /// [`KeyError::UnknownKey`] when the key is not here, [`KeyError::Damaged`] when the value does not open.
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<Vec<u8>, KeyError> {
        let key = self.key(&sealed.key_id)?;
        let damaged = |reason| KeyError::Damaged { context: context.into(), key_id: sealed.key_id.clone(), reason };
        let (version, rest) = sealed.bytes.split_first().ok_or_else(|| damaged("it is empty"))?;
        if *version != VERSION {
            return Err(damaged("its format is not known"));
        }
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(|| damaged("it is cut"))?;
        let mut text = sealed.to_vec();
        let plain = key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut text)
            .map_err(|_| damaged("it is damaged, of another key, or belongs elsewhere"))?
            .len();
        text.truncate(plain);
        Ok(text)
    }

    /// Decrypts a text, such as a private key in PEM.
    ///
    /// # Errors
    /// As [`Keyring::open`], and when it is not UTF-8.
    pub fn open_text(&self, context: &str, sealed: &Sealed) -> Result<Secret, KeyError> {
        let damaged = |_| KeyError::Damaged {
            context: context.into(),
            key_id: sealed.key_id.clone(),
            reason: "it is not a text",
        };
        String::from_utf8(self.open(context, sealed)?).map(Secret::new).map_err(damaged)
    }

    fn key(&self, id: &str) -> Result<&LessSafeKey, KeyError> {
        self.keys.get(id).ok_or_else(|| KeyError::UnknownKey(crate::failure::brief(id, 64)))
    }
}

fn read_key(id: &str, text: &Secret) -> Result<LessSafeKey, KeyError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !(1..=64).contains(&id.len()) || !id.bytes().all(plain) {
        return Err(malformed("the id of a key has 1 to 64 characters of A-Za-z0-9._-"));
    }
    let bytes = BASE64_STANDARD.decode(text.expose()).unwrap_or_default();
    let key = UnboundKey::new(&AES_256_GCM, &bytes)
        .map_err(|_| malformed(format!("key {id:?} is not the base64 of 32 bytes")))?;
    Ok(LessSafeKey::new(key))
}

fn malformed(problem: impl Into<String>) -> KeyError {
    KeyError::Malformed(problem.into())
}

#[cfg(test)]
mod tests;
