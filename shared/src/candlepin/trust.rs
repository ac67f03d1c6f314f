//! The certificates that are trusted, loaded when first needed, and again when a signature does not do: they may have been
//! replaced since.

use crate::aws::Aws;
use crate::manifest::{AnchorError, TrustAnchors, TrustSource, signature};
use std::sync::{Arc, Mutex, PoisonError};

/// Loads and keeps trust anchors.
pub(super) struct Trusted {
    sources: Vec<TrustSource>,
    aws: Aws,
    loaded: Mutex<Option<Arc<TrustAnchors>>>,
}

impl Trusted {
    pub fn new(sources: Vec<TrustSource>, aws: &Aws) -> Self {
        Self { sources, aws: aws.clone(), loaded: Mutex::default() }
    }

    /// The anchors, and whether they have been loaded just now.
    pub async fn get(&self) -> Result<(Arc<TrustAnchors>, bool), AnchorError> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match loaded {
            Some(anchors) => Ok((anchors, false)),
            None => Ok((self.reload().await?, true)),
        }
    }

    /// The anchors as they are now. Without any, every manifest would be rejected, where an operator could still mend it.
    pub async fn reload(&self) -> Result<Arc<TrustAnchors>, AnchorError> {
        let anchors = Arc::new(signature::load(&self.sources, &self.aws).await?);
        if anchors.is_empty() {
            return Err(AnchorError::None);
        }
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = Some(anchors.clone());
        Ok(anchors)
    }
}
