//! How callers over HTTP are known.

use super::read::{Reader, SettingError};
use crate::http::CallerSettings;

pub(super) fn read(read: &Reader<'_>) -> Result<CallerSettings, SettingError> {
    Ok(CallerSettings {
        org_claim: read.text("LONGSHORE_JWT_ORG_CLAIM").unwrap_or_else(|| "org_id".into()),
        trust_identity_header: read.flag("LONGSHORE_TRUST_IDENTITY_HEADER", false)?,
    })
}
