//! Brokers that are not there, refuse or lose their answer, and a database that goes away: events wait, and come in order.

use event_publisher::krafka::error::ErrorCode;
use event_publisher::krafka::testing::{ApiKey, Control};
use longshore_devkit::proxy::Action;
use longshore_tests::World;
use longshore_tests::publishing::{Cluster, EVENTS, in_order, publish};
use std::time::Duration;

#[tokio::test]
async fn a_cluster_that_is_not_there_costs_nothing_but_time() {
    let (world, cluster) = (World::start().await, Cluster::start(1).await);
    world.fill_outbox(30, 3).await;
    cluster.broker().crash(0);
    let publisher = world.publisher(&cluster, &[]).await;
    let failed = publish(&publisher).await.unwrap_err();
    assert_eq!((failed.kind(), failed.is_transient()), ("Kafka", true));
    assert_eq!(world.outbox().await, "30 / 0 / 0");
    cluster.broker().restart(0);
    assert_eq!(publish(&publisher).await.unwrap().published, 30);
    assert_eq!(cluster.numbers(), in_order(30, 3));
}

#[tokio::test]
async fn without_brokers_in_the_settings_it_says_so() {
    let (world, cluster) = (World::start().await, Cluster::start(1).await);
    world.fill_outbox(1, 1).await;
    let failed = publish(&world.publisher(&cluster, &[("LONGSHORE_KAFKA_BROKERS", "")]).await).await.unwrap_err();
    assert_eq!(failed.kind(), "KafkaLogin");
    assert!(failed.to_string().contains("LONGSHORE_KAFKA_BROKERS"), "{failed}");
}

/// What the settings say is not negotiated away: no record reaches a broker that does not speak TLS.
#[tokio::test]
async fn a_cluster_that_speaks_no_tls_is_not_spoken_to_without() {
    let (world, cluster) = (World::start().await, Cluster::start(1).await);
    world.fill_outbox(1, 1).await;
    let failed = publish(&world.publisher(&cluster, &[("LONGSHORE_KAFKA_SECURITY", "tls")]).await).await.unwrap_err();
    assert!(failed.is_transient() && failed.kind().starts_with("Kafka"), "{failed:?}");
    assert_eq!((world.outbox().await.as_str(), cluster.broker().requests().len()), ("1 / 0 / 0", 0));
}

#[tokio::test]
async fn a_broker_that_refuses_for_a_while_is_asked_again() {
    for code in [ErrorCode::NotEnoughReplicas, ErrorCode::NotLeaderForPartition, ErrorCode::RequestTimedOut] {
        let (world, cluster) = (World::start().await, Cluster::start(2).await);
        world.fill_outbox(3_000, 4).await;
        cluster.broker().on_times(ApiKey::Produce, 3, move |_| Control::Error(code));
        assert_eq!(publish(&world.publisher(&cluster, &[]).await).await.unwrap().published, 3_000, "{code:?}");
        assert_eq!(cluster.numbers(), in_order(3_000, 4), "{code:?}");
    }
}

/// The broker has written the records, and nobody learns of it: they are sent again, and it knows them.
#[tokio::test]
async fn a_lost_acknowledgement_repeats_nothing() {
    let (world, cluster) = (World::start().await, Cluster::start(1).await);
    world.fill_outbox(5_000, 4).await;
    let lost = |_: &_| Control::ApplyThen(Box::new(Control::Disconnect));
    cluster.broker().on_times(ApiKey::Produce, 2, lost);
    assert_eq!(publish(&world.publisher(&cluster, &[]).await).await.unwrap().published, 5_000);
    assert_eq!(cluster.records(EVENTS).len(), 5_000);
    assert_eq!(cluster.numbers(), in_order(5_000, 4));
}

/// One partition's leader is away: its keys wait, the others' go on, and nothing overtakes.
#[tokio::test]
async fn keys_of_a_broker_that_is_away_wait_and_the_others_go_on() {
    let (world, cluster) = (World::start().await, Cluster::start(3).await);
    world.fill_outbox(6_000, 30).await;
    let publisher = world.publisher(&cluster, &[("LONGSHORE_KAFKA_TIMEOUT_MS", "1500")]).await;
    cluster.broker().on(ApiKey::Produce, |request| {
        if request.node_id == 1 { Control::Error(ErrorCode::NotEnoughReplicas) } else { Control::Pass }
    });
    let failed = publish(&publisher).await.unwrap_err();
    assert_eq!(failed.kind(), "Kafka");
    let there: usize = cluster.numbers().values().map(Vec::len).sum();
    assert!((1..6_000).contains(&there), "{there}");
    cluster.broker().clear_hooks();
    publish(&publisher).await.unwrap();
    assert_eq!(cluster.numbers(), in_order(6_000, 30));
    assert_eq!(world.outbox().await, "0 / 6000 / 0");
}

/// Far more waits for what cannot be had than fits into a batch: what can be published is, whatever stands before it.
#[tokio::test]
async fn a_large_backlog_of_one_key_does_not_hold_up_the_others() {
    let (world, cluster) = (World::start().await, Cluster::start(3).await);
    world.fill_outbox(6_000, 1).await;
    world.execute("UPDATE outbox SET key = 'owner/large'").await;
    world.fill_outbox(60, 30).await;
    let publisher = world.publisher(&cluster, &[("LONGSHORE_KAFKA_TIMEOUT_MS", "1500")]).await;
    publish(&world.publisher(&cluster, &[]).await).await.unwrap();
    let partition = cluster.records(EVENTS).iter().find(|record| record.key == "owner/large").unwrap().partition;
    let leader = cluster.broker().with_state(|state| state.partition(EVENTS, partition).unwrap().leader);
    world.execute("UPDATE outbox SET published_at = NULL").await;
    cluster.broker().on(ApiKey::Produce, move |request| {
        if request.node_id == leader { Control::Error(ErrorCode::NotEnoughReplicas) } else { Control::Pass }
    });
    assert_eq!(publish(&publisher).await.unwrap_err().kind(), "Kafka");
    let others = "SELECT count(*) FROM outbox WHERE key <> 'owner/large' AND published_at IS NOT NULL";
    assert!(world.value::<i64>(others).await > 20);
    cluster.broker().clear_hooks();
    publish(&publisher).await.unwrap();
    assert_eq!(world.outbox().await, "0 / 6060 / 0");
}

/// The broker refuses one request of a partition, and would take the next: nobody sees the second without the first for good.
#[tokio::test]
async fn what_is_behind_a_refused_request_is_sent_again_behind_it() {
    let (world, cluster) = (World::start().await, Cluster::start(1).await);
    world.fill_outbox(4_000, 1).await;
    cluster.broker().on_once(ApiKey::Produce, |_| Control::Error(ErrorCode::TopicAuthorizationFailed));
    let publisher = world.publisher(&cluster, &[]).await;
    assert_eq!(publish(&publisher).await.unwrap_err().kind(), "Kafka");
    publish(&publisher).await.unwrap();
    // The last time that each was seen is in order, and nothing is missing.
    let mut last = std::collections::BTreeMap::new();
    for (place, record) in cluster.records(EVENTS).iter().enumerate() {
        last.insert(record.value["data"]["eventData"]["number"].as_i64().unwrap(), place);
    }
    assert_eq!(last.len(), 4_000);
    assert!(last.values().is_sorted());
}

/// Most of these moments are around the UPDATE and the answer to COMMIT: what was sent and not marked is sent again, under the
/// same ids.
#[tokio::test]
async fn a_database_that_goes_away_costs_repeats_with_the_same_ids() {
    let (world, proxy) = World::through_proxy(&[]).await;
    let cluster = Cluster::start(1).await;
    world.fill_outbox(400, 5).await;
    publish(&world.publisher(&cluster, &[]).await).await.unwrap();
    let whole = proxy.total_bytes();
    let all_over = (0..whole).step_by(usize::try_from(whole / 10).unwrap());
    for moment in all_over.chain((whole - 6_000..whole).step_by(200)) {
        let cluster = Cluster::start(1).await;
        world.execute("UPDATE outbox SET published_at = NULL").await;
        proxy.reset();
        proxy.cut_after(moment, Action::Cut);
        let disturbed = publish(&world.publisher(&cluster, &[]).await).await;
        proxy.restore();
        if let Err(failed) = disturbed {
            assert!(failed.is_transient(), "{failed}");
        }
        publish(&world.publisher(&cluster, &[]).await).await.unwrap();
        assert_eq!(cluster.numbers(), in_order(400, 5), "moment {moment}");
        assert_eq!(world.outbox().await, "0 / 400 / 0", "moment {moment}");
    }
}

/// Another publisher has the turn and does not give it up: nobody waits for ever.
#[tokio::test]
async fn a_publisher_that_never_gets_its_turn_says_so_and_ends() {
    let (world, cluster) = (World::start().await, Cluster::start(1).await);
    world.fill_outbox(3, 1).await;
    world.execute("SELECT pg_advisory_lock(hashtextextended('longshore publisher', 0))").await;
    let publisher = world.publisher(&cluster, &[]).await;
    let done = tokio::time::timeout(Duration::from_secs(30), publish(&publisher)).await.unwrap().unwrap();
    assert_eq!((done.published, done.busy), (0, true));
    world.execute("SELECT pg_advisory_unlock_all()").await;
    assert_eq!(publish(&publisher).await.unwrap().published, 3);
}
