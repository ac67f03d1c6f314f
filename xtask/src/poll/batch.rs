//! What goes to the function at once: records of one partition, in order, up to a number, a size or a time.

use std::time::Duration;

use bytes::Bytes;
use event_publisher::krafka::consumer::{ConsumerRecord, TimestampType};
use longshore_devkit::kafka_event::{EventRecord, KafkaEvent};

/// A record as it goes to the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// Its place in its partition.
    pub offset: i64,
    /// Milliseconds since 1970, when the broker knows.
    pub timestamp: Option<i64>,
    /// Its JSON text.
    pub(super) json: String,
}

impl Polled {
    /// Writes it as an event holds it, once: it may go to the function several times.
    pub fn of(record: &ConsumerRecord) -> Self {
        let headers = record.headers.iter();
        let json = EventRecord {
            topic: &record.topic,
            partition: record.partition,
            offset: record.offset,
            timestamp_ms: record.timestamp,
            log_append_time: record.timestamp_type == TimestampType::LogAppendTime,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: headers.map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default())).collect(),
        }
        .to_json();
        Self { offset: record.offset, timestamp: Some(record.timestamp).filter(|millis| *millis >= 0), json }
    }

    /// What it takes of an event, in bytes.
    pub fn size(&self) -> usize {
        self.json.len()
    }
}

/// When a batch is complete.
#[derive(Debug, Clone)]
pub struct Limits {
    /// So many records.
    pub records: usize,
    /// So many bytes of payload. One record that is larger makes a batch of its own.
    pub bytes: usize,
    /// So much time since its first record.
    pub window: Duration,
}

/// The records of a batch, while it is gathered and after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// In the order of their offsets.
    pub records: Vec<Polled>,
}

impl Batch {
    /// Adds a record, unless the payload would be too large with it: that record is given back, for the next batch.
    pub fn push(&mut self, record: Polled, frame: &Frame, limits: &Limits) -> Option<Polled> {
        let size = frame.size(&self.records) + record.size() + 1;
        if !self.records.is_empty() && size > limits.bytes {
            return Some(record);
        }
        self.records.push(record);
        None
    }

    /// Whether nothing more may be added.
    pub fn is_full(&self, frame: &Frame, limits: &Limits) -> bool {
        self.records.len() >= limits.records || frame.size(&self.records) >= limits.bytes
    }

    /// The offset from which a reader goes on when this batch is done.
    pub fn next_offset(&self) -> Option<i64> {
        self.records.last().map(|record| record.offset + 1)
    }
}

/// What is around the records of one partition in an event.
#[derive(Debug, Clone)]
pub struct Frame {
    servers: String,
    partition_key: String,
    overhead: usize,
}

impl Frame {
    /// Of a partition of a cluster.
    pub fn new(servers: &str, topic: &str, partition: i32) -> Self {
        let partition_key = format!("{topic}-{partition}");
        let mut frame = Self { servers: servers.to_owned(), partition_key, overhead: 0 };
        frame.overhead = frame.event(&[]).len();
        frame
    }

    /// `<topic>-<partition>`
    pub fn partition_key(&self) -> &str {
        &self.partition_key
    }

    /// The cluster's brokers, as somebody named them.
    pub fn servers(&self) -> &str {
        &self.servers
    }

    /// The event with which a function is invoked.
    pub fn event(&self, records: &[Polled]) -> Bytes {
        let texts = records.iter().map(|record| record.json.clone());
        let event = KafkaEvent::self_managed().of_servers(&self.servers).records(&self.partition_key, texts);
        event.to_json().into()
    }

    /// How large that event is, in bytes.
    pub fn size(&self, records: &[Polled]) -> usize {
        let texts: usize = records.iter().map(Polled::size).sum();
        self.overhead + texts + records.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use longshore::kafka::{Event, Payload};
    use proptest::prelude::*;

    use super::*;

    fn record(offset: i64, length: usize) -> Polled {
        let mut record = ConsumerRecord::new("a-topic", 3, offset, Some("key".into()), Some(vec![b'x'; length].into()));
        record.timestamp = 1_700_000_000_000 + offset;
        record.headers.push(("service".to_owned(), Some("hé".into())));
        record.headers.push(("none".to_owned(), None));
        Polled::of(&record)
    }

    fn limits(records: usize, bytes: usize) -> Limits {
        Limits { records, bytes, window: Duration::from_millis(500) }
    }

    #[test]
    fn a_function_reads_what_lies_in_kafka() {
        let event = Frame::new("b-1:9092", "a-topic", 3).event(&[record(7, 2), record(8, 0)]);
        let event = Event::parse(std::str::from_utf8(&event).unwrap()).unwrap();
        let first = &event.records[0];
        assert_eq!((first.partition_key.as_str(), first.topic.as_str(), first.partition), ("a-topic-3", "a-topic", 3));
        assert_eq!((first.offset, first.timestamp), (7, Some(1_700_000_000_007)));
        assert_eq!((first.key.as_deref(), &first.value), (Some(b"key".as_slice()), &Payload::Bytes(b"xx".to_vec())));
        assert_eq!(first.headers, [("service".into(), "hé".as_bytes().to_vec()), ("none".into(), vec![])]);
        assert_eq!(event.records[1].offset, 8);
    }

    #[test]
    fn a_record_that_is_too_large_makes_a_batch_of_its_own() {
        let (frame, limits) = (Frame::new("b", "a-topic", 3), limits(10, 2_000));
        let mut batch = Batch::default();
        assert_eq!(batch.push(record(1, 5_000), &frame, &limits), None);
        assert!(batch.is_full(&frame, &limits));
        assert_eq!(batch.push(record(2, 0), &frame, &limits), Some(record(2, 0)));
    }

    proptest! {
        #[test]
        fn batches_keep_all_records_in_order_and_their_limits(
            lengths in proptest::collection::vec(0_usize..3_000, 1..60),
            most in 1_usize..20,
            bytes in 5_000_usize..20_000,
        ) {
            let (frame, limits) = (Frame::new("b", "a-topic", 3), limits(most, bytes));
            let mut batches = vec![Batch::default()];
            for (offset, length) in (0_i64..).zip(lengths.iter().copied()) {
                if batches.last().unwrap().is_full(&frame, &limits) {
                    batches.push(Batch::default());
                }
                if let Some(left) = batches.last_mut().unwrap().push(record(offset, length), &frame, &limits) {
                    batches.push(Batch { records: vec![left] });
                }
            }
            for batch in &batches {
                prop_assert_eq!(frame.size(&batch.records), frame.event(&batch.records).len());
                prop_assert!(batch.records.len() <= most && frame.size(&batch.records) <= bytes);
            }
            let offsets: Vec<i64> = batches.iter().flat_map(|batch| &batch.records).map(|record| record.offset).collect();
            prop_assert_eq!(offsets, (0_i64..).take(lengths.len()).collect::<Vec<_>>());
        }
    }
}
