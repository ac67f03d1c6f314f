//! The loop that reads, and what is ours while others read too.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use event_publisher::krafka::{
    Kafka,
    consumer::{
        AutoOffsetReset, Consumer, ConsumerRebalanceListener, ConsumerRecord, GroupProtocol, OffsetAndMetadata,
        TopicPartition,
    },
};
use futures_util::future::join_all;
use tokio::{
    sync::{
        mpsc::{UnboundedSender, unbounded_channel},
        watch,
    },
    task::JoinHandle,
    time::sleep,
};

use super::{
    answer::Answer,
    batch::{Frame, Polled},
    partition::{Backlog, Job, Partition},
    report::Report,
};

/// A rebalance is noticed between two polls.
const POLLING: Duration = Duration::from_secs(1);

/// As long as Lambda lets a function run that reads Kafka, and a little more: whoever joins the group waits so long.
const LONGEST_INVOCATION: Duration = Duration::from_secs(15 * 60);

/// What is read, and from where on.
#[derive(Debug, Clone)]
pub struct Source {
    /// The brokers, as somebody named them.
    pub servers: String,
    /// The topics.
    pub topics: Vec<String>,
    /// The consumer group, which keeps the offsets.
    pub group: String,
    /// Where a group begins that has no offset.
    pub starting: AutoOffsetReset,
    /// Whether to end when all is done that is there at the start.
    pub once: bool,
    /// How members of the group share its partitions.
    pub protocol: GroupProtocol,
}

/// Reads until `stop`, or until all is done that was there. Whoever drops it loses nothing: what is not committed is read
/// again.
///
/// # Errors
/// A topic does not exist, or the cluster refuses us for good.
pub async fn poll<I, F>(kafka: &Kafka, source: Source, job: Job<I>, mut stop: watch::Receiver<bool>) -> Result<()>
where
    I: Fn(Bytes) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Answer>> + Send + 'static,
{
    let from_the_end = matches!(source.starting, AutoOffsetReset::Latest);
    let ours = Arc::new(Ours { from_the_end, ..Ours::default() });
    let consumer = kafka
        .consumer(&source.group)
        .auto_offset_reset(source.starting)
        .enable_auto_commit(false)
        .group_protocol(source.protocol)
        .max_poll_interval(LONGEST_INVOCATION)
        // What a paused partition has buffered must not keep others from being read.
        .max_buffered_records(0)
        .metrics_push(false)
        .rebalance_listener(Arc::clone(&ours))
        .build()
        .await?;
    let consumer = Arc::new(consumer);
    let _ = ours.consumer.set(Arc::downgrade(&consumer));
    let mut reader = Reader { consumer, ours, job: Arc::new(job), source, ends: HashMap::new() };
    let read = reader.read(&mut stop).await;
    let ended = reader.end().await;
    read.and(ended)
}

/// The partitions that are ours, with those who work on them.
#[derive(Default)]
struct Ours {
    workers: Mutex<HashMap<TopicPartition, Worker>>,
    joined: AtomicBool,
    from_the_end: bool,
    consumer: OnceLock<Weak<Consumer>>,
}

/// Who works on a partition. Dropped, it stops where it is.
struct Worker {
    records: UnboundedSender<Polled>,
    backlog: Arc<Backlog>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Worker {
    /// Lets it finish the invocation that it waits for. What follows that is whoever's who reads the partition next.
    async fn finish(mut self) {
        self.stop.send_replace(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Ours {
    fn workers(&self) -> std::sync::MutexGuard<'_, HashMap<TopicPartition, Worker>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take<'a>(&self, places: impl IntoIterator<Item = &'a TopicPartition>) -> Vec<Worker> {
        let mut workers = self.workers();
        places.into_iter().filter_map(|place| workers.remove(place)).collect()
    }

    fn all(&self) -> Vec<Worker> {
        self.workers().drain().map(|(_, worker)| worker).collect()
    }
}

impl ConsumerRebalanceListener for Ours {
    /// A group that begins at the end keeps where that was: else what is written before its first commit would be lost to
    /// whoever gets the partition next.
    async fn on_partitions_assigned(&self, partitions: &[TopicPartition]) {
        self.joined.store(true, Ordering::SeqCst);
        let Some(consumer) = self.consumer.get().and_then(Weak::upgrade) else { return };
        for place in partitions.iter().filter(|_| self.from_the_end) {
            let Some(position) = consumer.position(&place.topic, place.partition).await else { continue };
            // It is kept with the first batch otherwise.
            let _ = consumer.commit_offsets([(place, &OffsetAndMetadata::new(position))]).await;
        }
    }

    async fn on_partitions_revoked(&self, partitions: &[TopicPartition]) {
        self.joined.store(false, Ordering::SeqCst);
        join_all(self.take(partitions).into_iter().map(Worker::finish)).await;
    }

    async fn on_partitions_lost(&self, partitions: &[TopicPartition]) {
        self.joined.store(false, Ordering::SeqCst);
        drop(self.take(partitions));
    }
}

struct Reader<I> {
    consumer: Arc<Consumer>,
    ours: Arc<Ours>,
    job: Arc<Job<I>>,
    source: Source,
    /// Where partitions ended when we first saw them.
    ends: HashMap<TopicPartition, i64>,
}

impl<I, F> Reader<I>
where
    I: Fn(Bytes) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Answer>> + Send + 'static,
{
    async fn read(&mut self, stop: &mut watch::Receiver<bool>) -> Result<()> {
        for topic in &self.source.topics {
            let found = self.consumer.fetch_metadata(Some(topic)).await;
            let found = found.with_context(|| format!("cannot look up topic {topic}"))?.topics;
            ensure!(found.iter().any(|found| !found.partitions.is_empty()), "there is no topic {topic}");
        }
        self.consumer.subscribe(&self.source.topics).await?;
        loop {
            // Dropped in the middle of a rebalance it might forget its outcome, so nothing but the end interrupts it.
            let polled = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                polled = self.consumer.poll(self.patience()) => polled,
            };
            match polled {
                Ok(records) if records.is_empty() => {
                    if self.source.once && self.is_done().await? {
                        return Ok(());
                    }
                }
                Ok(records) => self.hand_out(records).await?,
                Err(error) if error.is_retriable() => {
                    (self.job.report)(Report::Note(format!("the cluster does not answer: {error}")));
                    sleep(POLLING).await;
                }
                Err(error) => return Err(error).context("the cluster refuses us"),
            }
        }
    }

    fn patience(&self) -> Duration {
        if self.source.once { POLLING / 5 } else { POLLING }
    }

    /// Gives records to those who work on their partitions.
    async fn hand_out(&self, records: Vec<ConsumerRecord>) -> Result<()> {
        let mut changed = HashMap::new();
        for record in records {
            let place = TopicPartition::new(&*record.topic, record.partition);
            let record = Polled::of(&record);
            let mut workers = self.ours.workers();
            let worker = workers.entry(place.clone()).or_insert_with(|| self.start_worker(&place));
            worker.backlog.add(&record);
            let sent = worker.records.send(record);
            ensure!(sent.is_ok(), "the work on {}-{} ended unexpectedly", place.topic, place.partition);
            changed.entry(place).or_insert_with(|| Arc::clone(&worker.backlog));
        }
        for (place, backlog) in changed {
            backlog.balance(&self.consumer, &place, &self.job.limits).await;
        }
        Ok(())
    }

    fn start_worker(&self, place: &TopicPartition) -> Worker {
        let (records, queue) = unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let backlog = Arc::new(Backlog::default());
        let partition = Partition {
            job: Arc::clone(&self.job),
            consumer: Arc::clone(&self.consumer),
            place: place.clone(),
            frame: Frame::new(&self.source.servers, &place.topic, place.partition),
            queue,
            backlog: Arc::clone(&backlog),
            stop: stopped,
            left: None,
        };
        Worker { records, backlog, stop, task: tokio::spawn(partition.run()) }
    }

    /// Whether everything is done that was in our partitions when they became ours. Asked when nothing more could be read.
    async fn is_done(&mut self) -> Result<bool> {
        if !self.ours.joined.load(Ordering::SeqCst) || !self.ours.workers().values().all(|ours| ours.backlog.is_empty())
        {
            return Ok(false);
        }
        for (topic, partitions) in self.consumer.assignment().await {
            for partition in partitions {
                let place = TopicPartition::new(&topic, partition);
                let end = match self.ends.get(&place) {
                    Some(end) => *end,
                    None => self.consumer.fetch_watermarks(&topic, partition).await?.1,
                };
                self.ends.insert(place, end);
                // Its last offsets may be no records, but marks of transactions.
                if self.consumer.fetch_position(&topic, partition).await.is_none_or(|position| position < end) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Waits for what is with the function, and leaves the group.
    async fn end(&self) -> Result<()> {
        join_all(self.ours.all().into_iter().map(Worker::finish)).await;
        self.consumer.close().await.context("cannot leave the consumer group")
    }
}

impl<I> Drop for Reader<I> {
    fn drop(&mut self) {
        drop(self.ours.all());
    }
}
