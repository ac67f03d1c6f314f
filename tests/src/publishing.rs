//! A Kafka cluster in the process, an outbox full of events, and what comes out of it.

use crate::World;
use event_publisher::krafka::Kafka;
use event_publisher::krafka::consumer::{AutoOffsetReset, ConsumerRecord};
use event_publisher::krafka::testing::FakeBroker;
use event_publisher::{Published, Publisher};
use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::failure::Failure;
use longshore::lambda::Call;
use longshore::settings::Settings;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// The topic of events.
pub const EVENTS: &str = "longshore.events";

/// A cluster, with a topic of six partitions for events.
pub struct Cluster(FakeBroker);

/// A record in Kafka.
#[derive(Debug, Clone, PartialEq)]
pub struct InKafka {
    /// Its partition.
    pub partition: i32,
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Its headers, as `name: value`.
    pub headers: Vec<String>,
}

impl Cluster {
    /// A cluster of so many brokers.
    pub async fn start(brokers: usize) -> Self {
        Self::with_partitions(brokers, 6).await
    }

    /// A cluster whose topic of events has so many partitions.
    pub async fn with_partitions(brokers: usize, partitions: i32) -> Self {
        let broker = FakeBroker::start_cluster(brokers).await.unwrap();
        broker.create_topic(EVENTS, partitions);
        Self(broker)
    }

    /// The first so many records of a topic, as a consumer of a group gets them.
    pub async fn consume(&self, topic: &str, count: usize) -> Vec<InKafka> {
        let kafka = Kafka::builder(self.0.bootstrap_servers()).connect().await.unwrap();
        let consumer = kafka.consumer("readers").auto_offset_reset(AutoOffsetReset::Earliest).build().await.unwrap();
        consumer.subscribe([topic]).await.unwrap();
        let mut records = Vec::new();
        while records.len() < count {
            let polled = consumer.poll(Duration::from_secs(20)).await.unwrap();
            assert!(!polled.is_empty(), "{} of {count} came", records.len());
            records.extend(polled.into_iter().map(InKafka::of));
        }
        consumer.close().await.unwrap();
        records
    }

    /// The brokers, for whoever breaks them.
    pub fn broker(&self) -> &FakeBroker {
        &self.0
    }

    /// What a publisher needs to find it.
    pub fn variables(&self) -> Vec<(String, String)> {
        [
            ("LONGSHORE_KAFKA_BROKERS", self.0.bootstrap_servers()),
            ("LONGSHORE_KAFKA_SECURITY", "plaintext".into()),
            ("LONGSHORE_KAFKA_TIMEOUT_MS", "10000".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Everything in a topic, by partition and offset.
    pub fn records(&self, topic: &str) -> Vec<InKafka> {
        self.0.all_records(topic).unwrap().into_iter().map(InKafka::of).collect()
    }

    /// The numbers of the events of [`World::fill_outbox`], by key, in the order in which a reader sees them first.
    /// A repeat must be the same to the byte, and each key is in one partition.
    pub fn numbers(&self) -> BTreeMap<String, Vec<i64>> {
        let mut seen: BTreeMap<String, InKafka> = BTreeMap::new();
        let mut numbers: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        let mut places = HashSet::new();
        for record in self.records(EVENTS) {
            places.insert((record.key.clone(), record.partition));
            let id = record.value["id"].as_str().unwrap().to_owned();
            match seen.get(&id) {
                Some(first) => assert_eq!(*first, record),
                None => {
                    let number = record.value["data"]["eventData"]["number"].as_i64().unwrap();
                    numbers.entry(record.key.clone()).or_default().push(number);
                    seen.insert(id, record);
                }
            }
        }
        assert_eq!(places.len(), numbers.len(), "a key in two partitions");
        numbers
    }
}

impl InKafka {
    fn of(record: ConsumerRecord) -> Self {
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
        Self {
            partition: record.partition,
            key: text(record.key.as_deref()),
            value: serde_json::from_slice(record.value.as_deref().unwrap()).unwrap(),
            headers: record.headers.iter().map(|(name, value)| format!("{name}: {}", text(value.as_deref()))).collect(),
        }
    }
}

impl World {
    /// So many events that wait, of so many owners in turns. Each says its number.
    pub async fn fill_outbox(&self, events: i64, owners: i64) {
        let sql = "INSERT INTO outbox
                     (event_id, key, type, target, target_name, entity_id, request_id, event_data, created_at)
                   SELECT gen_random_uuid(), 'owner/' || n % $2::bigint, 'CREATED', 'PRODUCT', 'Product ' || n, n::text, 'req-' || n,
                          jsonb_build_object('productId', n::text, 'number', n), now()
                   FROM generate_series(1, $1::bigint) n";
        self.client().execute(sql, &[&events, &owners]).await.unwrap();
    }

    /// A publisher of this world.
    pub async fn publisher(&self, cluster: &Cluster, further: &[(&str, &str)]) -> Publisher {
        let mut variables: BTreeMap<String, String> = self.variables().into_iter().chain(cluster.variables()).collect();
        variables.extend(further.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let settings = Settings::read(|name| variables.get(name).cloned()).unwrap();
        Publisher::new(&settings, Aws::from_env().await, Clock::system())
    }

    /// How the outbox stands: `waiting / published / parked`.
    pub async fn outbox(&self) -> String {
        let sql = "SELECT concat_ws(' / ', count(*) FILTER (WHERE published_at IS NULL AND parked_at IS NULL),
                                    count(published_at), count(parked_at)) FROM outbox";
        self.value(sql).await
    }
}

/// One invocation of a publisher.
///
/// # Errors
/// What waits.
pub async fn publish(publisher: &Publisher) -> Result<Published, Failure> {
    publisher.publish(Call { remaining: Some(Duration::from_secs(60)), request_id: "invocation" }).await
}

/// What [`Cluster::numbers`] is when so many events of so many owners are there, in order.
pub fn in_order(events: i64, owners: i64) -> BTreeMap<String, Vec<i64>> {
    let mut numbers: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for number in 1..=events {
        numbers.entry(format!("owner/{}", number % owners)).or_default().push(number);
    }
    numbers
}
