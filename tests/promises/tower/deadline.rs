//! An invocation that runs out of time leaves what it cannot finish to redelivery, and nothing behind.

use longshore_tests::{Announcement, ArchiveBuilder, World, function, object};
use std::time::Duration;

const MARGIN: (&str, &str) = ("LONGSHORE_DEADLINE_MARGIN_MS", "400");

/// One source at a time, so that what is not begun is seen too.
const ONE_BY_ONE: (&str, &str) = ("LONGSHORE_CONCURRENCY", "1");

fn archive(name: &str) -> ArchiveBuilder {
    ArchiveBuilder::new().collection("inventories", [object::inventory(1).set("name", name)])
}

/// Two records of the first source and one of the second, each of which has been refreshed before.
async fn batch(world: &World) -> String {
    let of = |source: &str, name: &str, day: u8| -> Announcement {
        world.announce(&archive(name)).reporter(source).at(&format!("2026-01-0{day}T00:00:00Z"))
    };
    assert!(world.deliver(&[of("tower-1", "a", 1), of("tower-2", "b", 1)]).await.is_empty());
    world.event(&[of("tower-1", "c", 2), of("tower-1", "d", 3), of("tower-2", "e", 2)])
}

/// Takes or gives back the first source's turn, so that its refresh waits for as long as the test wants.
async fn turn(world: &World, what: &str) {
    let sql = format!(
        "SELECT {what}(hashtextextended('longshore refresh of source ' || id, 0)) FROM sources WHERE uid = 'tower-1'"
    );
    world.execute(&sql).await;
}

async fn names(world: &World) -> String {
    world.value("SELECT string_agg(name, ' ' ORDER BY source_id) FROM service_inventories").await
}

#[tokio::test]
async fn what_is_not_done_in_time_is_left_to_redelivery_with_all_that_follows() {
    let world = World::with(&[MARGIN, ONE_BY_ONE]).await;
    let event = batch(&world).await;
    turn(&world, "pg_advisory_lock").await;
    let response = world.invoke_within(&event, Some(Duration::from_millis(900))).await;
    let partition = "platform.upload.catalog-0";
    assert_eq!(response.failed(), [(partition, 2), (partition, 3), (partition, 4)]);
    world.nothing_is_left().await;
    assert_eq!(names(&world).await, "a b");

    turn(&world, "pg_advisory_unlock").await;
    assert!(world.invoke(&event).await.failed().is_empty());
    assert_eq!(names(&world).await, "d e");
}

#[tokio::test]
async fn a_source_that_waits_does_not_keep_another_from_being_done() {
    let world = World::with(&[MARGIN]).await;
    let event = batch(&world).await;
    turn(&world, "pg_advisory_lock").await;
    let response = world.invoke_within(&event, Some(Duration::from_millis(2_000))).await;
    assert_eq!(response.failed().into_iter().map(|(_, offset)| offset).collect::<Vec<_>>(), [2, 3]);
    world.nothing_is_left().await;
    assert_eq!(names(&world).await, "a e");
}

#[tokio::test]
async fn without_time_nothing_is_begun() {
    let (world, proxy) = World::through_proxy(&[MARGIN]).await;
    let event = batch(&world).await;
    proxy.reset();
    let response = world.invoke_within(&event, Some(Duration::from_millis(300))).await;
    assert_eq!(response.failed().len(), 3);
    assert_eq!(proxy.total_bytes(), 0);
}

/// The deadline is Lambda's: the process answers before it would be killed.
#[tokio::test]
async fn the_function_answers_before_lambda_s_time_out() {
    let world = World::with(&[MARGIN]).await;
    let event = batch(&world).await;
    turn(&world, "pg_advisory_lock").await;
    let mut process = function::start("tower-persister", &world.variables(), &[]).await;
    let answer = process.invoke(event.as_bytes(), Duration::from_millis(2_500)).await.unwrap();
    assert_eq!(function::failed(&answer), [2, 3]);
    let line = function::logged(&process, "record left to redelivery").await;
    assert_eq!(line["error_kind"], "Deadline");
    world.nothing_is_left().await;
}
