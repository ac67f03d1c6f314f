//! Where the keys come from: read when first needed, in time again, and when one is missing.

use super::{KeyError, Keyring, Sealed};
use crate::aws::Aws;
use crate::failure::Chain;
use crate::kept::Kept;
use crate::secret::Secret;
use aws_sdk_kms::primitives::Blob;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// Where the JSON of a [`Keyring`] is.
#[derive(Clone, PartialEq, Eq)]
pub enum KeySource {
    /// `file:<path>`: a local file, for development.
    File(PathBuf),
    /// `secretsmanager:<ARN or name>`: the text of a secret.
    SecretsManager(String),
    /// `kms:<base64>`: the JSON itself, encrypted by KMS.
    Kms(Vec<u8>),
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySource({self})")
    }
}

/// Names the place, as errors do.
impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::SecretsManager(id) => write!(f, "secret {id}"),
            Self::Kms(ciphertext) => write!(f, "a KMS ciphertext of {} bytes", ciphertext.len()),
        }
    }
}

impl FromStr for KeySource {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected file:<path>, secretsmanager:<ARN or name> or kms:<base64>";
        match text.trim().split_once(':') {
            Some((_, "")) | None => Err(EXPECTED),
            Some(("file", path)) => Ok(Self::File(path.into())),
            Some(("secretsmanager", id)) => Ok(Self::SecretsManager(id.into())),
            Some(("kms", base64)) => {
                BASE64_STANDARD.decode(base64).map(Self::Kms).map_err(|_| "what follows kms: is not base64")
            }
            Some(_) => Err(EXPECTED),
        }
    }
}

/// The keys, read when they are first needed.
#[derive(Debug)]
pub struct Keys {
    source: Option<KeySource>,
    aws: Aws,
    kept: Kept<Keyring>,
}

impl Keys {
    /// Reads nothing yet. Without a source every use is [`KeyError::NotConfigured`].
    pub fn new(source: Option<KeySource>, aws: &Aws) -> Self {
        Self { source, aws: aws.clone(), kept: Kept::default() }
    }

    /// The keys, from memory where they were read within the last minutes. A failure is not kept: the next call reads
    /// again.
    ///
    /// # Errors
    /// When they are not configured, cannot be read or are malformed.
    pub async fn get(&self) -> Result<Arc<Keyring>, KeyError> {
        self.kept.get(async || self.read().await).await.map(|(keyring, _)| keyring)
    }

    /// Reads the keys again, as after a rotation. When that fails, what was read before stays.
    ///
    /// # Errors
    /// As [`Keys::get`].
    pub async fn reload(&self) -> Result<Arc<Keyring>, KeyError> {
        self.kept.reload(async || self.read().await).await
    }

    /// Opens a text; reads the keys again when its key is not among them, for the function may be older than the key.
    ///
    /// # Errors
    /// As [`Keys::get`] and [`Keyring::open_text`].
    pub async fn open_text(&self, context: &str, sealed: &Sealed) -> Result<Secret, KeyError> {
        match self.get().await?.open_text(context, sealed) {
            Err(KeyError::UnknownKey(_)) => self.reload().await?.open_text(context, sealed),
            opened => opened,
        }
    }

    async fn read(&self) -> Result<Keyring, KeyError> {
        let source = self.source.as_ref().ok_or(KeyError::NotConfigured)?;
        let json = match source {
            KeySource::File(path) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
            KeySource::SecretsManager(id) => self.read_secret(id).await,
            KeySource::Kms(ciphertext) => self.decrypt(ciphertext).await,
        };
        let json = json.map_err(|reason| KeyError::Unavailable { place: source.to_string(), reason })?;
        Keyring::parse(&json)
    }

    async fn read_secret(&self, id: &str) -> Result<String, String> {
        let answer = Box::pin(self.aws.secrets().get_secret_value().secret_id(id).send()).await;
        let answer = answer.map_err(|error| Chain(&error).to_string())?;
        answer.secret_string().map(Into::into).ok_or_else(|| "it is binary, not text".into())
    }

    async fn decrypt(&self, ciphertext: &[u8]) -> Result<String, String> {
        let answer = Box::pin(self.aws.kms().decrypt().ciphertext_blob(Blob::new(ciphertext)).send()).await;
        let answer = answer.map_err(|error| Chain(&error).to_string())?;
        let plain = answer.plaintext.ok_or("KMS gave no plaintext")?;
        String::from_utf8(plain.into_inner()).map_err(|_| "what KMS decrypted is not text".into())
    }
}
