//! Sending one batch, and what became of each of its rows.

use crate::client::REQUEST_TIMEOUT;
use crate::{PublishError, connect};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use krafka::error::ErrorCode;
use krafka::producer::{Acks, DeliveryHandle, Producer as Client, RecordMetadata};
use krafka::{CloseOptions, Compression, KrafkaError, Record};
use longshore::aws::Aws;
use longshore::outbox::{Family, HeldBack, Message, Parked, Waiting};
use longshore::settings::KafkaSettings;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long to look for a topic.
const TOPIC_TIMEOUT: Duration = Duration::from_secs(5);

/// How long records are gathered for one request. A batch is there at once, so this is only its last part's.
const LINGER: Duration = Duration::from_millis(2);

/// What a partition gets in one request, in bytes, before compression.
const BATCH_BYTES: usize = 256 * 1024;

/// What is held of a batch that is being sent, in bytes.
const BUFFER_BYTES: usize = 32 << 20;

/// What a request holds besides its records, in bytes.
const OVERHEAD: usize = 64 * 1024;

/// What became of the rows of a batch.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// Acknowledged by all replicas.
    pub published: Vec<i64>,
    /// Refused for good.
    pub parked: Vec<Parked>,
    /// To be sent again later.
    pub left: Left,
    /// To be sent again at once, each alone: the broker has refused several together, and one of them is to blame.
    pub suspects: usize,
}

/// Rows that are to be sent again later, and what became of the first of them.
#[derive(Debug, Default)]
pub struct Left {
    /// Where they belong: nothing of these may be sent before them.
    pub held_back: HeldBack,
    /// How many.
    pub rows: usize,
    /// What became of the first of them.
    pub reason: Option<String>,
}

impl Left {
    /// Those of a later batch too.
    pub fn extend(&mut self, more: Self) {
        self.held_back.extend(more.held_back);
        self.rows += more.rows;
        self.reason = self.reason.take().or(more.reason);
    }
}

/// Sends with all that Kafka has against loss and disorder: all replicas acknowledge, and a broker writes a record that is sent
/// again only once.
pub struct Producer {
    client: Client,
    settings: KafkaSettings,
    topics: HashMap<Family, Result<(), Refusal>>,
}

/// Why a record is not taken.
#[derive(Debug, Clone)]
enum Refusal {
    /// For good.
    Final(String),
    /// For good, or because of another one that it was sent with.
    Suspect(String),
    /// As things are.
    Passing(String),
    /// As things are, with its whole topic.
    NoTopic(String),
}

impl Producer {
    /// Logs in. The producer tries to send for as long as it is there.
    ///
    /// # Errors
    /// See [`connect`]; and when it takes longer than `until`.
    pub async fn connect(settings: &KafkaSettings, aws: &Aws, until: Instant) -> Result<Self, PublishError> {
        let connected = timeout_at(until, Self::connect_at_leisure(settings, aws)).await;
        connected.unwrap_or_else(|_| Err(PublishError::Connect(KrafkaError::timeout("logging in"))))
    }

    async fn connect_at_leisure(settings: &KafkaSettings, aws: &Aws) -> Result<Self, PublishError> {
        let kafka = connect(settings, aws).await?;
        let client = kafka
            .producer()
            .acks(Acks::All)
            .idempotent(true)
            .compression(Compression::Lz4)
            .batch_size(BATCH_BYTES.min(settings.max_message_bytes))
            .linger(LINGER)
            .max_block(TOPIC_TIMEOUT)
            // For a message of any size that the settings allow.
            .buffer_memory(BUFFER_BYTES.max(settings.max_message_bytes.saturating_mul(2)))
            .max_request_size(settings.max_message_bytes.max(BATCH_BYTES) + OVERHEAD)
            // Longer than anybody waits for it: it must not give a record up and go on with the next one.
            .delivery_timeout(settings.timeout.saturating_mul(3).max(REQUEST_TIMEOUT * 2))
            .metrics_push(false)
            .build()
            .await
            .map_err(PublishError::Connect)?;
        Ok(Self { client, settings: settings.clone(), topics: HashMap::new() })
    }

    /// Ends it, and with it whatever it has not sent: what it still holds would come behind what is sent again.
    pub async fn close(self) {
        self.terminate().await;
    }

    /// Sends rows in order and waits for the acknowledgements, no longer than `until`. The first failure ends all that is not
    /// sent yet. `alone`: one after the other, so that a refusal is that row's own.
    pub async fn send(&mut self, rows: &[Waiting], alone: bool, until: Instant) -> Verdicts {
        let alone = alone || rows.len() == 1;
        let mut answers: Vec<Option<Result<(), Refusal>>> = rows.iter().map(|_| None).collect();
        let mut failed = HeldBack::default();
        let mut sent = FuturesUnordered::new();
        for (index, row) in rows.iter().enumerate() {
            if failed.holds(row) {
                continue;
            }
            let queued = timeout_at(until, self.enqueue(row)).await;
            let Ok(queued) = queued else { break };
            match queued {
                Ok(handle) => sent.push(async move { (index, handle.await) }),
                Err(refusal) => {
                    refusal.hold(row, &mut failed);
                    answers[index] = Some(Err(refusal));
                }
            }
            if alone && !self.answers(&mut sent, &mut answers, alone, until).await {
                break;
            }
        }
        self.answers(&mut sent, &mut answers, alone, until).await;
        judge(rows, answers)
    }

    /// Waits for the acknowledgements of what was sent. False if the time is up or something failed, which ends the client.
    async fn answers(
        &self,
        sent: &mut FuturesUnordered<impl Future<Output = (usize, krafka::Result<RecordMetadata>)>>,
        answers: &mut [Option<Result<(), Refusal>>],
        alone: bool,
        until: Instant,
    ) -> bool {
        let mut all_well = true;
        while let Ok(Some((index, answer))) = timeout_at(until, sent.next()).await {
            let answer = answer.map(drop).map_err(|error| match Refusal::of(&error) {
                Refusal::Suspect(reason) if alone => Refusal::Final(reason),
                refusal => refusal,
            });
            if all_well && matches!(answer, Err(Refusal::Passing(_) | Refusal::Suspect(_))) {
                all_well = false;
                // What is behind it must not overtake it: those that are waited for end with an error of their own.
                self.terminate().await;
            }
            if let Some(place) = answers.get_mut(index) {
                *place = Some(answer);
            }
        }
        all_well && sent.is_empty()
    }

    async fn terminate(&self) {
        let closed = self.client.close_with(CloseOptions::new().timeout(Duration::ZERO)).await;
        if let Err(error) = closed {
            tracing::debug!(%error, "the producer ended with records that it had not sent");
        }
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
                passing => Refusal::NoTopic(passing.reason()),
            }),
        };
        self.topics.insert(family, found.clone());
        found
    }
}

/// What became of each row, in order. Where one has to be sent again, all behind it of the same key are, even if they are there
/// already: a reader then has them in order once more.
fn judge(rows: &[Waiting], answers: Vec<Option<Result<(), Refusal>>>) -> Verdicts {
    let mut verdicts = Verdicts::default();
    let mut again = HeldBack::default();
    let suspects = answers.iter().flatten().any(|answer| matches!(answer, Err(Refusal::Suspect(_))));
    for (row, answer) in rows.iter().zip(answers) {
        let refusal = match answer {
            _ if again.holds(row) => None,
            Some(Ok(())) => {
                verdicts.published.push(row.id);
                continue;
            }
            Some(Err(Refusal::Final(reason))) => {
                verdicts.parked.push(Parked { id: row.id, reason });
                continue;
            }
            Some(Err(refusal)) => Some(refusal),
            None => Some(Refusal::Passing("no acknowledgement in time".into())),
        };
        if let Some(refusal) = &refusal {
            refusal.hold(row, &mut again);
        }
        // Everything was ended because of the suspects: nothing is wrong with the rest.
        if suspects {
            verdicts.suspects += 1;
        } else {
            verdicts.left.rows += 1;
            verdicts.left.reason = verdicts.left.reason.take().or_else(|| refusal.map(Refusal::reason));
        }
    }
    if !suspects {
        verdicts.left.held_back = again;
    }
    verdicts
}

impl Refusal {
    /// What no retry mends is what is wrong with the message itself, or with where it goes. A missing right or a broker that
    /// is not there is an operator's to mend, and until then messages wait.
    fn of(error: &KrafkaError) -> Self {
        match error {
            KrafkaError::UnknownTopic { topic } => Self::Final(format!("there is no topic {topic}")),
            KrafkaError::Serialization { .. } | KrafkaError::Config { .. } => Self::Final(error.to_string()),
            KrafkaError::Broker { code: ErrorCode::UnknownTopicOrPartition | ErrorCode::InvalidTopic, .. } => {
                Self::Final(error.to_string())
            }
            KrafkaError::Broker {
                code: code @ (ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge | ErrorCode::InvalidRecord),
                ..
            } => Self::Suspect(format!("the broker refuses it: {code:?}")),
            _ => Self::Passing(error.to_string()),
        }
    }

    fn reason(self) -> String {
        match self {
            Self::Final(reason) | Self::Suspect(reason) | Self::Passing(reason) | Self::NoTopic(reason) => reason,
        }
    }

    /// Remembers what has to wait for the row.
    fn hold(&self, row: &Waiting, held_back: &mut HeldBack) {
        match self {
            Self::Final(_) => {}
            Self::NoTopic(_) => {
                held_back.families.insert(row.family);
            }
            Self::Suspect(_) | Self::Passing(_) => {
                held_back.keys.insert(row.key.clone());
            }
        }
    }
}
