//! Why an import failed.

use super::Conflict;
use super::owner::OwnerError;
use super::unload::UnloadError;
use super::upstream::StoreError;
use crate::db::DbError;
use crate::failure::Classified;
use crate::fetch::FetchError;
use crate::keyring::KeyError;
use crate::manifest::{AnchorError, ManifestError, SignatureError};
use std::fmt;

/// Why an import failed. Nothing is written then but the failure itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The archive, or its detached signature, could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A data bundle's signature is not there yet.
    #[error(
        "the data bundle's signature is not at its url with .sig appended; until five minutes after the record's time it may \
         still come"
    )]
    SignatureMayFollow,
    /// The manifest was refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It conflicts with what is here, and nobody insists.
    #[error(transparent)]
    Conflicts(#[from] Conflicts),
    /// There is no such owner, or the caller may not act for it.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// The consumer belongs to somebody else. Whose it is is not told.
    #[error(
        "consumer.json: consumer {uuid} is another owner's; undo that owner's import first, or have a manifest made for \
         another consumer"
    )]
    Elsewhere {
        /// The consumer.
        uuid: String,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// Private keys cannot be sealed.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// It is not known whom to trust.
    #[error(transparent)]
    Anchors(#[from] AnchorError),
    /// A fault of ours while reading.
    #[error("the reader panicked: {0}")]
    Panic(String),
}

impl Classified for ImportError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.kind(),
            Self::SignatureMayFollow => "Signature",
            Self::Manifest(error) => error.kind(),
            Self::Conflicts(_) => "Conflict",
            Self::Owner(error) => error.kind(),
            Self::Elsewhere { .. } => "Owner",
            Self::Database(error) => error.kind(),
            Self::Keys(error) => error.kind(),
            Self::Anchors(error) => error.kind(),
            Self::Panic(_) => "Panic",
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_transient(),
            Self::Owner(error) => error.is_transient(),
            Self::Database(error) => error.is_transient(),
            Self::Keys(error) => error.is_transient(),
            Self::Anchors(error) => error.is_transient(),
            // Perhaps memory was short; the retries of the mapping are finite.
            Self::Panic(_) | Self::SignatureMayFollow => true,
            Self::Manifest(_) | Self::Conflicts(_) | Self::Elsewhere { .. } => false,
        }
    }
}

/// What an import that nobody forces makes of a signature.
impl From<SignatureError> for ImportError {
    fn from(error: SignatureError) -> Self {
        match Conflict::of_signature(&error) {
            Some(conflict) => Conflicts(vec![(conflict, error.to_string())]).into(),
            None => Self::Manifest(error.into()),
        }
    }
}

impl From<tokio_postgres::Error> for ImportError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<UnloadError> for ImportError {
    fn from(error: UnloadError) -> Self {
        match error {
            UnloadError::Manifest(error) => Self::Manifest(error),
            UnloadError::Keys(error) => Self::Keys(error),
            UnloadError::Database(error) => Self::Database(error),
            UnloadError::Panic(what) => Self::Panic(what),
        }
    }
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => Self::Database(error),
            StoreError::Keys(error) => Self::Keys(error),
            StoreError::UnknownType => {
                let problem = "the consumer's type is neither in consumer_types/ nor known here";
                Self::Manifest(ManifestError::invalid("consumer.json", problem))
            }
        }
    }
}

/// Conflicts, each with what it is about. Never empty.
#[derive(Debug)]
pub struct Conflicts(pub Vec<(Conflict, String)>);

impl Conflicts {
    /// Their names, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|(conflict, _)| conflict.name()).collect()
    }
}

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (conflict, about)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{conflict}: {about}")?;
        }
        write!(f, "; to force it, name {} in metadata.force", self.names().join(" and "))
    }
}

impl std::error::Error for Conflicts {}
