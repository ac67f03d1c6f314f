//! Downloads into memory: `s3://` and `https://`, behind an allow-list, resumed where they break.

mod address;
mod allow;
mod http;
mod transfer;

pub use address::is_public;
pub use allow::{AllowList, Location};
pub(crate) use http::client;
pub use transfer::Fetcher;

use crate::failure::Classified;

/// Why an archive could not be had. Texts never hold a URL's query: a presigned URL is a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The allow-list, the scheme or the address forbid it.
    #[error("downloading from there is not allowed: {0}")]
    NotAllowed(String),
    /// Larger than the limit.
    #[error("the archive has {found} bytes or more, over the limit of {maximum}")]
    TooLarge {
        /// Bytes announced or read so far.
        found: u64,
        /// The limit.
        maximum: u64,
    },
    /// The server says no, and will say so again.
    #[error("the server answered {status}")]
    Refused {
        /// HTTP status.
        status: u16,
    },
    /// The server is overloaded, broken or gone, or the connection was lost.
    #[error("the download failed: {0}")]
    Unavailable(String),
}

impl Classified for FetchError {
    fn kind(&self) -> &'static str {
        match self {
            Self::NotAllowed(_) => "NotAllowed",
            Self::TooLarge { .. } => "ArchiveTooLarge",
            Self::Refused { .. } | Self::Unavailable(_) => "Download",
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl FetchError {
    /// What an HTTP status means for a download.
    fn from_status(status: u16) -> Self {
        match status {
            408 | 425 | 429 | 500.. => Self::Unavailable(format!("the server answered {status}")),
            _ => Self::Refused { status },
        }
    }
}
