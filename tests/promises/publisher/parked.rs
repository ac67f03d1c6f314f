//! What the broker will never take is kept, with the reason, and the rest goes on.

use event_publisher::krafka::error::ErrorCode;
use event_publisher::krafka::testing::{ApiKey, Control};
use insta::assert_snapshot;
use longshore_tests::World;
use longshore_tests::publishing::{Cluster, publish};
use serde_json::json;

const REASONS: &str = "SELECT concat_ws(' | ', key, parked_reason) FROM outbox WHERE parked_at IS NOT NULL ORDER BY id";

#[tokio::test]
async fn a_message_that_is_too_large_is_parked_and_those_behind_it_are_published() {
    let (world, cluster) = (World::start().await, Cluster::start(1).await);
    world.fill_outbox(9, 2).await;
    world
        .execute(
            "UPDATE outbox SET event_data = jsonb_build_object('number', 4, 'text', repeat('x', 5000)) WHERE id = 4",
        )
        .await;
    let publisher = world.publisher(&cluster, &[("LONGSHORE_KAFKA_MAX_MESSAGE_BYTES", "4000")]).await;
    let done = publish(&publisher).await.unwrap();
    assert_eq!((done.published, done.parked), (8, 1));
    assert_eq!(cluster.numbers()["owner/0"], [2, 6, 8]);
    assert_snapshot!(world.list(REASONS).await, @"owner/0 | 5730 bytes, and LONGSHORE_KAFKA_MAX_MESSAGE_BYTES is 4000");
    let status = world.setup(json!({"command": "status"})).await;
    assert_eq!((&status["outbox"]["waiting"], &status["parked"]["number"]), (&json!(0), &json!(1)));
    // Nobody tries it again before somebody says so.
    assert_eq!(publish(&publisher).await.unwrap().parked, 0);
    assert_eq!(world.setup(json!({"command": "retry-parked"})).await, json!({"waiting_again": 1}));
    assert_eq!(publish(&world.publisher(&cluster, &[]).await).await.unwrap().published, 1);
    assert_eq!(world.outbox().await, "0 / 9 / 0");
}

/// The topic may take less than the setting says: the broker refuses the whole batch, and only one of it is to blame.
#[tokio::test]
async fn a_message_that_only_the_broker_finds_too_large_is_parked_alone() {
    let (world, cluster) = (World::start().await, Cluster::start(1).await);
    world.fill_outbox(1, 1).await;
    cluster.broker().on_times(ApiKey::Produce, 1, |_| Control::Error(ErrorCode::MessageTooLarge));
    let done = publish(&world.publisher(&cluster, &[]).await).await.unwrap();
    assert_eq!((done.published, done.parked), (0, 1));
    assert_snapshot!(world.list(REASONS).await, @"owner/0 | the broker refuses it: MessageTooLarge");
}

/// The client halves a batch that is refused, twice at most: here the whole is, then its half, then its quarter. Then each is
/// sent alone, and none of them is to blame.
#[tokio::test]
async fn messages_that_were_refused_together_are_published_one_by_one() {
    for refusals in [1, 2, 3] {
        let (world, cluster) = (World::start().await, Cluster::start(1).await);
        world.fill_outbox(40, 1).await;
        cluster.broker().on_times(ApiKey::Produce, refusals, |_| Control::Error(ErrorCode::MessageTooLarge));
        let done = publish(&world.publisher(&cluster, &[]).await).await.unwrap();
        assert_eq!((done.published, done.parked), (40, 0), "{refusals}");
        assert_eq!(cluster.numbers().values().map(Vec::len).sum::<usize>(), 40, "{refusals}");
    }
}

#[tokio::test]
async fn messages_for_a_topic_that_is_not_there_are_parked_and_other_topics_go_on() {
    let (world, cluster) = (World::start().await, Cluster::start(1).await);
    world.fill_outbox(6, 2).await;
    let sql =
        "UPDATE outbox SET family = 'payload-status', key = 'request/r', type = NULL, target = NULL WHERE id IN (2, 3)";
    world.execute(sql).await;
    let done = publish(&world.publisher(&cluster, &[]).await).await.unwrap();
    assert_eq!((done.published, done.parked), (4, 2));
    assert_snapshot!(world.list(REASONS).await, @"
    request/r | there is no topic platform.payload-status
    request/r | there is no topic platform.payload-status
    ");
    cluster.broker().create_topic("platform.payload-status", 1);
    world.setup(json!({"command": "retry-parked"})).await;
    publish(&world.publisher(&cluster, &[]).await).await.unwrap();
    let records = cluster.records("platform.payload-status");
    assert_eq!(records.iter().map(|record| record.value["number"].as_i64().unwrap()).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(records[0].headers, ["request_id: req-2"]);
}
