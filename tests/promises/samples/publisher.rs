//! Each file in `events/event-publisher` has what waits published, as `events/README.md` says.

use longshore_tests::publishing::{Cluster, EVENTS};
use longshore_tests::samples::{files, sample};
use longshore_tests::{World, function};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn whoever_calls_what_waits_is_published() {
    let (world, cluster) = (World::start().await, Cluster::start(1).await);
    let variables: Vec<_> = world.variables().into_iter().chain(cluster.variables()).collect();
    let mut publisher = function::start("event-publisher", &variables, &[]).await;
    let names = files("event-publisher");
    assert_eq!(names, ["schedule", "woken"]);
    for name in names {
        let there = cluster.records(EVENTS).len();
        world.fill_outbox(3, 1).await;
        for published in [3, 0] {
            let answered = publisher.invoke(&sample("event-publisher", &name), Duration::from_secs(60)).await.unwrap();
            let answer: Value = serde_json::from_slice(&answered.result.unwrap()).unwrap();
            assert_eq!(answer, json!({"published": published, "parked": 0, "deleted": 0, "busy": false}), "{name}");
        }
        assert_eq!(cluster.records(EVENTS).len(), there + 3);
    }
}
