//! What failed, and whom it is handed to again.

use super::read::{Reader, SettingError};
use crate::aws::S3Prefix;

/// For commands of `setup` that hand over again what was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaySettings {
    /// The bucket that batches and records which failed are kept in.
    pub bucket: Option<String>,
    /// What the names of this stack's functions begin with.
    pub function_prefix: String,
}

impl ReplaySettings {
    pub(super) fn read(read: &Reader<'_>) -> Result<Self, SettingError> {
        Ok(Self {
            bucket: read.optional::<S3Prefix>("LONGSHORE_FAILURE_TARGET")?.map(|place| place.bucket),
            function_prefix: read.text("LONGSHORE_FUNCTION_PREFIX").unwrap_or_default(),
        })
    }
}
