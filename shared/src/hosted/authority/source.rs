//! The authority, read when it is first needed and in time again.

use super::{Authority, AuthorityError};
use crate::aws::Aws;
use crate::clock::Clock;
use crate::kept::Kept;
use crate::secret_source::SecretSource;
use std::sync::Arc;

/// Where the authority comes from. Reads nothing before it is needed.
#[derive(Debug)]
pub struct Authorities {
    source: Option<SecretSource>,
    aws: Aws,
    clock: Clock,
    kept: Kept<Authority>,
}

impl Authorities {
    /// The source has a PEM text; without one every use is [`AuthorityError::NotConfigured`].
    pub fn new(source: Option<SecretSource>, aws: &Aws, clock: &Clock) -> Self {
        Self { source, aws: aws.clone(), clock: clock.clone(), kept: Kept::default() }
    }

    /// Whether there is a source at all.
    pub fn is_configured(&self) -> bool {
        self.source.is_some()
    }

    /// The authority, from memory where it was read within the last minutes. A failure is not kept.
    ///
    /// # Errors
    /// When it is not configured, cannot be read, cannot be used, or is not valid now.
    pub async fn get(&self) -> Result<Arc<Authority>, AuthorityError> {
        let (authority, _) = self.kept.get(async || self.read().await).await?;
        authority.check_validity(self.clock.now())?;
        Ok(authority)
    }

    async fn read(&self) -> Result<Authority, AuthorityError> {
        let source = self.source.as_ref().ok_or(AuthorityError::NotConfigured)?;
        let text = source.read(&self.aws).await;
        let text = text.map_err(|reason| AuthorityError::Unavailable { place: source.to_string(), reason })?;
        Authority::parse(text.expose())
    }
}
