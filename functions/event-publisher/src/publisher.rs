//! Batch after batch until nothing waits.

use crate::PublishError;
use crate::producer::{Left, Producer, Verdicts};
use longshore::aws::Aws;
use longshore::clock::{Clock, to_timestamp};
use longshore::db::{Connector, DbError, Pool};
use longshore::failure::{Chain, Failure};
use longshore::lambda::Call;
use longshore::metrics;
use longshore::outbox::{self, Limits, Waiting};
use longshore::settings::{KafkaSettings, Settings};
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;

/// A batch: enough for the broker to compress well, and little enough to hold.
const BATCH: Limits = Limits { rows: 5_000, bytes: 8 << 20 };

/// How long to wait for another publisher's batch. It goes on until nothing waits, so there is mostly no need to.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an invocation goes on where nobody says how long it may.
const UNLIMITED: Duration = Duration::from_secs(14 * 60);

/// Publishes what waits in the outbox.
pub struct Publisher {
    pool: Pool,
    aws: Aws,
    clock: Clock,
    settings: KafkaSettings,
    deadline_margin: Duration,
}

/// What an invocation has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Messages that all replicas have.
    pub published: u64,
    /// Messages that the broker will never take: they are kept, with the reason.
    pub parked: u64,
    /// Published messages that were kept long enough.
    pub deleted: u64,
    /// Whether another publisher was at it and still is.
    pub busy: bool,
}

impl Publisher {
    /// Wires everything; nothing connects before the first invocation.
    pub fn new(settings: &Settings, aws: Aws, clock: Clock) -> Self {
        let connector = Connector::new(settings.database.clone(), aws.clone(), clock.clone()).for_lookups();
        Self {
            pool: Pool::new(connector, 1),
            aws,
            clock,
            settings: settings.kafka.clone(),
            deadline_margin: settings.deadline_margin,
        }
    }

    /// Publishes until nothing waits or the time is up.
    ///
    /// # Errors
    /// What waits and why, when not everything that should be published was. Nothing is lost: it is tried again.
    pub async fn publish(&self, call: Call<'_>) -> Result<Published, Failure> {
        let remaining = call.remaining.map_or(UNLIMITED, |left| left.saturating_sub(self.deadline_margin));
        let mut run =
            Run { publisher: self, until: Instant::now() + remaining, done: Published::default(), producer: None };
        let drained = run.drain().await;
        run.end_producer().await;
        let mut done = run.done;
        let ended = match drained {
            Ok(()) => self.prune(&mut done).await,
            failed => failed,
        };
        self.report(&done, call.request_id).await;
        self.pool.settle().await;
        ended.map_err(Failure::from)?;
        Ok(done)
    }

    /// Deletes what was published long enough ago.
    async fn prune(&self, done: &mut Published) -> Result<(), PublishError> {
        let before = to_timestamp(self.clock.now() - self.settings.retention);
        let session = self.pool.get().await?;
        done.deleted = outbox::prune(&*session, before).await?;
        Ok(())
    }

    /// One line, and what an operator's alarms look at.
    async fn report(&self, done: &Published, request_id: &str) {
        let standing = async {
            let session = self.pool.get().await?;
            outbox::standing(&*session, self.clock.timestamp()).await
        };
        match standing.await {
            Ok(standing) => {
                let oldest_s = standing.oldest.as_secs();
                let (waiting, parked) = (standing.waiting, standing.parked);
                let Published { published, parked: newly_parked, deleted, busy } = *done;
                tracing::info!(
                    published,
                    newly_parked,
                    deleted,
                    busy,
                    waiting,
                    oldest_s,
                    parked,
                    "outbox looked through"
                );
                metrics::outbox_drained(published, newly_parked, &standing, request_id);
            }
            Err(error) => tracing::warn!(error = %Chain(&error), "nobody knows how the outbox stands"),
        }
    }
}

/// One invocation.
struct Run<'a> {
    publisher: &'a Publisher,
    until: Instant,
    done: Published,
    /// There once something was to be sent: logging in takes longer than finding that nothing waits.
    producer: Option<Producer>,
}

impl Run<'_> {
    async fn drain(&mut self) -> Result<(), PublishError> {
        let mut left = Left::default();
        while Instant::now() < self.until {
            let held_back: Vec<String> = left.keys.iter().cloned().collect();
            let Some(verdicts) = self.batch(&held_back).await? else { break };
            let Verdicts { published, parked, left: more } = verdicts;
            self.done.published += published.len() as u64;
            self.done.parked += parked.len() as u64;
            let nothing_goes = published.is_empty() && parked.is_empty();
            if more.rows > 0 {
                // What it still holds must not come behind what is sent again.
                self.end_producer().await;
            }
            left.merge(more);
            if nothing_goes {
                break;
            }
        }
        left.reason.map_or(Ok(()), |reason| Err(PublishError::Unacknowledged { waiting: left.rows, reason }))
    }

    /// One batch in one transaction, which holds the turn. `None` where nothing waits, or another publisher has the turn.
    async fn batch(&mut self, held_back: &[String]) -> Result<Option<Verdicts>, PublishError> {
        let mut session = self.publisher.pool.get().await?;
        session.begin();
        let transaction = session.transaction().await.map_err(DbError::from)?;
        let verdicts = if outbox::take_turn(&transaction, PATIENCE).await? {
            let rows = outbox::waiting(&transaction, BATCH, held_back).await?;
            if rows.is_empty() { None } else { Some(self.send(&rows).await?) }
        } else {
            self.done.busy = true;
            None
        };
        match &verdicts {
            Some(verdicts) => {
                let now = self.publisher.clock.timestamp();
                outbox::settle(&transaction, &verdicts.published, &verdicts.parked, now).await?;
                transaction.commit().await.map_err(DbError::from)?;
            }
            None => transaction.rollback().await.map_err(DbError::from)?,
        }
        session.done();
        Ok(verdicts)
    }

    async fn send(&mut self, rows: &[Waiting]) -> Result<Verdicts, PublishError> {
        let producer = match &mut self.producer {
            Some(producer) => producer,
            none => none.insert(Producer::connect(&self.publisher.settings, &self.publisher.aws).await?),
        };
        let verdicts = producer.send(rows, self.until).await;
        for parked in &verdicts.parked {
            tracing::error!(id = parked.id, reason = parked.reason, "a message is parked: the broker will not take it");
        }
        Ok(verdicts)
    }

    async fn end_producer(&mut self) {
        if let Some(producer) = self.producer.take() {
            producer.close().await;
        }
    }
}
