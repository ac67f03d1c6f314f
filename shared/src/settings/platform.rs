//! What the platform is told of each message.

use super::read::{Reader, SettingError};

/// Messages for the platform, besides events. They go through the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformSettings {
    /// Whether statuses of messages are told: `platform.payload-status`.
    pub payload_status: bool,
    /// The service that they name.
    pub service: String,
    /// Whether uploads are answered: `platform.upload.validation`.
    pub validation: bool,
}

impl PlatformSettings {
    pub(super) fn read(read: &Reader<'_>) -> Result<Self, SettingError> {
        Ok(Self {
            payload_status: read.flag("LONGSHORE_PAYLOAD_STATUS", true)?,
            service: read.text("LONGSHORE_PAYLOAD_STATUS_SERVICE").unwrap_or_else(|| "longshore".into()),
            validation: read.flag("LONGSHORE_VALIDATION", false)?,
        })
    }
}
