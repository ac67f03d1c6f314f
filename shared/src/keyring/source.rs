//! The keys, read when first needed, in time again, and when one is missing.

use super::{KeyError, Keyring, Sealed};
use crate::aws::Aws;
use crate::kept::Kept;
use crate::secret::Secret;
use crate::secret_source::SecretSource;
use std::sync::Arc;

/// The keys, read when they are first needed.
#[derive(Debug)]
pub struct Keys {
    source: Option<SecretSource>,
    aws: Aws,
    kept: Kept<Keyring>,
}

impl Keys {
    /// Reads nothing yet. The source has the JSON of a [`Keyring`]; without one every use is
    /// [`KeyError::NotConfigured`].
    pub fn new(source: Option<SecretSource>, aws: &Aws) -> Self {
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
        let json = source.read(&self.aws).await;
        let json = json.map_err(|reason| KeyError::Unavailable { place: source.to_string(), reason })?;
        Keyring::parse(json.expose())
    }
}
