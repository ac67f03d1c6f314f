use super::*;
use crate::aws::S3Prefix;
use crate::failure::Failure;
use aws_lambda_events::event::kafka::KafkaEvent;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

fn parse(event: &Value) -> Result<Event, EventError> {
    Event::parse(&event.to_string())
}

fn event(records: Value) -> Value {
    json!({"eventSource": "aws:kafka", "eventSourceArn": "arn:aws:kafka:eu-central-1:1:cluster/x/1",
           "bootstrapServers": "b-1:9092", "records": records})
}

#[test]
fn a_record_is_decoded_with_signed_headers_and_its_own_place() {
    let event = event(json!({"my-topic-3": [{
        "topic": "my-topic", "partition": 3, "offset": 15, "timestamp": 1545084650987i64, "timestampType": "CREATE_TIME",
        "key": "az==", "value": "eyJhIjoxfQ", "headers": [{"service": [99, -61, -85]}, {"service": [120]}],
        "valueSchemaMetadata": {"dataFormat": "JSON"},
    }]}));
    let record = parse(&event).unwrap().records.remove(0);
    assert_eq!((record.partition_key.as_str(), record.topic.as_str(), record.partition), ("my-topic-3", "my-topic", 3));
    assert_eq!((record.offset, record.timestamp), (15, Some(1_545_084_650_987)));
    assert_eq!(record.value, Payload::Bytes(br#"{"a":1}"#.to_vec()));
    assert_eq!(record.headers[0].1, [99, 0xc3, 0xab]);
    assert_eq!(record.header("SERVICE"), Some("x"), "the last of a name counts, whatever its case");
}

#[test]
fn odd_records_are_kept_for_the_consumer() {
    let event = event(json!({"a-b-7": [
        {"offset": 1, "value": null, "timestamp": -1, "headers": null},
        {"offset": 2, "partition": "7", "value": "%%%"},
        {"offset": 3, "value": 5, "headers": [{"h": [200]}, 4, {"n": null}], "key": null},
    ]}));
    let records = parse(&event).unwrap().records;
    assert_eq!(records[0].value, Payload::Tombstone);
    assert_eq!((records[0].timestamp, records[0].topic.as_str(), records[0].partition), (None, "a-b", 7));
    assert_eq!((&records[1].value, records[1].partition), (&Payload::NotBase64("\"%%%\"".into()), 7));
    assert_eq!(records[2].value, Payload::NotBase64("5".into()));
    assert_eq!(records[2].headers, [("h".to_owned(), vec![200]), ("n".to_owned(), vec![])]);
}

#[test]
fn partitions_keep_the_order_of_the_payload() {
    let text =
        r#"{"records": {"t-9": [{"offset": 1}], "t-10": [{"offset": 5}], "t-1": [{"offset": 2}, {"offset": 3}]}}"#;
    let records = Event::parse(text).unwrap().records;
    let order: Vec<_> = records.iter().map(|record| (record.partition, record.offset)).collect();
    assert_eq!(order, [(9, 1), (10, 5), (1, 2), (1, 3)]);
    assert!(parse(&event(Value::Null)).unwrap().records.is_empty());
}

#[test]
fn what_is_no_kafka_event_fails_as_a_whole() {
    for bad in [
        json!([]),
        json!({}),
        json!({"records": []}),
        json!({"records": {"t-0": [{}]}}),
        json!({"records": {"t-0": [1]}}),
    ] {
        assert!(parse(&bad).is_err(), "{bad}");
    }
    assert!(matches!(parse(&json!({"eventSource": "aws:sqs", "records": {}})), Err(EventError::Source(_))));
}

/// Records by partition key and offset, each with its value and how many headers it has.
type Published = BTreeMap<(String, i64), (Option<String>, usize)>;

/// A record before it is written down: value, headers, timestamp.
type Drawn = (Option<Vec<u8>>, Vec<(String, Vec<i8>)>, i64);

/// What the model that AWS publishes makes of a payload; `None` when it refuses it.
fn as_published(text: &str) -> Option<Published> {
    let event: KafkaEvent = serde_json::from_str(text).ok()?;
    let records =
        event.records.into_iter().flat_map(|(key, list)| list.into_iter().map(move |record| (key.clone(), record)));
    Some(records.map(|(key, record)| ((key, record.offset), (record.value, record.headers.len()))).collect())
}

proptest! {
    #[test]
    fn whatever_the_published_model_accepts_is_decoded_alike(
        partitions in proptest::collection::btree_map(0i32..5, proptest::collection::btree_map(0i64..99, (
            proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
            proptest::collection::vec(("[a-z]{1,5}", proptest::collection::vec(any::<i8>(), 0..5)), 0..3),
            -1i64..2_000_000_000_000,
        ), 0..4), 0..4)
    ) {
        use base64::Engine as _;
        let list = |partition: &i32, records: &BTreeMap<i64, Drawn>| -> Value {
            records.iter().map(|(offset, (value, headers, timestamp))| json!({
                "topic": "a-topic", "partition": partition, "offset": offset, "timestamp": timestamp,
                "timestampType": "CREATE_TIME", "value": value.as_ref().map(|v| BASE64.encode(v)),
                "headers": headers.iter().map(|(name, bytes)| json!({name.as_str(): bytes})).collect::<Vec<_>>(),
            })).collect()
        };
        let records: serde_json::Map<String, Value> =
            partitions.iter().map(|(number, records)| (format!("a-topic-{number}"), list(number, records))).collect();
        let text = event(Value::Object(records)).to_string();
        let ours = Event::parse(&text).unwrap().records;
        prop_assert_eq!(ours.len(), partitions.values().map(BTreeMap::len).sum::<usize>());
        if let Some(published) = as_published(&text) {
            for record in &ours {
                let (value, headers) = &published[&(record.partition_key.clone(), record.offset)];
                let decoded = value.as_ref().map_or(Payload::Tombstone, |text| Payload::Bytes(BASE64.decode(text).unwrap()));
                prop_assert_eq!(&record.value, &decoded);
                prop_assert_eq!(record.headers.len(), *headers);
            }
        }
    }

    #[test]
    fn no_payload_makes_it_panic(text in "\\PC{0,100}", odd in "[\\[\\]{}\":,a-z0-9-]{0,120}") {
        let _ = Event::parse(&text);
        let _ = Event::parse(&format!(r#"{{"records":{{"t-0":[{{"offset":1,"headers":{odd}}}]}}}}"#));
    }
}

/// A consumer whose records say what becomes of them: `key:what`.
#[derive(Default)]
struct Script {
    log: RefCell<Vec<String>>,
    running: RefCell<usize>,
    most_running: RefCell<usize>,
    rejecting_fails: bool,
}

impl Script {
    fn note(&self, text: String) {
        self.log.borrow_mut().push(text);
    }
}

fn text(record: &Record) -> String {
    match &record.value {
        Payload::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    }
}

impl Consumer for Script {
    type Key = String;
    type Job = String;

    async fn plan(&self, record: &Record) -> Result<Plan<String, String>, Failure> {
        let text = text(record);
        let (key, what) = text.split_once(':').unwrap_or_default();
        match what {
            "plan-fails" => Err(Failure::transient("Database", "gone")),
            "plan-rejects" => Err(Failure::fatal("Message", "odd")),
            "skip" => Ok(Plan::Skip("not ours")),
            _ => Ok(Plan::Run { key: key.into(), job: text.clone() }),
        }
    }

    async fn run(&self, record: &Record, job: String, _: Invocation) -> Result<&'static str, Failure> {
        self.note(format!("{} {job}", record.offset));
        *self.running.borrow_mut() += 1;
        let running = *self.running.borrow();
        let most = running.max(*self.most_running.borrow());
        *self.most_running.borrow_mut() = most;
        tokio::task::yield_now().await;
        *self.running.borrow_mut() -= 1;
        match job.split_once(':').unwrap_or_default().1 {
            "fails" => Err(Failure::transient("Download", "503")),
            "rejects" => Err(Failure::fatal("Archive", "damaged")),
            "panics" => panic!("as scripted"),
            "hangs" => std::future::pending().await,
            _ => Ok("applied"),
        }
    }

    async fn reject(&self, record: &Record, why: &Failure) -> Result<(), Failure> {
        self.note(format!("{} kept: {}", record.offset, why.kind()));
        if self.rejecting_fails { Err(Failure::transient("Rejection", "no table")) } else { Ok(()) }
    }

    fn ended(&self, record: &Record, outcome: &'static str, failure: Option<&Failure>) {
        let kind = failure.map(|failure| format!(" {}", failure.kind())).unwrap_or_default();
        self.note(format!("{} {outcome}{kind}", record.offset));
    }
}

/// Runs the script's records, all on one partition, and returns the failed offsets.
async fn run(script: &Script, records: &[&str], remaining: Option<Duration>, concurrency: usize) -> Vec<i64> {
    use base64::Engine as _;
    let records: Vec<Value> =
        records.iter().enumerate().map(|(at, text)| json!({"offset": at, "value": BASE64.encode(text)})).collect();
    let event = parse(&event(json!({ "t-0": records }))).unwrap();
    let response = process(script, &event, Invocation::new(remaining, Duration::ZERO, concurrency)).await;
    response.failed().into_iter().map(|(_, offset)| offset).collect()
}

#[tokio::test]
async fn a_passing_failure_takes_the_later_records_of_its_key_along_and_no_others() {
    let script = Script::default();
    let failed = run(&script, &["a:ok", "a:fails", "b:ok", "a:ok", "b:rejects", "b:ok"], None, 1).await;
    assert_eq!(failed, [1, 3]);
    let ran = |offset: usize| script.log.borrow().iter().any(|line| line.starts_with(&format!("{offset} a:")));
    assert!(!ran(3), "a record after a failed one of its key must not run");
    assert!(script.log.borrow().contains(&"4 rejected Archive".to_owned()));
    assert!(script.log.borrow().contains(&"5 applied".to_owned()));
}

#[tokio::test]
async fn what_cannot_be_planned_blocks_its_partition_but_a_rejected_record_does_not() {
    let script = Script::default();
    let failed = run(&script, &["a:plan-rejects", "a:ok", "b:plan-fails", "c:ok", "d:skip"], None, 4).await;
    assert_eq!(failed, [2, 3, 4]);
    assert!(script.log.borrow().contains(&"1 applied".to_owned()));
}

#[tokio::test]
async fn a_record_that_cannot_be_kept_is_not_lost() {
    let script = Script { rejecting_fails: true, ..Script::default() };
    assert_eq!(run(&script, &["a:rejects", "a:ok", "b:plan-rejects"], None, 1).await, [0, 1, 2]);
}

#[tokio::test]
async fn a_panic_fails_its_record_alone() {
    let script = Script::default();
    assert_eq!(run(&script, &["a:panics", "b:ok"], None, 1).await, [0]);
    assert!(script.log.borrow().contains(&"0 retried Panic".to_owned()));
}

#[tokio::test]
async fn keys_run_side_by_side_up_to_the_bound_and_records_of_a_key_in_order() {
    let script = Script::default();
    let records = ["a:1", "b:1", "c:1", "a:2", "d:1", "b:2", "a:3"];
    assert!(run(&script, &records, None, 2).await.is_empty());
    assert_eq!(*script.most_running.borrow(), 2);
    let of_a: Vec<String> = script.log.borrow().iter().filter(|line| line.contains(" a:")).cloned().collect();
    assert_eq!(of_a, ["0 a:1", "3 a:2", "6 a:3"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_done_in_time_is_left_to_redelivery() {
    let script = Script::default();
    let failed = run(&script, &["a:ok", "a:hangs", "a:ok", "b:ok"], Some(Duration::from_secs(5)), 2).await;
    assert_eq!(failed, [1, 2]);
    assert!(script.log.borrow().contains(&"1 retried Deadline".to_owned()));
    assert_eq!(run(&script, &["a:ok", "b:rejects"], Some(Duration::ZERO), 2).await, [0, 1], "no time at all");
}

#[tokio::test]
async fn the_answer_names_records_as_lambda_expects() {
    let script = Script::default();
    let event = parse(&event(json!({"my-topic-0": [{"offset": 100, "value": "YTpmYWlscw=="}]}))).unwrap();
    let response = process(&script, &event, Invocation::new(None, Duration::ZERO, 1)).await;
    let expected = json!({"batchItemFailures": [{"itemIdentifier": {"partition": "my-topic-0", "offset": 100}}]});
    assert_eq!(serde_json::to_value(response).unwrap(), expected);
}

#[test]
fn a_rejection_target_is_a_prefix_a_queue_or_nothing() {
    let s3 =
        |bucket: &str, prefix: &str| RejectionTarget::S3(S3Prefix { bucket: bucket.into(), prefix: prefix.into() });
    assert_eq!("s3://b/p/q/".parse(), Ok(s3("b", "p/q")));
    assert_eq!("s3://b".parse(), Ok(s3("b", "")));
    let queue = "https://sqs.eu-central-1.amazonaws.com/1/q";
    assert_eq!(queue.parse(), Ok(RejectionTarget::Sqs { queue_url: queue.into() }));
    assert_eq!("none".parse(), Ok(RejectionTarget::None));
    for bad in ["", "s3://", "https://example.com/q", "sns"] {
        assert!(bad.parse::<RejectionTarget>().is_err(), "{bad}");
    }
}
