//! Where exports go, and what they say of this server.

use super::read::{Reader, SettingError};
use crate::aws::S3Prefix;
use std::time::Duration;

/// Exports of manifests.
#[derive(Debug, Clone)]
pub struct ExportSettings {
    /// Where manifests are stored. None makes none.
    pub target: Option<S3Prefix>,
    /// Base of this server's web pages about consumers, where a request names none.
    pub web_prefix: Option<String>,
    /// Base of this server's API of consumers, where a request names none.
    pub api_url: Option<String>,
    /// How long a link to a stored manifest works.
    pub link_lifetime: Duration,
}

impl ExportSettings {
    pub(super) fn read(read: &Reader<'_>) -> Result<Self, SettingError> {
        Ok(Self {
            target: read.optional("LONGSHORE_EXPORT_TARGET")?,
            web_prefix: read.text("LONGSHORE_EXPORT_WEB_PREFIX"),
            api_url: read.text("LONGSHORE_EXPORT_API_URL"),
            // S3 takes no longer ones than a week.
            link_lifetime: Duration::from_secs(read.number("LONGSHORE_EXPORT_LINK_SECONDS", 900, 1..=604_800)?),
        })
    }
}
