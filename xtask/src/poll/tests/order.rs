//! What a function gets, and in which order.

use event_publisher::krafka::consumer::AutoOffsetReset;

use super::stage::{Log, Stage, crashed, numbered, succeeded};
use crate::poll::report::Outcome;

#[tokio::test]
async fn each_partition_is_handled_in_order_once_and_a_batch_at_a_time() {
    let (stage, log) = (Stage::with_partitions(3).await, Log::default());
    for (partition, count) in [(0, 700), (1, 120), (2, 1)] {
        stage.write(partition, numbered(count)).await;
    }
    stage.read_all(log.job(|_| async { succeeded() })).await;
    for (partition, count) in [(0, 700), (1, 120), (2, 1)] {
        assert_eq!(log.done()[&partition], (0..count).collect::<Vec<i64>>());
        assert_eq!(stage.committed(partition), Some(count));
    }
    assert!(log.given().iter().all(|given| given.records.len() <= 50));
    let first = log.given().into_iter().find(|given| given.partition == 0).unwrap();
    assert_eq!(first.records[7], (7, "7".to_owned()));
}

#[tokio::test]
async fn an_event_never_holds_more_bytes_than_it_may() {
    let (stage, log) = (Stage::with_partitions(1).await, Log::default());
    stage.write(0, (0..40).map(|number| "x".repeat(100 * (number % 7)))).await;
    let mut job = log.job(|_| async { succeeded() });
    job.limits.bytes = 3_000;
    stage.read_all(job).await;
    let given = log.given();
    assert!(given.iter().all(|given| given.bytes <= 3_000), "{given:?}");
    assert!(given.iter().any(|given| given.records.len() > 1));
    assert_eq!(log.done()[&0], (0..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_group_goes_on_where_it_was_and_one_that_begins_at_the_end_sees_nothing_older() {
    let (stage, log) = (Stage::with_partitions(2).await, Log::default());
    stage.write(0, ["old", "older"]).await;
    stage.read_all_from(AutoOffsetReset::Latest, log.job(|_| async { succeeded() })).await;
    assert!(log.given().is_empty());
    // Whoever reads next knows where that was, although nothing was handled.
    stage.write(0, ["new"]).await;
    stage.write(1, ["new as well"]).await;
    stage.read_all_from(AutoOffsetReset::Latest, log.job(|_| async { succeeded() })).await;
    assert_eq!(log.done(), [(0, vec![2]), (1, vec![0])].into());
    stage.read_all(log.job(|_| async { succeeded() })).await;
    assert_eq!(log.given().len(), 2);
}

#[tokio::test]
async fn a_partition_that_is_stuck_holds_up_no_other() {
    let (stage, log) = (Stage::with_partitions(2).await, Log::default());
    // More than is read ahead.
    stage.write(0, numbered(2_000)).await;
    let stuck = log.job(|given| async move { if given.partition == 0 { crashed() } else { succeeded() } });
    let read = stage.read_all(stuck);
    let others = async {
        for round in 1..=3 {
            stage.write(1, numbered(200)).await;
            while stage.committed(1) != Some(200 * round) {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::select! {
        () = read => panic!("a partition that is stuck is not done"),
        () = others => {}
    }
    assert_eq!(stage.committed(0), None);
    assert!(log.given().iter().filter(|given| given.partition == 0).all(|given| given.offsets()[0] == 0));
    assert!(log.outcomes().contains(&Outcome::Done));
}
