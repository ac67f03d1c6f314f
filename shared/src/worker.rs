//! What every per-message function works with, and does the same way.

use crate::aws::Aws;
use crate::clock::Clock;
use crate::db::{Connector, DbError, Pool};
use crate::failure::Failure;
use crate::fetch::{FetchError, Fetcher};
use crate::kafka::{BatchResponse, Consumer, Event, Invocation, Record, Rejections, process};
use crate::message::{Announcement, request_id_of};
use crate::metrics;
use crate::outbox::{Platform, Subject, Wakeup};
use crate::settings::Settings;
use std::time::Duration;

/// Connections, downloads and rejected records. Nothing connects before the first record.
pub(crate) struct Worker {
    pub pool: Pool,
    pub clock: Clock,
    pub fetcher: Fetcher,
    pub wakeup: Wakeup,
    platform: Platform,
    rejections: Rejections,
    deadline_margin: Duration,
    concurrency: usize,
}

impl Worker {
    /// `platform` is who tells the platform of messages, `largest` the size in bytes of the largest archive that is downloaded.
    pub fn new(settings: &Settings, platform: Platform, largest: u64, aws: &Aws, clock: Clock) -> Self {
        let connector = Connector::new(settings.database.clone(), aws.clone(), clock.clone());
        let pool = Pool::new(connector, settings.concurrency);
        Self {
            fetcher: Fetcher::new(settings.fetch.clone(), largest, aws),
            wakeup: Wakeup::new(settings.wake_queue.as_deref(), aws),
            platform,
            rejections: Rejections::new(settings.rejection_target.clone(), pool.clone(), aws, clock.clone()),
            deadline_margin: settings.deadline_margin,
            concurrency: settings.concurrency,
            pool,
            clock,
        }
    }

    /// Runs `consumer` over the records of `payload`, the event of a Kafka event source mapping. `remaining` is the time
    /// until Lambda ends the invocation, where that is known.
    ///
    /// # Errors
    /// When the payload is no Kafka event. Everything else is answered for record by record.
    pub async fn handle(
        &self,
        consumer: &impl Consumer,
        payload: &str,
        remaining: Option<Duration>,
    ) -> Result<BatchResponse, Failure> {
        let event = Event::parse(payload)?;
        let invocation = Invocation::new(remaining, self.deadline_margin, self.concurrency);
        // Boxed: the type of the whole work is deeper than the compiler likes.
        let response = Box::pin(process(consumer, &event, invocation)).await;
        tokio::join!(self.pool.settle(), self.wakeup.send());
        Ok(response)
    }

    /// What the platform can be told of a record that comes in now.
    pub fn subject(&self, record: &Record) -> Subject {
        self.platform.subject(record, self.clock.timestamp())
    }

    /// The announced archive. The platform is told meanwhile that the work begins, and both come to their end: how the work
    /// ended must not be told before that.
    pub async fn download<E>(&self, subject: &Subject, announced: &Announcement) -> Result<Vec<u8>, E>
    where
        E: From<FetchError> + From<DbError>,
    {
        let (begun, archive) = tokio::join!(self.begin(subject), self.fetcher.download(&announced.url, announced.size));
        begun?;
        let archive = archive?;
        if let Some(announced) = announced.size.filter(|size| *size != archive.len() as u64) {
            tracing::warn!(announced, found = archive.len(), "the archive has another size than announced");
        }
        Ok(archive)
    }

    async fn begin(&self, subject: &Subject) -> Result<(), DbError> {
        let session = self.pool.get().await?;
        subject.begun(&*session, self.clock.timestamp()).await
    }

    /// Keeps a record that can never succeed.
    pub async fn reject(&self, record: &Record, why: &Failure) -> Result<(), Failure> {
        let request_id = request_id_of(record);
        Ok(self.rejections.keep(record, request_id.as_deref(), why, &self.subject(record)).await?)
    }

    /// Counts a record's end.
    pub fn ended(&self, record: &Record, outcome: &'static str, failure: Option<&Failure>) {
        // Most records of a topic that services share are skipped, and leave nothing to publish.
        if outcome != "skipped" {
            self.wakeup.due();
        }
        metrics::record_ended(outcome, failure.map(Failure::kind), request_id_of(record).as_deref());
    }
}
