//! What a reader of the topic sees.

use futures_util::future::join_all;
use insta::assert_snapshot;
use longshore::outbox::{self, HeldBack, Limits};
use longshore_tests::publishing::{Cluster, EVENTS, in_order, publish};
use longshore_tests::{World, database, small};

#[tokio::test]
async fn everything_that_waits_is_published_once_and_in_order_for_each_key() {
    let (world, cluster) = (World::start().await, Cluster::start(3).await);
    world.fill_outbox(12_000, 7).await;
    let done = publish(&world.publisher(&cluster, &[]).await).await.unwrap();
    assert_eq!((done.published, done.parked, done.busy), (12_000, 0, false));
    assert_eq!(cluster.numbers(), in_order(12_000, 7));
    assert_eq!(cluster.records(EVENTS).len(), 12_000);
    assert_eq!(world.outbox().await, "0 / 12000 / 0");
}

#[tokio::test]
async fn a_record_is_a_cloud_event_with_headers_to_filter_by() {
    let (world, cluster) = (World::with_owner().await, Cluster::start(1).await);
    world.import(&small()).await;
    publish(&world.publisher(&cluster, &[("LONGSHORE_EVENTS_SOURCE", "/acme/longshore")]).await).await.unwrap();
    let records = cluster.records(EVENTS);
    let imported = records.iter().find(|record| record.value["type"] == "longshore.import.created").unwrap();
    let mut value = imported.value.clone();
    let id = value["id"].as_str().unwrap().to_owned();
    assert_eq!(value["data"]["id"], id.as_str());
    assert_eq!(value["data"]["timestamp"], value["time"]);
    for pointer in ["/id", "/time", "/data/id", "/data/timestamp", "/subject", "/data/entityId", "/data/eventData"] {
        *value.pointer_mut(pointer).unwrap() = "..".into();
    }
    assert_snapshot!(value.to_string(), @r#"{"data":{"entityId":"..","eventData":"..","id":"..","ownerKey":"5318290","principalData":{"name":"admin","type":"user"},"requestId":"req-1","target":"IMPORT","targetName":"5318290","timestamp":"..","type":"CREATED"},"datacontenttype":"application/json","id":"..","partitionkey":"owner/5318290","source":"/acme/longshore","specversion":"1.0","subject":"..","time":"..","type":"longshore.import.created"}"#);
    assert_snapshot!(imported.headers.join("\n").replace(&id, "ID"), @"
    content-type: application/cloudevents+json; charset=UTF-8
    ce_type: longshore.import.created
    ce_id: ID
    request_id: req-1
    ");
}

#[tokio::test]
async fn two_publishers_take_turns_and_publish_each_event_once() {
    let (world, cluster) = (World::start().await, Cluster::start(2).await);
    world.fill_outbox(20_000, 5).await;
    let publishers = [world.publisher(&cluster, &[]).await, world.publisher(&cluster, &[]).await];
    let done = join_all(publishers.iter().map(publish)).await;
    let published: Vec<u64> = done.into_iter().map(|done| done.unwrap().published).collect();
    assert_eq!(published.iter().sum::<u64>(), 20_000);
    assert_eq!(cluster.records(EVENTS).len(), 20_000);
    assert_eq!(cluster.numbers(), in_order(20_000, 5));
}

#[tokio::test]
async fn where_nothing_waits_nobody_logs_in_to_the_cluster() {
    let (world, cluster) = (World::start().await, Cluster::start(1).await);
    let done = publish(&world.publisher(&cluster, &[]).await).await.unwrap();
    assert_eq!(done.published, 0);
    assert_eq!(cluster.broker().requests().len(), 0);
}

/// What the database holds compressed is not taken for as small as it looks.
#[tokio::test]
async fn messages_that_expand_are_taken_in_small_batches() {
    let world = World::start().await;
    world.fill_outbox(40, 1).await;
    world.execute("UPDATE outbox SET event_data = jsonb_build_object('text', repeat('x', 900000))").await;
    let mut client = database::connect(world.database_url()).await;
    let transaction = client.transaction().await.unwrap();
    let limits = Limits { rows: 5_000, bytes: 8 << 20 };
    let rows = outbox::waiting(&transaction, limits, &HeldBack::default()).await.unwrap();
    assert_eq!(rows.len(), 10);
}

#[tokio::test]
async fn more_than_is_deleted_at_once_is_deleted_whatever_waits() {
    let (world, cluster) = (World::start().await, Cluster::start(1).await);
    world.fill_outbox(25_000, 1).await;
    world.execute("UPDATE outbox SET published_at = now() - interval '1 year'").await;
    world.fill_outbox(1, 1).await;
    cluster.broker().crash(0);
    publish(&world.publisher(&cluster, &[]).await).await.unwrap_err();
    assert_eq!(world.outbox().await, "1 / 0 / 0");
}

#[tokio::test]
async fn what_was_published_long_ago_is_deleted_and_what_waits_never() {
    let (world, cluster) = (World::start().await, Cluster::start(1).await);
    let publisher = world.publisher(&cluster, &[("LONGSHORE_OUTBOX_RETENTION_HOURS", "24")]).await;
    world.fill_outbox(10, 1).await;
    publish(&publisher).await.unwrap();
    world.execute("UPDATE outbox SET published_at = published_at - interval '25 hours' WHERE id <= 4").await;
    world.fill_outbox(3, 1).await;
    world.execute("UPDATE outbox SET created_at = now() - interval '1 year'").await;
    let done = publish(&publisher).await.unwrap();
    assert_eq!((done.published, done.deleted), (3, 4));
    assert_eq!(world.outbox().await, "0 / 9 / 0");
    // A parked event waits for somebody; nobody wants an old status.
    world
        .execute("UPDATE outbox SET published_at = NULL, parked_at = now() - interval '25 hours' WHERE id IN (5, 6)")
        .await;
    world.execute("UPDATE outbox SET family = 'payload-status' WHERE id = 6").await;
    assert_eq!(publish(&publisher).await.unwrap().deleted, 1);
    assert_eq!(world.outbox().await, "0 / 7 / 1");
}
