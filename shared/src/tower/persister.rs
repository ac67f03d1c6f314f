//! The function `tower-persister` below its handler.

use super::merge::Stats;
use super::message::{Message, TaskRef};
use super::record::{self, FailureNote, Origin, Phases, phase};
use super::refresh::{Outcome, Refresh, RefreshError};
use super::resolve::{MayCreate, SourceId, Target, resolve};
use super::task::{Progress, Tasks};
use crate::aws::Aws;
use crate::clock::{Clock, to_timestamp};
use crate::db::DbError;
use crate::failure::{Chain, Classified, Failure};
use crate::kafka::{BatchResponse, Consumer, Invocation, Plan, Record};
use crate::message::Parsed;
use crate::outbox::{Platform, Subject};
use crate::settings::Settings;
use crate::worker::Worker;
use std::time::{Duration, Instant};

/// Brings the Catalog Inventory up to date with the archives that Kafka records announce.
pub struct TowerPersister {
    settings: Settings,
    worker: Worker,
    tasks: Tasks,
}

/// A record, understood, and whose it is.
pub struct Job {
    message: Box<Message>,
    target: Target,
    subject: Subject,
}

impl TowerPersister {
    /// Wires everything; nothing connects before the first record.
    pub fn new(settings: Settings, aws: &Aws, clock: Clock) -> Self {
        let platform = Platform::of_uploads(&settings.platform, "tower-persister");
        Self {
            worker: Worker::new(&settings, platform, settings.limits.compressed_bytes, aws, clock),
            tasks: Tasks::new(settings.task.clone()),
            settings,
        }
    }

    /// Handles one invocation: `payload` is the event of a Kafka event source mapping, `remaining` the time until
    /// Lambda ends it, where that is known.
    ///
    /// # Errors
    /// When the payload is no Kafka event. Everything else is answered for record by record.
    pub async fn handle(&self, payload: &str, remaining: Option<Duration>) -> Result<BatchResponse, Failure> {
        self.worker.handle(self, payload, remaining).await
    }

    /// Downloads and applies, and tells the task how it goes.
    async fn refresh(&self, origin: &Origin, message: &Message) -> Result<Outcome, RefreshError> {
        let mut phases = Phases::new();
        let downloading = Instant::now();
        let archive = self.worker.download::<RefreshError>(&origin.subject, &message.announced).await?;
        phase(&mut phases, "download", downloading.elapsed());
        let mut session = self.worker.pool.get().await?;
        let refresh = Refresh {
            origin,
            archive,
            limits: &self.settings.limits,
            clock: &self.worker.clock,
            phases,
            begun: downloading,
        };
        refresh.apply(&mut session).await
    }

    /// Leaves a failure on record, where the database can be reached. Returns what the record did when it turns out to
    /// have been applied after all, or before.
    async fn record_failure(&self, origin: &Origin, error: &RefreshError) -> Option<Stats> {
        let failure = FailureNote {
            kind: error.kind(),
            text: Chain(error).to_string(),
            is_transient: error.is_transient(),
            report: error.report(),
        };
        let now = self.worker.clock.timestamp();
        let write = async {
            let mut session = self.worker.pool.get().await?;
            record::write_failure(&mut session, origin, failure, now).await
        };
        match write.await {
            Ok(applied) => applied,
            Err::<_, DbError>(unwritten) => {
                tracing::warn!(error = %Chain(&unwritten), "the failure could not be recorded");
                None
            }
        }
    }

    /// Tells how a refresh ended that did not fail.
    async fn tell_success(&self, message: &Message, outcome: &Outcome) {
        let none = Stats::new();
        let stats = match outcome {
            Outcome::Applied(stats) | Outcome::AlreadyApplied(stats) => stats,
            Outcome::Superseded => &none,
        };
        if matches!(outcome, Outcome::AlreadyApplied(_)) {
            tracing::info!(outcome = outcome.name(), "nothing to do: the archive had been applied before");
        }
        self.tasks.tell(message, Progress::Completed { message: outcome.text(), stats }).await;
    }
}

impl Consumer for TowerPersister {
    type Key = SourceId;
    type Job = Job;

    async fn plan(&self, record: &Record) -> Result<Plan<SourceId, Job>, Failure> {
        let subject = self.worker.subject(record);
        let mut message = match Message::parse(record)? {
            Parsed::NotOurs(why) => return Ok(Plan::Skip(why)),
            Parsed::Message(message) => message,
        };
        let span = tracing::Span::current();
        span.record("request_id", message.request_id());
        let may = MayCreate { tenants: self.settings.create_tenants, sources: self.settings.create_sources };
        let session = self.worker.pool.get().await?;
        let target = resolve(&session, &message, may).await?;
        span.record("source_id", target.source.0);
        if matches!(message.task, Some(TaskRef::Id(_))) && !target.by_task {
            message.task = None; // somebody else's, or nobody's
        }
        if !target.enabled {
            return Ok(Plan::Skip("its source is disabled"));
        }
        Ok(Plan::Run { key: target.source, job: Job { message, target, subject } })
    }

    async fn run(&self, record: &Record, job: Job, invocation: Invocation) -> Result<&'static str, Failure> {
        let Job { message, target, subject } = job;
        let requested_at = message.announced.credible_age(record, self.worker.clock.now()).map(to_timestamp);
        let begun_at = self.worker.clock.timestamp();
        let origin = Origin::new(record, target, subject, message.request_id(), requested_at, begun_at);
        // At once, so that a task API that hangs costs its time-out and not the refresh's time on top.
        let (outcome, ()) = tokio::join!(self.refresh(&origin, &message), self.tasks.tell(&message, Progress::Running));
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => match self.record_failure(&origin, &error).await {
                Some(applied) => Outcome::AlreadyApplied(applied),
                None => {
                    // One that will be tried again is still running, as far as the task is concerned.
                    if !error.is_transient() {
                        let text = Chain(&error).to_string();
                        self.tasks.tell(&message, Progress::Failed { error: &text }).await;
                    }
                    return Err(error.into());
                }
            },
        };
        // What is committed is done, whether or not there is time to tell.
        invocation.in_time(self.tell_success(&message, &outcome)).await;
        Ok(outcome.name())
    }

    async fn reject(&self, record: &Record, why: &Failure) -> Result<(), Failure> {
        self.worker.reject(record, why).await
    }

    fn ended(&self, record: &Record, outcome: &'static str, failure: Option<&Failure>) {
        self.worker.ended(record, outcome, failure);
    }
}
