//! When offsets are committed, and readers that come and go.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use event_publisher::krafka::{
    consumer::GroupProtocol,
    testing::{ApiKey, Control},
};
use futures_util::future::pending;
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::{sleep, timeout},
};

use super::stage::{Log, Stage, crashed, numbered, source, succeeded};
use crate::poll::poller::{Source, poll};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_reader_that_is_killed_before_its_batch_is_done_has_committed_nothing() {
    let (stage, log, begun) = (Stage::with_partitions(1).await, Log::default(), Arc::new(Notify::new()));
    stage.write(0, numbered(5)).await;
    let told = Arc::clone(&begun);
    let hanging = log.job(move |_| {
        told.notify_one();
        pending()
    });
    tokio::select! {
        () = stage.read_all(hanging) => panic!("it hangs"),
        () = begun.notified() => {}
    }
    assert_eq!(stage.committed(0), None);
    stage.read_all(log.job(|_| async { succeeded() })).await;
    assert_eq!((log.done()[&0].clone(), stage.committed(0)), ((0..5).collect(), Some(5)));
}

#[tokio::test]
async fn joining_a_group_that_takes_its_time_is_waited_for_and_not_begun_again() {
    let (stage, log) = (Stage::with_partitions(1).await, Log::default());
    stage.write(0, numbered(5)).await;
    stage.broker.on_once(ApiKey::JoinGroup, |_| Control::Delay(Duration::from_millis(1_500)));
    stage.read_all(log.job(|_| async { succeeded() })).await;
    assert_eq!((log.done()[&0].clone(), stage.broker.request_count(ApiKey::JoinGroup)), ((0..5).collect(), 1));
}

#[tokio::test]
async fn one_that_is_stopped_waits_for_the_function_and_commits_what_is_done() {
    let (stage, log) = (Stage::with_partitions(1).await, Log::default());
    stage.write(0, numbered(200)).await;
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, wait) = (Arc::clone(&begun), Arc::clone(&go));
    let job = log.job(move |_| {
        told.notify_one();
        let wait = Arc::clone(&wait);
        async move {
            wait.notified().await;
            succeeded()
        }
    });
    let (stop, stopped) = watch::channel(false);
    let kafka = stage.connect().await;
    let reading = poll(&kafka, source(), job, stopped);
    let stopping = async {
        begun.notified().await;
        stop.send_replace(true);
        go.notify_one();
    };
    let (read, ()) = timeout(PATIENCE, async { tokio::join!(reading, stopping) }).await.unwrap();
    read.unwrap();
    let done = log.done()[&0].clone();
    assert_eq!(log.given().len(), 1, "no batch is begun after that");
    assert_eq!((stage.committed(0), done[0]), (Some(done.len() as i64), 0));
    stage.read_all(log.job(|_| async { succeeded() })).await;
    assert_eq!(log.done()[&0], (0..200).collect::<Vec<_>>());
}

/// Looks again and again. Whoever calls it has a limit for all.
async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        sleep(Duration::from_millis(10)).await;
    }
}

/// The first time that each record was done, by partition.
fn firsts(log: &Log) -> BTreeMap<i32, Vec<i64>> {
    let mut done = log.done();
    for offsets in done.values_mut() {
        let mut seen = HashSet::new();
        offsets.retain(|offset| seen.insert(*offset));
    }
    done
}

#[tokio::test]
async fn readers_that_share_a_group_share_its_partitions_and_nothing_is_lost_or_out_of_order() {
    const PARTITIONS: i32 = 4;
    let (stage, log) = (Stage::with_partitions(PARTITIONS).await, Log::default());
    let (first, second) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let job = |told: &Arc<Notify>| {
        let told = Arc::clone(told);
        let mut job = log.job(move |_| {
            told.notify_one();
            async { succeeded() }
        });
        job.limits.records = 7;
        job
    };
    let source = || Source { protocol: GroupProtocol::Consumer, ..source() };
    let (stop, stopped) = watch::channel(false);
    let writing = async {
        let mut written = 0;
        let mut write = async || {
            for partition in 0..PARTITIONS {
                stage.write(partition, numbered(20)).await;
            }
            written += 20;
        };
        write().await;
        first.notified().await;
        // Until the second one has its share.
        while timeout(Duration::from_millis(100), second.notified()).await.is_err() {
            write().await;
        }
        write().await;
        let all = (0..PARTITIONS).map(|partition| (partition, (0..written).collect())).collect();
        until(|| firsts(&log) == all).await;
        stop.send_replace(true);
        written
    };
    let clients = [stage.connect().await, stage.connect().await];
    let one = poll(&clients[0], source(), job(&first), stopped.clone());
    let other = async {
        // Joins in the middle.
        until(|| !log.given().is_empty()).await;
        poll(&clients[1], source(), job(&second), stopped).await
    };
    let (one, other, written) = timeout(PATIENCE, async { tokio::join!(one, other, writing) }).await.unwrap();
    one.unwrap();
    other.unwrap();
    for partition in 0..PARTITIONS {
        assert_eq!(stage.committed(partition), Some(written));
    }
}

#[tokio::test]
async fn a_partition_moves_only_when_its_batch_is_done_and_nothing_is_handled_twice() {
    let (stage, log) = (Stage::with_partitions(2).await, Log::default());
    stage.write(0, numbered(5)).await;
    stage.write(1, numbered(5)).await;
    let go = Arc::new(Semaphore::new(0));
    let job = || {
        let go = Arc::clone(&go);
        log.job(move |_| {
            let go = Arc::clone(&go);
            async move {
                let _go = go.acquire().await;
                succeeded()
            }
        })
    };
    let source = || Source { protocol: GroupProtocol::Consumer, ..source() };
    let (stop, stopped) = watch::channel(false);
    let clients = [stage.connect().await, stage.connect().await];
    let one = poll(&clients[0], source(), job(), stopped.clone());
    let heard = || stage.broker.consumer_group_heartbeats();
    let other = async {
        until(|| log.given().len() == 2).await;
        poll(&clients[1], source(), job(), stopped).await
    };
    let meanwhile = async {
        let members = || heard().into_iter().map(|beat| beat.member_id).collect::<HashSet<_>>().len();
        until(|| members() == 2).await;
        // The first one has been told, and has asked its partition's batch to end.
        let before = heard().len();
        until(|| heard().len() >= before + 10).await;
        assert_eq!(log.given().len(), 2);
        go.add_permits(100);
        let committed = || [0, 1].map(|partition| stage.committed(partition));
        until(|| committed() == [Some(5); 2]).await;
        stage.write(0, ["later"]).await;
        stage.write(1, ["later"]).await;
        until(|| committed() == [Some(6); 2]).await;
        stop.send_replace(true);
    };
    let (one, other, ()) = timeout(PATIENCE, async { tokio::join!(one, other, meanwhile) }).await.unwrap();
    one.unwrap();
    other.unwrap();
    for partition in [0, 1] {
        let batches = log.given().into_iter().filter(|given| given.partition == partition);
        let given: Vec<i64> = batches.flat_map(|given| given.offsets()).collect();
        assert_eq!(given, (0..6).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn one_that_is_stopped_does_not_sit_out_the_pause_after_a_failure() {
    let (stage, log) = (Stage::with_partitions(1).await, Log::default());
    stage.write(0, numbered(5)).await;
    let mut job = log.job(|_| async { crashed() });
    job.first_pause = Duration::from_secs(3_600);
    let (stop, stopped) = watch::channel(false);
    let inner = std::mem::replace(&mut job.report, Box::new(|_| {}));
    job.report = Box::new(move |report| {
        inner(report);
        stop.send_replace(true);
    });
    let kafka = stage.connect().await;
    timeout(Duration::from_secs(15), poll(&kafka, source(), job, stopped)).await.unwrap().unwrap();
    assert_eq!((log.given().len(), stage.committed(0)), (1, None));
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_named() {
    let stage = Stage::with_partitions(1).await;
    let (_stop, stopped) = watch::channel(false);
    let source = Source { topics: vec!["elsewhere".to_owned()], ..source() };
    let error =
        poll(&stage.connect().await, source, Log::default().job(|_| async { succeeded() }), stopped).await.unwrap_err();
    assert!(format!("{error:#}").contains("elsewhere"), "{error:#}");
}
