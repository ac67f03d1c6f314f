//! Waking the publisher, which otherwise comes by its schedule.

use crate::aws::Aws;
use crate::failure::Chain;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long the queue has: the work is done, and whoever waits for the answer should not wait for this.
const PATIENCE: Duration = Duration::from_secs(2);

/// The queue that wakes the publisher, where there is one. Clones share what is due.
#[derive(Debug, Clone)]
pub struct Wakeup(Option<Arc<Queue>>);

#[derive(Debug)]
struct Queue {
    url: String,
    sqs: aws_sdk_sqs::Client,
    is_due: AtomicBool,
}

impl Wakeup {
    /// `queue` is the URL of an SQS queue. Nothing connects before the first message.
    pub fn new(queue: Option<&str>, aws: &Aws) -> Self {
        let queue = queue.map(|url| Queue { url: url.into(), sqs: aws.sqs(), is_due: AtomicBool::new(false) });
        Self(queue.map(Arc::new))
    }

    /// Notes that something may wait in the outbox.
    pub fn due(&self) {
        if let Some(queue) = &self.0 {
            queue.is_due.store(true, Ordering::Relaxed);
        }
    }

    /// Wakes the publisher if that is due. Called once an invocation, before it is answered. A queue that fails or hangs is
    /// logged and forgotten.
    pub async fn send(&self) {
        let Some(queue) = self.0.as_ref().filter(|queue| queue.is_due.swap(false, Ordering::Relaxed)) else { return };
        let message = queue.sqs.send_message().queue_url(&queue.url).message_body("the outbox has messages");
        match tokio::time::timeout(PATIENCE, message.send()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(error = %Chain(&error), "the publisher was not woken"),
            Err(_) => tracing::warn!("the publisher was not woken: the queue did not answer in time"),
        }
    }
}
