//! One partition: its records in order, a batch at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use bytes::Bytes;
use event_publisher::krafka::consumer::{Consumer, OffsetAndMetadata, TopicPartition};
use longshore::clock::Clock;
use tokio::{
    sync::{Semaphore, mpsc::UnboundedReceiver, watch},
    time::{Instant, sleep, timeout_at},
};

use super::{
    answer::{Answer, Verdict},
    batch::{Batch, Frame, Limits, Polled},
    discard::{Condition, Destination, Discarded},
    policy::{Next, Policy, Work, pause},
    report::{Outcome, Report},
};

/// What all partitions share.
pub struct Job<I> {
    /// The function's name.
    pub function: String,
    /// Calls the function.
    pub invoke: I,
    /// When a batch is complete.
    pub limits: Limits,
    /// What is done about failures.
    pub policy: Policy,
    /// Where given up batches go.
    pub destination: Destination,
    /// How long the first pause after a failure is; later ones are longer.
    pub first_pause: Duration,
    /// How many batches may be with the function at once.
    pub permits: Semaphore,
    /// Is told what happens.
    pub report: Box<dyn Fn(Report) + Send + Sync>,
    /// Says how old records are.
    pub clock: Clock,
}

/// What was read and is not done: the consumer stops reading for this partition when it is much.
#[derive(Debug, Default)]
pub struct Backlog {
    records: AtomicUsize,
    bytes: AtomicUsize,
    gate: tokio::sync::Mutex<()>,
}

impl Backlog {
    /// A record was read.
    pub fn add(&self, record: &Polled) {
        self.records.fetch_add(1, Ordering::SeqCst);
        self.bytes.fetch_add(record.size(), Ordering::SeqCst);
    }

    /// A batch is done.
    fn take(&self, records: usize, bytes: usize) {
        self.records.fetch_sub(records, Ordering::SeqCst);
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
    }

    /// Whether all that was read is done.
    pub fn is_empty(&self) -> bool {
        self.records.load(Ordering::SeqCst) == 0
    }

    /// Lets the consumer read on, or not. Whoever has changed something calls it: the last one sees how it really is.
    pub async fn balance(&self, consumer: &Consumer, place: &TopicPartition, limits: &Limits) {
        let _gate = self.gate.lock().await;
        let records = self.records.load(Ordering::SeqCst);
        let much = records >= limits.records.saturating_mul(2)
            || self.bytes.load(Ordering::SeqCst) >= limits.bytes.saturating_mul(2);
        if much {
            consumer.pause(&place.topic, &[place.partition]).await;
        } else {
            consumer.resume(&place.topic, &[place.partition]).await;
        }
    }
}

/// Somebody wants it to end before the batch is done.
struct Stopped;

/// The work on a partition, for as long as it is ours.
pub struct Partition<I> {
    /// What it shares with others.
    pub job: Arc<Job<I>>,
    /// Reads it, and keeps its offset.
    pub consumer: Arc<Consumer>,
    /// Which it is.
    pub place: TopicPartition,
    /// What is around its records in an event.
    pub frame: Frame,
    /// What was read.
    pub queue: UnboundedReceiver<Polled>,
    /// How much that is.
    pub backlog: Arc<Backlog>,
    /// Whether it is to end.
    pub stop: watch::Receiver<bool>,
    /// What did not fit into the last batch.
    pub left: Option<Polled>,
}

impl<I, F> Partition<I>
where
    I: Fn(Bytes) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Answer>> + Send,
{
    /// Handles batch after batch. An offset is committed when its batch is done, and not before.
    pub async fn run(mut self) {
        while let Some(batch) = self.gather().await {
            let next = batch.next_offset();
            let (records, bytes) = (batch.records.len(), batch.records.iter().map(Polled::size).sum());
            if self.handle(batch).await.is_err() {
                return;
            }
            if let Some(next) = next {
                self.commit(next).await;
            }
            self.backlog.take(records, bytes);
            self.backlog.balance(&self.consumer, &self.place, &self.job.limits).await;
        }
    }

    /// Waits for a batch. None at the end.
    async fn gather(&mut self) -> Option<Batch> {
        let (job, mut batch) = (Arc::clone(&self.job), Batch::default());
        let first = match self.left.take() {
            Some(record) => record,
            None => tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return None,
                record = self.queue.recv() => record?,
            },
        };
        batch.push(first, &self.frame, &job.limits);
        let until = Instant::now() + job.limits.window;
        while self.left.is_none() && !batch.is_full(&self.frame, &job.limits) {
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return None,
                record = timeout_at(until, self.queue.recv()) => match record {
                    Ok(Some(record)) => self.left = batch.push(record, &self.frame, &job.limits),
                    Ok(None) => return None,
                    Err(_) => break,
                },
            }
        }
        Some(batch)
    }

    /// Has all records of a batch done or given up, one group after the other.
    async fn handle(&mut self, batch: Batch) -> Result<(), Stopped> {
        let job = Arc::clone(&self.job);
        let mut waiting = vec![Work { records: batch.records, ..Work::default() }];
        while let Some(mut work) = waiting.pop() {
            if let Some(old) = job.policy.expired(&mut work, millis(&job.clock)) {
                self.discard(&old, Condition::RecordAgeExceeded, None).await?;
            }
            if work.records.is_empty() {
                continue;
            }
            if self.frame.size(&work.records) > job.limits.bytes {
                self.discard(&work, Condition::MaximumPayloadSizeExceeded, None).await?;
                continue;
            }
            self.attempt(work, &mut waiting).await?;
        }
        Ok(())
    }

    /// Invokes the function once. What is to follow is put on `waiting`, the earlier records on top.
    async fn attempt(&mut self, mut work: Work, waiting: &mut Vec<Work>) -> Result<(), Stopped> {
        let (event, records) = (self.frame.event(&work.records), work.records.clone());
        let bytes = event.len();
        let (answer, took) = self.invoke(event).await?;
        let verdict = match &answer {
            Ok(answer) => answer.verdict(self.frame.partition_key(), &records),
            Err(error) => Verdict::NotInvoked(format!("{error:#}")),
        };
        if !matches!(verdict, Verdict::NotInvoked(_)) {
            work.invocations += 1;
        }
        let next = self.job.policy.after(work, &verdict);
        let outcome = outcome(&verdict, &next, &self.job.policy);
        (self.job.report)(Report::of(self.frame.partition_key(), &records, bytes, outcome, took));
        match next {
            Next::Done => Ok(()),
            Next::Halves(first, second) => {
                waiting.extend([second, first]);
                Ok(())
            }
            Next::Again(work) => {
                self.pause(work.retries).await?;
                waiting.push(work);
                Ok(())
            }
            Next::Discard(work) => self.discard(&work, Condition::RetryAttemptsExhausted, answer.ok().as_ref()).await,
        }
    }

    /// Once begun, an invocation is waited for: nobody could call it back.
    async fn invoke(&mut self, event: Bytes) -> Result<(Result<Answer>, Duration), Stopped> {
        let job = Arc::clone(&self.job);
        let permit = tokio::select! {
            biased;
            () = stopped(&mut self.stop) => return Err(Stopped),
            permit = job.permits.acquire() => permit.map_err(|_| Stopped)?,
        };
        let begun = Instant::now();
        let answer = (job.invoke)(event).await;
        drop(permit);
        Ok((answer, begun.elapsed()))
    }

    /// Gives records up. They are not lost: where they cannot be kept, the partition waits until they can.
    async fn discard(&mut self, work: &Work, condition: Condition, answer: Option<&Answer>) -> Result<(), Stopped> {
        let job = Arc::clone(&self.job);
        let mut failures = 0;
        loop {
            let (function, at) = (job.function.as_str(), job.clock.now());
            let batch = Discarded { function, frame: &self.frame, work, condition, answer, at };
            let begun = Instant::now();
            let outcome = match job.destination.take(batch).await {
                Ok(place) => Outcome::Discarded { condition, place },
                Err(error) => Outcome::Failed { why: format!("{error:#}"), next: "tried again".to_owned() },
            };
            let bytes = self.frame.size(&work.records);
            let taken = matches!(outcome, Outcome::Discarded { .. });
            let (partition, took) = (self.frame.partition_key(), begun.elapsed());
            (job.report)(Report::of(partition, &work.records, bytes, outcome, took));
            if taken {
                return Ok(());
            }
            failures += 1;
            self.pause(failures).await?;
        }
    }

    async fn pause(&mut self, failures: u32) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            () = stopped(&mut self.stop) => Err(Stopped),
            () = sleep(pause(self.job.first_pause, failures)) => Ok(()),
        }
    }

    /// The next commit makes up for one that fails; whoever reads the partition before that sees the batch again.
    async fn commit(&self, next: i64) {
        let offset = OffsetAndMetadata::new(next);
        if let Err(error) = self.consumer.commit_offsets([(&self.place, &offset)]).await {
            let partition = self.frame.partition_key();
            (self.job.report)(Report::Note(format!("{partition}: offset {next} is not committed: {error}")));
        }
    }
}

/// Returns when it is to end, or nobody is there who could say so.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn millis(clock: &Clock) -> i64 {
    i64::try_from(clock.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

fn outcome(verdict: &Verdict, next: &Next, policy: &Policy) -> Outcome {
    let why = match verdict {
        Verdict::Done => return Outcome::Done,
        Verdict::Failed(offsets) => format!("{} failed", offsets.len()),
        Verdict::AllFailed(why) => why.clone(),
        Verdict::NotInvoked(why) => format!("not invoked: {why}"),
    };
    let next = match next {
        Next::Again(work) => match (verdict, policy.retries) {
            (Verdict::NotInvoked(_), _) => "tried again".to_owned(),
            (_, Some(most)) => format!("retry {} of {most}", work.retries),
            (_, None) => format!("retry {}", work.retries),
        },
        Next::Halves(first, second) => format!("halved into {} and {}", first.records.len(), second.records.len()),
        Next::Done | Next::Discard(_) => "given up".to_owned(),
    };
    Outcome::Failed { why, next }
}
