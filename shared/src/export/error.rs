//! Why there is no manifest.

use super::StoreError;
use crate::db::DbError;
use crate::failure::{Classified, brief};
use crate::hosted::HostedError;
use crate::keyring::KeyError;

/// Longest text of others in a message, in bytes.
const MAX_TOLD: usize = 255;

/// Why there is no manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// What is asked for makes no sense.
    #[error("{0}")]
    Request(String),
    /// There is no such consumer, or the caller may not export it: which of both is not told.
    #[error("consumer {0} is unknown, or the caller may not export it; see create-distributor and grant of setup")]
    NotAllowed(String),
    /// Consumers of this type get no manifests.
    #[error("consumer {uuid} is of the type {label}, which is no type of consumers that get manifests")]
    NotADistributor {
        /// The consumer's uuid.
        uuid: String,
        /// The label of its type.
        label: String,
    },
    /// There is no content delivery network of that label.
    #[error("the content delivery network {0} is unknown")]
    UnknownCdn(String),
    /// The database holds something that no manifest can.
    #[error("{what} cannot be exported: {problem}")]
    Unfit {
        /// What it is, by its id.
        what: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An entitlement came between issuing certificates and looking at them.
    #[error("entitlement {0} has no certificate yet; the next try issues it")]
    Uncertified(String),
    /// What a certificate states changed after it was issued, and before the snapshot.
    #[error("an import came in between, and a certificate does not say what is so any more; try again")]
    Outdated,
    /// The archive could not be written.
    #[error("the archive could not be written: {0}")]
    Archive(#[from] std::io::Error),
    /// Certificates or the signature could not be made.
    #[error(transparent)]
    Hosted(#[from] HostedError),
    /// A private key cannot be read.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The archive could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl ExportError {
    pub(super) fn not_allowed(uuid: &str) -> Self {
        Self::NotAllowed(brief(uuid, MAX_TOLD))
    }

    pub(super) fn unfit(what: &str, id: &str, problem: &'static str) -> Self {
        Self::Unfit { what: format!("{what} {}", brief(id, MAX_TOLD)), problem }
    }
}

impl From<tokio_postgres::Error> for ExportError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Classified for ExportError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Request(_) | Self::NotADistributor { .. } | Self::UnknownCdn(_) | Self::Unfit { .. } => "Export",
            Self::Uncertified(_) | Self::Outdated => "Changed",
            Self::NotAllowed(_) => "Owner",
            Self::Archive(_) => "Archive",
            Self::Hosted(error) => error.kind(),
            Self::Keys(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Database(error) => error.kind(),
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Hosted(error) => error.is_transient(),
            Self::Keys(error) => error.is_transient(),
            Self::Store(error) => error.is_transient(),
            Self::Database(error) => error.is_transient(),
            Self::Uncertified(_) | Self::Outdated => true,
            Self::Request(_)
            | Self::NotAllowed(_)
            | Self::NotADistributor { .. }
            | Self::UnknownCdn(_)
            | Self::Unfit { .. }
            | Self::Archive(_) => false,
        }
    }
}
