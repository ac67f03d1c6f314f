//! Sending one batch, and what became of each of its rows.

use crate::client::REQUEST_TIMEOUT;
use crate::{PublishError, connect};
use futures_util::future::join_all;
use krafka::error::ErrorCode;
use krafka::producer::{Acks, DeliveryHandle, Producer as Client};
use krafka::{CloseOptions, Compression, Kafka, KrafkaError, Record};
use longshore::aws::Aws;
use longshore::outbox::{Family, Message, Parked, Waiting};
use longshore::settings::KafkaSettings;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long to look for a topic.
const TOPIC_TIMEOUT: Duration = Duration::from_secs(5);

/// How long records are gathered for one request. A batch is there at once, so this is only its last part's.
const LINGER: Duration = Duration::from_millis(2);

/// What a partition gets in one request, in bytes, before compression.
const BATCH_BYTES: usize = 256 * 1024;

/// What a request holds besides its records, in bytes.
const OVERHEAD: usize = 64 * 1024;

/// What became of the rows of a batch.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// Acknowledged by all replicas.
    pub published: Vec<i64>,
    /// Refused for good.
    pub parked: Vec<Parked>,
    /// Everything else, by key, and what became of the first of them.
    pub left: Left,
}

/// Rows that are to be sent again.
#[derive(Debug, Default)]
pub struct Left {
    /// Their keys: nothing of these may be sent before them.
    pub keys: HashSet<String>,
    /// How many.
    pub rows: usize,
    /// What became of the first of them.
    pub reason: Option<String>,
}

impl Left {
    /// Those of a later batch too.
    pub fn merge(&mut self, more: Self) {
        self.keys.extend(more.keys);
        self.rows += more.rows;
        self.reason = self.reason.take().or(more.reason);
    }

    fn add(&mut self, key: &str, reason: impl FnOnce() -> String) {
        if !self.keys.contains(key) {
            self.keys.insert(key.to_owned());
        }
        self.rows += 1;
        self.reason.get_or_insert_with(reason);
    }
}

/// Sends with all that Kafka has against loss and disorder: all replicas acknowledge, and a broker writes a record that is sent
/// again only once.
pub struct Producer {
    kafka: Kafka,
    client: Client,
    settings: KafkaSettings,
    topics: HashMap<Family, Result<(), Refusal>>,
}

/// Why a record is not taken.
#[derive(Debug, Clone)]
enum Refusal {
    /// For good.
    Final(String),
    /// As things are.
    Passing(String),
}

impl Producer {
    /// Logs in. The producer tries to send for as long as it is there.
    ///
    /// # Errors
    /// See [`connect`].
    pub async fn connect(settings: &KafkaSettings, aws: &Aws) -> Result<Self, PublishError> {
        let kafka = connect(settings, aws).await?;
        let client = kafka
            .producer()
            .acks(Acks::All)
            .idempotent(true)
            .compression(Compression::Lz4)
            .batch_size(BATCH_BYTES.min(settings.max_message_bytes))
            .linger(LINGER)
            .max_block(TOPIC_TIMEOUT)
            .max_request_size(settings.max_message_bytes.max(BATCH_BYTES) + OVERHEAD)
            // Longer than anybody waits for it: it must not give a record up and go on with the next one.
            .delivery_timeout(settings.timeout.saturating_mul(3).max(REQUEST_TIMEOUT * 2))
            .metrics_push(false)
            .build()
            .await
            .map_err(PublishError::Connect)?;
        Ok(Self { kafka, client, settings: settings.clone(), topics: HashMap::new() })
    }

    /// Ends it, and with it whatever it has not sent: what it still holds would come behind what is sent again.
    pub async fn close(self) {
        // The time-out is how a record is told from one that is awaited: all that count have been.
        let closed = self.client.close_with(CloseOptions::new().timeout(Duration::ZERO)).await;
        if let Err(error) = closed {
            tracing::debug!(%error, "the producer ended with records that it had not sent");
        }
        drop(self.kafka);
    }

    /// Sends rows in order and waits for the acknowledgements, no longer than `until`.
    pub async fn send(&mut self, rows: &[Waiting], until: Instant) -> Verdicts {
        let until = until.min(Instant::now() + self.settings.timeout);
        let mut verdicts = Verdicts::default();
        let mut sent = Vec::with_capacity(rows.len());
        for row in rows {
            if verdicts.left.keys.contains(&row.key) {
                verdicts.left.add(&row.key, String::new);
                continue;
            }
            match self.enqueue(row).await {
                Ok(handle) => sent.push(async move { (row, timeout_at(until, handle).await) }),
                Err(refusal) => verdicts.refuse(row, refusal),
            }
        }
        for (row, acknowledged) in join_all(sent).await {
            match acknowledged {
                Ok(Ok(_)) => verdicts.published.push(row.id),
                Ok(Err(error)) => verdicts.refuse(row, Refusal::of(&error)),
                Err(_) => verdicts.refuse(row, Refusal::Passing("no acknowledgement in time".into())),
            }
        }
        verdicts
    }

    async fn enqueue(&mut self, row: &Waiting) -> Result<DeliveryHandle, Refusal> {
        self.find_topic(row.family).await?;
        let message = Message::of(row, &self.settings.source);
        let (size, most) = (message.size(), self.settings.max_message_bytes);
        if size > most {
            return Err(Refusal::Final(format!("{size} bytes, and LONGSHORE_KAFKA_MAX_MESSAGE_BYTES is {most}")));
        }
        let record = Record::new(self.settings.topic(row.family), message.value).key(message.key);
        let record = message.headers.into_iter().fold(record, |record, (name, value)| record.header(name, value));
        self.client.enqueue(record).await.map_err(|error| Refusal::of(&error))
    }

    /// Looks a topic up once: asking for one that is not there takes seconds.
    async fn find_topic(&mut self, family: Family) -> Result<(), Refusal> {
        if let Some(known) = self.topics.get(&family) {
            return known.clone();
        }
        let topic = self.settings.topic(family);
        let found = match self.client.partitions_for(topic).await {
            Ok(_) => Ok(()),
            Err(error) => Err(match Refusal::of(&error) {
                Refusal::Final(_) => Refusal::Final(format!("there is no topic {topic}")),
                passing => passing,
            }),
        };
        self.topics.insert(family, found.clone());
        found
    }
}

impl Verdicts {
    fn refuse(&mut self, row: &Waiting, refusal: Refusal) {
        match refusal {
            Refusal::Final(reason) => self.parked.push(Parked { id: row.id, reason }),
            Refusal::Passing(reason) => self.left.add(&row.key, || reason),
        }
    }
}

impl Refusal {
    /// What no retry mends is what is wrong with the message itself, or with where it goes. A missing right or a broker that
    /// is not there is an operator's to mend, and until then messages wait.
    fn of(error: &KrafkaError) -> Self {
        match error {
            KrafkaError::UnknownTopic { topic } => Self::Final(format!("there is no topic {topic}")),
            KrafkaError::Serialization { .. } => Self::Final(error.to_string()),
            KrafkaError::Broker { code, .. } => match code {
                ErrorCode::UnknownTopicOrPartition
                | ErrorCode::InvalidTopic
                | ErrorCode::MessageTooLarge
                | ErrorCode::RecordListTooLarge
                | ErrorCode::InvalidRecord => Self::Final(format!("the broker refuses it: {code:?}")),
                _ => Self::Passing(error.to_string()),
            },
            _ => Self::Passing(error.to_string()),
        }
    }
}
