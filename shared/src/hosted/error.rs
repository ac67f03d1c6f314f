//! Why the hosted side did not do what it was asked.

use super::authority::AuthorityError;
use super::certificates::{IssueError, MAX_CONTENTS};
use crate::db::DbError;
use crate::failure::Classified;
use crate::keyring::KeyError;

/// Why the hosted side did not do what it was asked. Nothing is written then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostedError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// Private keys cannot be sealed.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// There is no authority, or it does not work.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// What is asked for does not fit to what is there.
    #[error("{0}")]
    Refused(String),
    /// A certificate has not the room for all content sets.
    #[error(
        "product {product} brings {found} content sets with it, and an entitlement certificate has room for {MAX_CONTENTS}"
    )]
    TooManyContents {
        /// The product that is sold.
        product: String,
        /// Content sets of its products.
        found: usize,
    },
}

impl HostedError {
    pub(super) fn refused(problem: impl Into<String>) -> Self {
        Self::Refused(problem.into())
    }

    /// Why the entitlement to a product has no certificate.
    pub(super) fn issuing(error: IssueError, product: &str) -> Self {
        match error {
            IssueError::Authority(error) => Self::Authority(error),
            IssueError::TooMany(found) => Self::TooManyContents { product: product.into(), found },
        }
    }
}

impl From<tokio_postgres::Error> for HostedError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Classified for HostedError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Database(error) => error.kind(),
            Self::Keys(error) => error.kind(),
            Self::Authority(error) => error.kind(),
            Self::Refused(_) => "Command",
            Self::TooManyContents { .. } => "Contents",
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
            Self::Keys(error) => error.is_transient(),
            Self::Authority(error) => error.is_transient(),
            Self::Refused(_) | Self::TooManyContents { .. } => false,
        }
    }
}
