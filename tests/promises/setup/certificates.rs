//! Identity certificates of upstream consumers that end soon are told of, once each, and counted every day.

use longshore_tests::{ORG, World, small};
use serde_json::{Value, json};

const UUID: &str = "b8e6d0f5-1f0c-4f0b-9e0a-6a1f5d3c2b10";

/// A world in which somebody is linked to an upstream consumer, whose certificate ends then.
async fn ending(when: &str) -> World {
    let world = World::with_owner().await;
    world.import(&small().uuid(UUID)).await;
    ends(&world, when).await;
    world.execute("TRUNCATE outbox").await;
    world
}

async fn ends(world: &World, when: &str) {
    let sql = format!("UPDATE cp_cert_serial SET expiration = now() AT TIME ZONE 'UTC' + interval '{when}'");
    world.execute(&sql).await;
}

async fn check(world: &World) -> Value {
    world.setup(json!({"command": "check-certificates"})).await
}

async fn told(world: &World) -> String {
    let sql = "SELECT concat_ws(' ', key, type, target, event_data ->> 'uuid', 'over: ' || (event_data ->> 'over'))
               FROM outbox ORDER BY id";
    world.list(sql).await
}

#[tokio::test]
async fn one_that_ends_soon_is_told_of_once_and_once_more_when_it_is_over() {
    let world = ending("12 hours 29 days").await;
    let answer = check(&world).await;
    let line = &answer["expiring"][0];
    assert_eq!(
        (&line["owner"], &line["uuid"], &line["days_left"], &answer["told"]),
        (&json!(ORG), &json!(UUID), &json!(29), &json!(1))
    );
    let soon = format!("owner/{ORG} EXPIRED UPSTREAM_CONSUMER {UUID} over: false");
    assert_eq!(told(&world).await, soon);

    let again = check(&world).await;
    assert_eq!((&again["expiring"], &again["told"]), (&answer["expiring"], &json!(0)));

    ends(&world, "-1 minute").await;
    assert_eq!(check(&world).await["told"], 1);
    assert_eq!(check(&world).await["told"], 0);
    assert_eq!(told(&world).await, format!("{soon}\nowner/{ORG} EXPIRED UPSTREAM_CONSUMER {UUID} over: true"));
}

#[tokio::test]
async fn one_that_lasts_is_not_told_of_and_neither_is_what_was_replaced() {
    let world = ending("31 days").await;
    assert_eq!(check(&world).await, json!({"expiring": [], "told": 0}));
    ends(&world, "1 day").await;
    assert_eq!(check(&world).await["told"], 1);
    world.undo().await.unwrap();
    assert_eq!(check(&world).await, json!({"expiring": [], "told": 0}));
    assert_eq!(world.value::<i64>("SELECT count(*) FROM expiry_notices").await, 0);
}
