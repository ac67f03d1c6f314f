//! Records that fail, and what becomes of those beside them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::anyhow;
use event_publisher::krafka::Record;
use longshore::clock::Clock;

use super::stage::{Log, Stage, TOPIC, crashed, discarded, names, numbered, succeeded};
use crate::poll::{
    discard::Destination,
    policy::Policy,
    report::{Outcome, Report},
};

fn with_poison() -> Vec<String> {
    let mut values = numbered(60);
    values[17] = "poison".to_owned();
    values[44] = "poison".to_owned();
    values
}

fn all_but(bad: &[i64]) -> Vec<i64> {
    (0..60).filter(|offset| !bad.contains(offset)).collect()
}

fn exhausted(offsets: &[i64]) -> (String, Vec<i64>) {
    ("RetryAttemptsExhausted".to_owned(), offsets.to_vec())
}

#[tokio::test]
async fn bisecting_gives_up_poisoned_records_alone_and_the_rest_is_handled_in_order() {
    let (stage, log, folder) = (Stage::with_partitions(1).await, Log::default(), tempfile::tempdir().unwrap());
    stage.write(0, with_poison()).await;
    let mut job = log.job(|given| async move { if given.has("poison") { crashed() } else { succeeded() } });
    job.policy = Policy { retries: Some(2), bisect: true, record_age: None };
    job.destination = Destination::Folder(folder.path().to_owned());
    stage.read_all(job).await;
    assert_eq!(discarded(folder.path()), [exhausted(&[17]), exhausted(&[44])]);
    assert_eq!(log.done()[&0], all_but(&[17, 44]));
    assert_eq!(stage.committed(0), Some(60));
    let alone = log.given().iter().filter(|given| given.offsets() == [17]).count();
    assert_eq!(alone, 3, "one attempt and two retries");
}

#[tokio::test]
async fn without_bisecting_the_whole_batch_is_given_up_and_the_next_one_follows() {
    let (stage, log, folder) = (Stage::with_partitions(1).await, Log::default(), tempfile::tempdir().unwrap());
    stage.write(0, with_poison()).await;
    let mut job = log.job(|given| async move { if given.has("poison") { crashed() } else { succeeded() } });
    job.limits.records = 10;
    job.policy.retries = Some(0);
    job.destination = Destination::Folder(folder.path().to_owned());
    stage.read_all(job).await;
    let lost: Vec<i64> = discarded(folder.path()).into_iter().flat_map(|(_, offsets)| offsets).collect();
    assert!(lost.contains(&17) && lost.contains(&44));
    let mut all = [lost, log.done()[&0].clone()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..60).collect::<Vec<_>>());
    assert_eq!(stage.committed(0), Some(60));
}

#[tokio::test]
async fn only_the_records_that_an_answer_names_come_again() {
    let (stage, log, folder) = (Stage::with_partitions(1).await, Log::default(), tempfile::tempdir().unwrap());
    stage.write(0, with_poison()).await;
    let mut job = log.job(|given| async move { names(&given, "poison") });
    job.limits.records = 60;
    job.limits.window = Duration::from_secs(5);
    job.policy.retries = Some(3);
    job.destination = Destination::Folder(folder.path().to_owned());
    stage.read_all(job).await;
    let given: Vec<Vec<i64>> = log.given().iter().map(|given| given.offsets()).collect();
    let again = vec![17, 44];
    assert_eq!(given, [(0..60).collect(), again.clone(), again.clone(), again.clone()]);
    assert_eq!(discarded(folder.path()), [exhausted(&again)]);
    assert_eq!(log.done()[&0], all_but(&again));
    assert_eq!(stage.committed(0), Some(60));
}

#[tokio::test]
async fn a_failure_that_passes_costs_nothing_but_time() {
    let (stage, log, left) = (Stage::with_partitions(1).await, Log::default(), Arc::new(AtomicU32::new(4)));
    stage.write(0, numbered(10)).await;
    let mut job = log.job(move |_| {
        let left = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        async move { if left.is_ok() { crashed() } else { succeeded() } }
    });
    job.policy.retries = Some(4);
    job.limits.window = Duration::from_secs(1);
    stage.read_all(job).await;
    assert_eq!((log.given().len(), log.done()[&0].clone()), (5, (0..10).collect()));
    assert!(!log.outcomes().iter().any(|outcome| matches!(outcome, Outcome::Discarded { .. })));
}

#[tokio::test]
async fn a_function_that_cannot_be_reached_gives_no_record_up() {
    let (stage, log, left) = (Stage::with_partitions(1).await, Log::default(), Arc::new(AtomicU32::new(5)));
    stage.write(0, numbered(3)).await;
    let mut job = log.job(move |_| {
        let left = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        async move { if left.is_ok() { Err(anyhow!("connection refused")) } else { succeeded() } }
    });
    job.policy = Policy { retries: Some(0), bisect: true, record_age: None };
    stage.read_all(job).await;
    assert_eq!(log.done()[&0], [0, 1, 2]);
    assert!(!log.outcomes().iter().any(|outcome| matches!(outcome, Outcome::Discarded { .. })));
}

#[tokio::test]
async fn a_record_that_is_too_old_is_given_up_unseen() {
    let (stage, log, folder) = (Stage::with_partitions(1).await, Log::default(), tempfile::tempdir().unwrap());
    let now = i64::try_from(Clock::system().now().unix_timestamp_nanos() / 1_000_000).unwrap();
    let ages = [0, 400_000, 0, 500_000];
    stage.write_records(ages.map(|age| Record::new(TOPIC, age.to_string()).partition(0).timestamp(now - age))).await;
    let mut job = log.job(|_| async { succeeded() });
    job.limits.window = Duration::from_secs(1);
    job.policy.record_age = Some(Duration::from_secs(300));
    job.destination = Destination::Folder(folder.path().to_owned());
    stage.read_all(job).await;
    assert_eq!(log.done()[&0], [0, 2]);
    assert!(!log.given().iter().any(|given| given.has("400000") || given.has("500000")));
    assert_eq!(discarded(folder.path()), [("RecordAgeExceeded".to_owned(), vec![1, 3])]);
    assert_eq!(stage.committed(0), Some(4));
}

#[tokio::test]
async fn a_record_that_fits_into_no_event_is_given_up_and_those_around_it_are_handled() {
    let (stage, log, folder) = (Stage::with_partitions(1).await, Log::default(), tempfile::tempdir().unwrap());
    stage.write(0, ["before".to_owned(), "x".repeat(9_000), "after".to_owned()]).await;
    let mut job = log.job(|_| async { succeeded() });
    job.limits.bytes = 10_000;
    job.destination = Destination::Folder(folder.path().to_owned());
    stage.read_all(job).await;
    assert_eq!(log.done()[&0], [0, 2]);
    assert_eq!(discarded(folder.path()), [("MaximumPayloadSizeExceeded".to_owned(), vec![1])]);
}

#[tokio::test]
async fn what_the_destination_cannot_take_waits_until_it_can() {
    let (stage, log, folder) = (Stage::with_partitions(1).await, Log::default(), tempfile::tempdir().unwrap());
    stage.write(0, ["poison", "good"]).await;
    let (in_the_way, inner) = (folder.path().join("file"), log.reporter());
    std::fs::write(&in_the_way, "").unwrap();
    let mut job = log.job(|given| async move { names(&given, "poison") });
    job.policy.retries = Some(0);
    job.destination = Destination::Folder(in_the_way.join("failed"));
    let removed = in_the_way.clone();
    job.report = Box::new(move |report| {
        if let Report::Batch { outcome: Outcome::Failed { why, .. }, .. } = &report
            && why.starts_with("cannot write")
        {
            let _ = std::fs::remove_file(&removed);
        }
        inner(report);
    });
    stage.read_all(job).await;
    assert_eq!(discarded(&in_the_way.join("failed")), [exhausted(&[0])]);
    assert!(
        log.outcomes().iter().any(|outcome| matches!(outcome, Outcome::Failed { next, .. } if next == "tried again"))
    );
    assert_eq!((log.done()[&0].clone(), stage.committed(0)), (vec![1], Some(2)));
}
