//! What is read from elsewhere, kept in memory, and read again in time: certificates and keys that somebody may replace or
//! withdraw while a function is warm.

use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long what was read counts: so long may what was withdrawn still be used.
const MAX_AGE: Duration = Duration::from_secs(300);

/// A value that is read when it is first needed, and again when it is older than five minutes.
#[derive(Debug)]
pub(crate) struct Kept<T>(Mutex<Option<(Arc<T>, Instant)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Kept<T> {
    /// The value, and whether it was read just now. A failure is not kept: the next call reads again.
    pub async fn get<E>(&self, read: impl AsyncFnOnce() -> Result<T, E>) -> Result<(Arc<T>, bool), E> {
        let mut kept = self.0.lock().await;
        if let Some((value, at)) = &*kept
            && at.elapsed() < MAX_AGE
        {
            return Ok((value.clone(), false));
        }
        let value = Arc::new(read().await?);
        *kept = Some((value.clone(), Instant::now()));
        Ok((value, true))
    }

    /// Reads the value again. When that fails, what was read before stays.
    pub async fn reload<E>(&self, read: impl AsyncFnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let mut kept = self.0.lock().await;
        let value = Arc::new(read().await?);
        *kept = Some((value.clone(), Instant::now()));
        Ok(value)
    }
}
