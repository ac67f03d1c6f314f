//! Batch after batch until nothing waits.

use crate::PublishError;
use crate::producer::{Left, Producer, Verdicts};
use longshore::aws::Aws;
use longshore::clock::{Clock, to_timestamp};
use longshore::db::{Connector, DbError, Pool};
use longshore::failure::{Chain, Failure};
use longshore::lambda::Call;
use longshore::metrics;
use longshore::outbox::{self, HeldBack, Limits, Parked, Waiting};
use longshore::settings::{KafkaSettings, Settings};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// A batch: enough for the broker to compress well, and little enough to hold.
const BATCH: Limits = Limits { rows: 5_000, bytes: 8 << 20 };

/// What is sent one after the other, to find the one that the broker refuses.
const ALONE: Limits = Limits { rows: 200, bytes: 8 << 20 };

/// How long logging in may take.
const CONNECT: Duration = Duration::from_secs(20);

/// The least time that a batch is begun with.
const LEAST: Duration = Duration::from_secs(8);

/// How long a batch may take once one was too slow, so that what can be published is.
const ONCE_SLOW: Duration = Duration::from_secs(3);

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
        let mut run = Run {
            publisher: self,
            until: Instant::now() + remaining,
            done: Published::default(),
            producer: None,
            timeout: self.settings.timeout,
            alone: false,
        };
        let drained = run.drain().await;
        run.end_producer().await;
        let (until, mut done) = (run.until, run.done);
        let pruned = self.prune(until, &mut done).await;
        self.report(&done, call.request_id).await;
        self.pool.settle().await;
        drained.and(pruned)?;
        Ok(done)
    }

    /// Deletes what was published long enough ago.
    async fn prune(&self, until: Instant, done: &mut Published) -> Result<(), PublishError> {
        let before = to_timestamp(self.clock.now() - self.settings.retention);
        let session = self.pool.get().await?;
        loop {
            let deleted = outbox::prune(&*session, before).await?;
            done.deleted += deleted;
            if deleted < outbox::PRUNED_AT_ONCE || Instant::now() >= until {
                return Ok(());
            }
        }
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
    /// How long a batch may take to be acknowledged.
    timeout: Duration,
    /// Whether the next batch is sent one after the other.
    alone: bool,
}

impl Run<'_> {
    async fn drain(&mut self) -> Result<(), PublishError> {
        let mut left = Left::default();
        while self.until.saturating_duration_since(Instant::now()) > LEAST && self.is_ready(&left.held_back).await? {
            let Some(verdicts) = self.batch(&left.held_back).await? else { break };
            self.done.published += verdicts.published.len() as u64;
            self.done.parked += verdicts.parked.len() as u64;
            self.alone = verdicts.suspects > 0;
            if verdicts.left.rows > 0 {
                self.timeout = self.timeout.min(ONCE_SLOW);
            }
            left.extend(verdicts.left);
        }
        left.reason.map_or(Ok(()), |reason| Err(PublishError::Unacknowledged { waiting: left.rows, reason }))
    }

    /// Whether something waits, and then logs in: before the turn is taken, because that may take a while.
    async fn is_ready(&mut self, held_back: &HeldBack) -> Result<bool, PublishError> {
        let session = self.publisher.pool.get().await?;
        if !outbox::anything_waits(&*session, held_back).await? {
            return Ok(false);
        }
        drop(session);
        if self.producer.is_none() {
            let until = self.until.min(Instant::now() + CONNECT);
            let Publisher { settings, aws, .. } = self.publisher;
            self.producer = Some(Producer::connect(settings, aws, until).await?);
        }
        Ok(true)
    }

    /// One batch in one transaction, which holds the turn. `None` where nothing waits, or another publisher has the turn.
    async fn batch(&mut self, held_back: &HeldBack) -> Result<Option<Verdicts>, PublishError> {
        let mut session = self.publisher.pool.get().await?;
        session.begin();
        let transaction = session.transaction().await.map_err(DbError::from)?;
        let verdicts = if outbox::take_turn(&transaction, PATIENCE).await? {
            let limits = if self.alone { ALONE } else { BATCH };
            let rows = outbox::waiting(&transaction, limits, held_back).await?;
            self.send(&rows).await
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

    async fn send(&mut self, rows: &[Waiting]) -> Option<Verdicts> {
        let producer = self.producer.as_mut().filter(|_| !rows.is_empty())?;
        let until = self.until.min(Instant::now() + self.timeout);
        let verdicts = producer.send(rows, self.alone, until).await;
        if verdicts.left.rows + verdicts.suspects > 0 {
            // While the turn is ours: what it still holds must not come behind what is sent again.
            self.end_producer().await;
        }
        tell_of_parked(&verdicts.parked);
        Some(verdicts)
    }

    async fn end_producer(&mut self) {
        if let Some(producer) = self.producer.take() {
            producer.close().await;
        }
    }
}

/// A line for each reason, not for each message: a topic that is not there refuses all.
fn tell_of_parked(parked: &[Parked]) {
    let mut reasons: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for row in parked {
        reasons.entry(&row.reason).or_default().push(row.id);
    }
    for (reason, ids) in reasons {
        let (messages, first_id) = (ids.len(), ids.first());
        tracing::error!(messages, first_id, reason, "messages are parked: the broker will not take them");
    }
}
