//! The certificates that are trusted, read when first needed, in time again, and when a signature does not do: they may have
//! been replaced since.

use crate::aws::Aws;
use crate::kept::Kept;
use crate::manifest::{AnchorError, TrustAnchors, TrustSource, signature};
use std::sync::Arc;

/// Loads and keeps trust anchors.
pub(super) struct Trusted {
    sources: Vec<TrustSource>,
    aws: Aws,
    kept: Kept<TrustAnchors>,
}

impl Trusted {
    pub fn new(sources: Vec<TrustSource>, aws: &Aws) -> Self {
        Self { sources, aws: aws.clone(), kept: Kept::default() }
    }

    /// The anchors, and whether they have been read just now.
    pub async fn get(&self) -> Result<(Arc<TrustAnchors>, bool), AnchorError> {
        self.kept.get(async || self.read().await).await
    }

    /// The anchors as they are now.
    pub async fn reload(&self) -> Result<Arc<TrustAnchors>, AnchorError> {
        self.kept.reload(async || self.read().await).await
    }

    /// Without any, every manifest would be rejected, where an operator could still mend it.
    async fn read(&self) -> Result<TrustAnchors, AnchorError> {
        let anchors = signature::load(&self.sources, &self.aws).await?;
        if anchors.is_empty() { Err(AnchorError::None) } else { Ok(anchors) }
    }
}
