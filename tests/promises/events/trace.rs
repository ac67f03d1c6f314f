//! A trace goes on: from the record or request that causes something to the events and statuses that tell of it.

use longshore_tests::api::{Api, Request};
use longshore_tests::{ArchiveBuilder, World, object, small};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What was told, and whether it names the trace.
async fn told(world: &World) -> String {
    let sql = "SELECT DISTINCT concat_ws(' ', family, target, coalesce(traceparent, 'no trace')) AS line FROM outbox
               ORDER BY line";
    world.list(sql).await.replace(PARENT, "traced")
}

#[tokio::test]
async fn a_refresh_goes_on_with_the_trace_of_its_record() {
    let world = World::start().await;
    let archive = ArchiveBuilder::new().collection("inventories", [object::inventory(1)]);
    let announced = world.announce(&archive).header("traceparent", PARENT);
    assert!(world.deliver(&[announced]).await.is_empty());
    assert_eq!(told(&world).await, "event INVENTORY_REFRESH traced\npayload-status traced");
}

#[tokio::test]
async fn an_import_and_its_undoing_go_on_with_their_own() {
    let world = World::start().await;
    world.owner("5318290").await;
    world.grant("5318290", "5318290", "undo").await;
    world.import_announced(world.announce_manifest(&small()).header("TraceParent", PARENT)).await;
    assert!(!told(&world).await.contains("no trace"), "{}", told(&world).await);
    world.execute("TRUNCATE outbox").await;
    let undo = Request::delete("/candlepin/owners/5318290/imports").org("5318290").header("traceparent", PARENT);
    Api::here(&world, &[]).await.ask(&undo).await;
    assert!(told(&world).await.contains("event IMPORT traced"), "{}", told(&world).await);
}

#[tokio::test]
async fn what_is_no_trace_is_left_out() {
    let world = World::start().await;
    let archive = ArchiveBuilder::new().collection("inventories", [object::inventory(1)]);
    let announced = world.announce(&archive).header("traceparent", "00-xyz");
    assert!(world.deliver(&[announced]).await.is_empty());
    assert_eq!(told(&world).await, "event INVENTORY_REFRESH no trace\npayload-status no trace");
}
