//! A cluster in the process, and a function that does what a test says.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Result;
use bytes::Bytes;
use event_publisher::krafka::{
    Kafka, Record,
    consumer::{AutoOffsetReset, GroupProtocol},
    testing::FakeBroker,
};
use longshore::{
    clock::Clock,
    kafka::{Event, Payload},
};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use crate::poll::{
    answer::Answer,
    batch::Limits,
    discard::Destination,
    partition::Job,
    policy::Policy,
    poller::{Source, poll},
    report::{Outcome, Report},
};

/// The topic of all tests. Its name has dashes, as its partitions' names do.
pub const TOPIC: &str = "some-topic";
/// The group.
pub const GROUP: &str = "group";

/// A cluster of one broker, with a topic.
pub struct Stage {
    pub broker: FakeBroker,
}

impl Stage {
    pub async fn with_partitions(partitions: i32) -> Self {
        let broker = FakeBroker::start_in_memory(1);
        broker.create_topic(TOPIC, partitions);
        Self { broker }
    }

    /// A client of one's own: on a connection requests wait for those before them.
    pub async fn connect(&self) -> Kafka {
        self.broker.kafka().connect().await.unwrap()
    }

    /// Adds records to a partition.
    pub async fn write(&self, partition: i32, values: impl IntoIterator<Item = impl Into<String>>) {
        let records = values.into_iter().map(|value| Record::new(TOPIC, value.into()).partition(partition));
        self.write_records(records).await;
    }

    pub async fn write_records(&self, records: impl IntoIterator<Item = Record>) {
        let producer = self.connect().await.producer().metrics_push(false).build().await.unwrap();
        let mut sent = Vec::new();
        for record in records {
            sent.push(producer.enqueue(record).await.unwrap());
        }
        for sent in sent {
            assert!(sent.await.unwrap().is_persisted());
        }
        producer.close().await.unwrap();
    }

    /// Where the group is in a partition.
    pub fn committed(&self, partition: i32) -> Option<i64> {
        self.broker.committed_offset(GROUP, TOPIC, partition)
    }

    /// Reads until all is done that is there.
    pub async fn read_all(&self, job: Job<Function>) {
        self.read_all_from(AutoOffsetReset::Earliest, job).await;
    }

    pub async fn read_all_from(&self, starting: AutoOffsetReset, job: Job<Function>) {
        let (_stop, stopped) = watch::channel(false);
        let source = Source { starting, once: true, ..source() };
        let kafka = self.connect().await;
        let read = tokio::time::timeout(Duration::from_secs(60), poll(&kafka, source, job, stopped));
        read.await.expect("it does not end").unwrap();
    }
}

/// A reader that ends when it is told to.
pub fn source() -> Source {
    Source {
        servers: "here:9092".to_owned(),
        topics: vec![TOPIC.to_owned()],
        group: GROUP.to_owned(),
        starting: AutoOffsetReset::Earliest,
        once: false,
        protocol: GroupProtocol::Classic,
    }
}

type Invocation = Pin<Box<dyn Future<Output = Result<Answer>> + Send>>;
pub type Function = Box<dyn Fn(Bytes) -> Invocation + Send + Sync>;

/// A batch, as the function saw it.
#[derive(Debug, Clone)]
pub struct Given {
    pub partition: i32,
    pub records: Vec<(i64, String)>,
    pub bytes: usize,
}

impl Given {
    pub fn offsets(&self) -> Vec<i64> {
        self.records.iter().map(|(offset, _)| *offset).collect()
    }

    pub fn has(&self, value: &str) -> bool {
        self.records.iter().any(|(_, found)| found == value)
    }

    fn of(event: &Bytes) -> Self {
        let parsed = Event::parse(std::str::from_utf8(event).unwrap()).unwrap();
        let value = |value: &Payload| match value {
            Payload::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            other => panic!("{other:?}"),
        };
        let records = parsed.records.iter().map(|record| (record.offset, value(&record.value))).collect();
        let partitions: HashSet<i32> = parsed.records.iter().map(|record| record.partition).collect();
        assert_eq!(partitions.len(), 1, "a batch is of one partition");
        Self { partition: parsed.records[0].partition, records, bytes: event.len() }
    }
}

/// What a function was given and what was said about it, in order. Shared by those who work for one test.
#[derive(Debug, Clone, Default)]
pub struct Log {
    given: Arc<Mutex<Vec<Given>>>,
    done: Arc<Mutex<BTreeMap<i32, Vec<i64>>>>,
    working: Arc<Mutex<HashSet<i32>>>,
    outcomes: Arc<Mutex<Vec<Outcome>>>,
}

impl Log {
    pub fn given(&self) -> Vec<Given> {
        self.given.lock().unwrap().clone()
    }

    /// The offsets of each partition that succeeded, in that order.
    pub fn done(&self) -> BTreeMap<i32, Vec<i64>> {
        self.done.lock().unwrap().clone()
    }

    pub fn outcomes(&self) -> Vec<Outcome> {
        self.outcomes.lock().unwrap().clone()
    }

    /// A job whose function answers each batch so.
    pub fn job<F>(&self, answer: impl Fn(Given) -> F + Send + Sync + 'static) -> Job<Function>
    where
        F: Future<Output = Result<Answer>> + Send + 'static,
    {
        let log = self.clone();
        let invoke = move |event: Bytes| -> Invocation {
            let (log, given) = (log.clone(), Given::of(&event));
            assert!(log.working.lock().unwrap().insert(given.partition), "two batches of a partition at once");
            log.given.lock().unwrap().push(given.clone());
            let working = Working(log.clone(), given.partition);
            let answered = answer(given.clone());
            Box::pin(async move {
                let answer = answered.await;
                if let Ok(answer) = &answer {
                    log.note_done(&given, answer);
                }
                drop(working);
                answer
            })
        };
        Job {
            function: "function".to_owned(),
            invoke: Box::new(invoke),
            limits: Limits { records: 50, bytes: 6 << 20, window: Duration::from_millis(20) },
            policy: Policy::default(),
            destination: Destination::Nowhere,
            first_pause: Duration::from_millis(1),
            permits: Semaphore::new(Semaphore::MAX_PERMITS),
            report: self.reporter(),
            clock: Clock::system(),
        }
    }

    pub fn reporter(&self) -> Box<dyn Fn(Report) + Send + Sync> {
        let log = self.clone();
        Box::new(move |report| {
            if let Report::Batch { outcome, .. } = report {
                log.outcomes.lock().unwrap().push(outcome);
            }
        })
    }

    fn note_done(&self, given: &Given, answer: &Answer) {
        if answer.status != 200 {
            return;
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let failed = body["batchItemFailures"].as_array().cloned().unwrap_or_default();
        let failed: Vec<i64> = failed.iter().filter_map(|item| item["itemIdentifier"]["offset"].as_i64()).collect();
        let done = given.offsets().into_iter().filter(|offset| !failed.contains(offset));
        self.done.lock().unwrap().entry(given.partition).or_default().extend(done);
    }
}

/// Also when the invocation is dropped.
struct Working(Log, i32);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.working.lock().unwrap().remove(&self.1);
    }
}

pub fn succeeded() -> Result<Answer> {
    Ok(Answer { status: 200, function_error: None, body: r#"{"batchItemFailures":[]}"#.into() })
}

pub fn crashed() -> Result<Answer> {
    let body = r#"{"errorType":"Poison","errorMessage":"it is bad"}"#.into();
    Ok(Answer { status: 500, function_error: Some("Unhandled".to_owned()), body })
}

/// An answer that names the records with a value.
pub fn names(given: &Given, value: &str) -> Result<Answer> {
    let partition = format!("{TOPIC}-{}", given.partition);
    let bad = given.records.iter().filter(|(_, found)| found == value);
    let items: Vec<Value> =
        bad.map(|(offset, _)| json!({"itemIdentifier": {"partition": partition, "offset": offset}})).collect();
    Ok(Answer { status: 200, function_error: None, body: json!({"batchItemFailures": items}).to_string().into() })
}

/// The batches in a failure destination: why, and their offsets.
pub fn discarded(folder: &Path) -> Vec<(String, Vec<i64>)> {
    let files = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let read = |path| {
        let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let given = Given::of(&Bytes::from(document["payload"].as_str().unwrap().to_owned()));
        (document["requestContext"]["condition"].as_str().unwrap().to_owned(), given.offsets())
    };
    let mut batches: Vec<_> = files.map(read).collect();
    batches.sort();
    batches
}

/// Numbers as values.
pub fn numbered(count: i64) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}
