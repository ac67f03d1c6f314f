//! Why a manifest was refused.

use super::{CertificateError, ContainerError, SignatureError};
use crate::archive::ArchiveError;
use crate::failure::Classified;

/// Why a manifest was refused. None of these is cured by trying again. Texts name the file, and never hold what is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The archive cannot be read.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// A file of it cannot be expanded.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The signature cannot be checked, or nothing can make it good.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A part that every manifest has is not there.
    #[error("the manifest has no {part}")]
    Missing {
        /// A file, or a folder with its slash.
        part: &'static str,
    },
    /// A file is not the JSON that it should be.
    #[error("{file}: {problem}")]
    Json {
        /// The file.
        file: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// A file says something that cannot be.
    #[error("{file}: {problem}")]
    Invalid {
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// A certificate or a key in a file is damaged.
    #[error("{file}: the certificate or its key cannot be used")]
    Certificate {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: CertificateError,
    },
}

impl ManifestError {
    /// A file that says something that cannot be.
    pub(crate) fn invalid(file: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { file: file.into(), problem: problem.into() }
    }

    /// For `map_err`: a damaged certificate of `file`.
    pub(crate) fn certificate(file: &str) -> impl FnOnce(CertificateError) -> Self {
        |source| Self::Certificate { file: file.into(), source }
    }
}

impl Classified for ManifestError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Container(error) => error.kind(),
            Self::Archive(error) => error.kind(),
            Self::Signature(error) => error.kind(),
            _ => "Manifest",
        }
    }

    fn is_transient(&self) -> bool {
        false
    }
}
