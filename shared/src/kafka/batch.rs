//! The batch processor: at least once, in order for one key, several keys side by side, nothing acknowledged early.

use super::{Event, Record};
use crate::failure::Failure;
use crate::telemetry;
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::{FutureExt, TryFutureExt};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// What a function does with the records of its topics.
///
/// Futures need not be `Send`: an execution environment handles one invocation at a time, on one thread.
#[expect(async_fn_in_trait, reason = "used by the batch processor alone, on one thread")]
pub trait Consumer {
    /// Records of one key are handled in order, one at a time.
    type Key: Eq + Hash + Clone;
    /// A decoded record.
    type Job;

    /// Decodes a record and says whose it is. Called for every record of the batch before the first is run.
    ///
    /// # Errors
    /// A transient failure leaves the record, and all later ones of its partition, to redelivery; a final one
    /// rejects it.
    async fn plan(&self, record: &Record) -> Result<Plan<Self::Key, Self::Job>, Failure>;

    /// Does the work and commits it; `invocation` tells how long there is. Returns the outcome as a word for logs and metrics.
    ///
    /// Dropped when the invocation runs out of time: must leave nothing half written then.
    ///
    /// # Errors
    /// A transient failure leaves the record, and the later ones of its key, to redelivery; a final one rejects it.
    async fn run(&self, record: &Record, job: Self::Job, invocation: Invocation) -> Result<&'static str, Failure>;

    /// Keeps a record that can never succeed, with the reason.
    ///
    /// # Errors
    /// Then the record counts as failed for a passing reason: it must not be lost.
    async fn reject(&self, record: &Record, why: &Failure) -> Result<(), Failure>;

    /// Told of each record's end, once: the place for metrics. `outcome` is what `run` returned, or `skipped`,
    /// `rejected`, `retried`.
    fn ended(&self, record: &Record, outcome: &'static str, failure: Option<&Failure>);
}

/// What is to be done with a record.
pub enum Plan<K, J> {
    /// It is not for us, and why.
    Skip(&'static str),
    /// It is: run `job` in turn with the others of `key`.
    Run {
        /// Whose it is.
        key: K,
        /// What to do.
        job: J,
    },
}

/// How long and how wide an invocation may work.
#[derive(Debug, Clone, Copy)]
pub struct Invocation {
    /// When to stop; none when unknown.
    pub deadline: Option<Instant>,
    /// Keys handled side by side.
    pub concurrency: usize,
}

impl Invocation {
    /// An invocation with `remaining` time until Lambda ends it; it stops `margin` before.
    pub fn new(remaining: Option<Duration>, margin: Duration, concurrency: usize) -> Self {
        Self { deadline: remaining.map(|left| Instant::now() + left.saturating_sub(margin)), concurrency }
    }

    /// Runs `step` as long as there is time, and a little less, so that what follows it is not lost.
    pub async fn in_time(&self, step: impl Future<Output = ()>) {
        let Some(deadline) = self.deadline else { return step.await };
        let end = deadline - Duration::from_millis(50).min(deadline.saturating_duration_since(Instant::now()));
        if tokio::time::timeout_at(end.into(), step).await.is_err() {
            tracing::warn!("no time was left to tell how it ended");
        }
    }

    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|end| Instant::now() >= end)
    }
}

/// The answer: which records are to be delivered again.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: ItemIdentifier,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct ItemIdentifier {
    partition: String,
    offset: i64,
}

impl BatchResponse {
    /// The failed records as `(partition key, offset)`, in the order of the payload.
    pub fn failed(&self) -> Vec<(&str, i64)> {
        let items = self.batch_item_failures.iter().map(|item| &item.item_identifier);
        items.map(|id| (id.partition.as_str(), id.offset)).collect()
    }
}

/// Runs `consumer` over the records of `event` and answers for each of them.
pub async fn process<C: Consumer>(consumer: &C, event: &Event, invocation: Invocation) -> BatchResponse {
    let spans = event.records.iter().map(span).collect();
    let batch = Batch { consumer, event, invocation, spans };
    let (groups, mut failed) = batch.plan_all().await;
    let mut waiting = groups.into_iter();
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < invocation.concurrency.max(1) {
            let Some(group) = waiting.next() else { break };
            running.push(batch.run_group(group));
        }
        match running.next().await {
            Some(ended) => failed.extend(ended),
            None => break,
        }
    }
    failed.sort_unstable();
    let item = |index: usize| {
        let record = &event.records[index];
        let partition = record.partition_key.clone();
        ItemFailure { item_identifier: ItemIdentifier { partition, offset: record.offset } }
    };
    BatchResponse { batch_item_failures: failed.into_iter().map(item).collect() }
}

/// The jobs of one key: positions in the event, in order.
type Group<J> = Vec<(usize, J)>;

struct Batch<'a, C> {
    consumer: &'a C,
    event: &'a Event,
    invocation: Invocation,
    /// One for each record: what its planning learns is in every later line about it.
    spans: Vec<tracing::Span>,
}

impl<C: Consumer> Batch<'_, C> {
    /// Plans each record in order. What cannot be planned for a passing reason takes the later records of its
    /// partition along: whose they are may depend on it.
    async fn plan_all(&self) -> (Vec<Group<C::Job>>, Vec<usize>) {
        let mut groups: Vec<Group<C::Job>> = Vec::new();
        let mut group_of: HashMap<C::Key, usize> = HashMap::new();
        let mut blocked: HashSet<&str> = HashSet::new();
        let mut failed = Vec::new();
        for (index, record) in self.event.records.iter().enumerate() {
            let partition = record.partition_key.as_str();
            let planned = if blocked.contains(partition) {
                Err(after_failure())
            } else {
                self.bounded(index, self.consumer.plan(record)).await
            };
            match planned {
                Ok(Plan::Run { key, job }) => {
                    let group = *group_of.entry(key).or_insert_with(|| {
                        groups.push(Vec::new());
                        groups.len() - 1
                    });
                    groups[group].push((index, job));
                }
                Ok(Plan::Skip(why)) => {
                    let _in = self.spans[index].enter();
                    tracing::info!(outcome = "skipped", "record skipped: {why}");
                    self.consumer.ended(record, "skipped", None);
                }
                Err(failure) => {
                    if !self.settle(index, failure).await {
                        blocked.insert(partition);
                        failed.push(index);
                    }
                }
            }
        }
        (groups, failed)
    }

    /// Handles the records of one key in order, up to the first that has to come again. Returns those that do.
    async fn run_group(&self, group: Group<C::Job>) -> Vec<usize> {
        let mut failed = Vec::new();
        for (index, job) in group {
            let record = &self.event.records[index];
            let ended = if failed.is_empty() {
                self.bounded(index, self.consumer.run(record, job, self.invocation)).await
            } else {
                Err(after_failure())
            };
            match ended {
                Ok(outcome) => self.consumer.ended(record, outcome, None),
                Err(failure) => {
                    if !self.settle(index, failure).await {
                        failed.push(index);
                    }
                }
            }
        }
        failed
    }

    /// Ends a record that failed: rejected when it can never succeed, else left to redelivery. Returns whether it is
    /// done.
    async fn settle(&self, index: usize, failure: Failure) -> bool {
        let record = &self.event.records[index];
        let failure = if failure.is_transient() {
            failure
        } else {
            match self.bounded(index, self.consumer.reject(record, &failure)).await {
                Ok(()) => {
                    let _in = self.spans[index].enter();
                    let kind = failure.kind();
                    tracing::error!(outcome = "rejected", error_kind = kind, error = %failure, "record rejected");
                    self.consumer.ended(record, "rejected", Some(&failure));
                    return true;
                }
                Err(why) => Failure::transient("Rejection", format!("{failure}; and it could not be kept: {why}")),
            }
        };
        let _in = self.spans[index].enter();
        let kind = failure.kind();
        tracing::warn!(outcome = "retried", error_kind = kind, error = %failure, "record left to redelivery");
        self.consumer.ended(record, "retried", Some(&failure));
        false
    }

    /// Runs a step until the invocation's end; a panic becomes a failure of that record alone.
    async fn bounded<T>(&self, index: usize, step: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        if self.invocation.is_over() {
            return Err(out_of_time());
        }
        // Boxed: the type of the whole work is deeper than the compiler likes.
        let step = step.instrument(self.spans[index].clone()).boxed_local();
        let step = AssertUnwindSafe(step).catch_unwind().unwrap_or_else(|panic| Err(panicked(&*panic)));
        match self.invocation.deadline {
            Some(end) => tokio::time::timeout_at(end.into(), step).await.unwrap_or_else(|_| Err(out_of_time())),
            None => step.await,
        }
    }
}

fn out_of_time() -> Failure {
    Failure::transient("Deadline", "the invocation's time is over")
}

fn after_failure() -> Failure {
    Failure::transient("Order", "an earlier record has to come again first")
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Failure::transient("Panic", format!("panicked: {text}"))
}

/// The coordinates of a record, in every line that is logged about it: an error's span, so that they stay whatever the
/// level of the log is.
fn span(record: &Record) -> tracing::Span {
    let span = tracing::error_span!(
        "record",
        topic = record.topic,
        partition = record.partition,
        offset = record.offset,
        request_id = tracing::field::Empty,
        source_id = tracing::field::Empty,
        owner = tracing::field::Empty,
    );
    telemetry::continue_trace(&span, record);
    span
}
