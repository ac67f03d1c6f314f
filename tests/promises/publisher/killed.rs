//! A publisher that is killed at any moment loses nothing, and repeats only what it had not marked.

use event_publisher::krafka::testing::{ApiKey, Control};
use longshore_devkit::process::{Signal, signal};
use longshore_devkit::proxy::{Action, Proxy};
use longshore_devkit::runtime_api::Function;
use longshore_tests::publishing::{Cluster, in_order};
use longshore_tests::{World, function};
use std::time::Duration;

const EVENTS: i64 = 6_000;
const OWNERS: i64 = 6;
const MOMENTS: usize = 50;
const SEED: u64 = 20_260_105;

async fn process(world: &World, cluster: &Cluster) -> Function {
    let variables: Vec<_> = world.variables().into_iter().chain(cluster.variables()).collect();
    function::start("event-publisher", &variables, &[]).await
}

/// Publishes to the end, by another process after each that was killed. Returns how many were.
async fn to_the_end(world: &World, cluster: &Cluster, mut first: Option<Function>) -> usize {
    let mut killed = 0;
    loop {
        let mut publisher = match first.take() {
            Some(publisher) => publisher,
            None => process(world, cluster).await,
        };
        match publisher.invoke(b"{}", Duration::from_secs(60)).await {
            Ok(invocation) => {
                let answer = invocation.result.unwrap_or_else(|error| panic!("{}", String::from_utf8_lossy(&error)));
                assert!(String::from_utf8_lossy(&answer).contains("\"busy\":false"));
                return killed;
            }
            Err(_) => killed += 1,
        }
        assert!(killed < 3);
    }
}

async fn killed_at(world: &World, proxy: &Proxy, moment: u64) {
    let cluster = Cluster::start(1).await;
    world.execute("UPDATE outbox SET published_at = NULL").await;
    let publisher = process(world, &cluster).await;
    let pid = publisher.pid();
    proxy.reset();
    proxy.cut_after(moment, Action::CallAndCut(Box::new(move || signal(pid, Signal::KILL))));
    let killed = to_the_end(world, &cluster, Some(publisher)).await;
    assert_eq!(killed, 1, "moment {moment} never came");
    assert_eq!(cluster.numbers(), in_order(EVENTS, OWNERS), "moment {moment}");
    assert_eq!(world.outbox().await, format!("0 / {EVENTS} / 0"), "moment {moment}");
}

#[tokio::test]
async fn killed_at_any_moment_nothing_is_lost_and_nothing_out_of_order() {
    let (world, proxy) = World::through_proxy(&[]).await;
    world.fill_outbox(EVENTS, OWNERS).await;
    let cluster = Cluster::start(1).await;
    let publisher = process(&world, &cluster).await;
    proxy.reset();
    assert_eq!(to_the_end(&world, &cluster, Some(publisher)).await, 0);
    let whole = proxy.total_bytes();
    let mut random = fastrand::Rng::with_seed(SEED);
    // A run's length differs by some bytes with the digits of what it asks for.
    for _ in 0..MOMENTS / 5 {
        killed_at(&world, &proxy, random.u64(0..whole - 2_000)).await;
    }
    // What says what was published, and the answer to COMMIT: the last bytes of a batch.
    for _ in 0..MOMENTS / 5 {
        killed_at(&world, &proxy, whole - random.u64(2_000..60_000)).await;
    }
}

/// While the brokers write: before they have, after they have, or after they have and before anybody was told.
#[tokio::test]
async fn killed_while_it_sends_nothing_is_lost_and_nothing_out_of_order() {
    let world = World::start().await;
    world.fill_outbox(EVENTS, OWNERS).await;
    let mut random = fastrand::Rng::with_seed(SEED);
    for moment in 0..MOMENTS * 3 / 5 {
        let cluster = Cluster::start(1).await;
        world.execute("UPDATE outbox SET published_at = NULL").await;
        let publisher = process(&world, &cluster).await;
        let (pid, requests) = (publisher.pid(), random.u32(0..3));
        if requests > 0 {
            cluster.broker().on_times(ApiKey::Produce, requests, |_| Control::Pass);
        }
        let is_written = random.bool();
        cluster.broker().on_once(ApiKey::Produce, move |_| {
            signal(pid, Signal::KILL);
            if is_written { Control::ApplyThen(Box::new(Control::Disconnect)) } else { Control::Disconnect }
        });
        assert_eq!(to_the_end(&world, &cluster, Some(publisher)).await, 1, "moment {moment}: {requests}");
        assert_eq!(cluster.numbers(), in_order(EVENTS, OWNERS), "moment {moment}: {requests}, {is_written}");
        assert_eq!(world.outbox().await, format!("0 / {EVENTS} / 0"));
    }
}
