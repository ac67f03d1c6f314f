//! What failed, and whom it is handed to again.

use super::read::{Reader, SettingError};
use crate::aws::S3Prefix;
use std::str::FromStr;

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
            bucket: read.optional::<Bucket>("LONGSHORE_FAILURE_TARGET")?.map(|Bucket(name)| name),
            function_prefix: read.text("LONGSHORE_FUNCTION_PREFIX").unwrap_or_default(),
        })
    }
}

/// A whole bucket: what is below it is told by each command.
struct Bucket(String);

impl FromStr for Bucket {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<S3Prefix>() {
            Ok(S3Prefix { bucket, prefix }) if prefix.is_empty() => Ok(Self(bucket)),
            _ => Err("expected s3://bucket"),
        }
    }
}
