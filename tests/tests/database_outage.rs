//! A database that goes away, at any moment, costs a redelivery and nothing else.

use longshore_devkit::proxy::{Action, Proxy};
use longshore_tests::World;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time enough to get into a refresh, and little enough for a test.
const MARGIN: (&str, &str) = ("LONGSHORE_DEADLINE_MARGIN_MS", "300");
const REMAINING: Duration = Duration::from_millis(1_300);

/// Two archives on their way into a database of their own, by one function.
struct Delivery {
    world: World,
    proxy: Proxy,
    events: [String; 2],
}

impl Delivery {
    async fn begin() -> Self {
        let (world, proxy) = World::through_proxy(&[MARGIN]).await;
        let events = world.full_and_incremental();
        Self { world, proxy, events }
    }

    /// Delivers both archives and makes the connection end at one of the moments, in thousandths of a clean run.
    /// Whatever failed is delivered again, to the same function, after `mend`.
    async fn interrupted(&self, moment: u64, action: Action, mend: impl Fn(&Proxy), clean: &CleanRun) {
        self.world.execute("TRUNCATE tenants, sources, refreshes, outbox RESTART IDENTITY CASCADE").await;
        self.proxy.reset();
        // Only a server that hangs needs an end.
        let mut remaining = matches!(action, Action::Hang).then_some(REMAINING);
        self.proxy.cut_after(clean.bytes * moment / 1000, action);
        let mut steps = vec![0];
        let mut failures = 0;
        for (event, step) in self.events.iter().zip(&clean.objects) {
            steps.push(*step);
            loop {
                let response = self.world.invoke_within(event, remaining).await;
                mend(&self.proxy);
                if response.failed().is_empty() {
                    break;
                }
                self.world.nothing_is_left().await;
                assert!(steps.contains(&self.world.objects().await), "half written at moment {moment}");
                failures += 1;
                assert_eq!(failures, 1, "moment {moment}: {}", self.world.outcomes().await);
                remaining = None;
            }
        }
        assert!(failures > 0, "moment {moment} never came");
        assert_eq!(self.world.outcomes().await, "applied | full\napplied | incremental", "moment {moment}");
        let rows = self.world.complete_rows().await;
        let other = rows.iter().zip(&clean.rows).find(|(row, clean)| row != clean);
        assert!(rows == clean.rows, "moment {moment}: {} rows, not {}; {other:#?}", rows.len(), clean.rows.len());
    }
}

/// What a run that nothing disturbs leaves, and how many bytes it takes.
struct CleanRun {
    bytes: u64,
    rows: Vec<String>,
    /// Objects after each archive.
    objects: Vec<i64>,
}

impl CleanRun {
    async fn of_both() -> Self {
        let Delivery { world, proxy, events } = Delivery::begin().await;
        let mut objects = Vec::new();
        for event in &events {
            assert!(world.invoke(event).await.failed().is_empty(), "{}", world.outcomes().await);
            objects.push(world.objects().await);
        }
        Self { bytes: proxy.total_bytes(), rows: world.complete_rows().await, objects }
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_costs_a_redelivery() {
    let clean = CleanRun::of_both().await;
    let delivery = Delivery::begin().await;
    for moment in [1, 5, 15, 60, 250, 400, 550, 700, 800, 900, 960, 990, 998] {
        delivery.interrupted(moment, Action::Cut, |_| (), &clean).await;
    }
}

#[tokio::test]
async fn a_server_that_is_gone_for_a_while_costs_a_redelivery() {
    let clean = CleanRun::of_both().await;
    let delivery = Delivery::begin().await;
    for moment in [0, 10, 200, 600, 950, 995] {
        delivery.interrupted(moment, Action::Refuse, Proxy::restore, &clean).await;
    }
}

#[tokio::test]
async fn a_server_that_no_longer_answers_costs_a_redelivery() {
    let clean = CleanRun::of_both().await;
    let delivery = Delivery::begin().await;
    for moment in [300, 970] {
        let mend = |proxy: &Proxy| {
            proxy.cut_now(Action::Cut);
            proxy.restore();
        };
        delivery.interrupted(moment, Action::Hang, mend, &clean).await;
    }
}

/// The answer to COMMIT is lost: the archive was applied, and nothing may say otherwise afterwards.
#[tokio::test]
async fn a_lost_answer_to_commit_does_not_turn_success_into_an_error() {
    let Delivery { world, proxy, events: [event, other] } = Delivery::begin().await;
    // The connection is made: the next run has nothing but its work.
    assert!(world.invoke(&other).await.failed().is_empty());
    world.execute("TRUNCATE tenants, sources, refreshes, outbox RESTART IDENTITY CASCADE").await;
    let connecting = proxy.total_bytes();
    assert!(world.invoke(&event).await.failed().is_empty());
    let (rows, bytes) = (world.complete_rows().await, proxy.total_bytes() - connecting);
    let mut lost = 0;
    for n in 0..20 {
        let cut = Arc::new(AtomicBool::new(false));
        let fired = cut.clone();
        world.execute("TRUNCATE tenants, sources, refreshes, outbox RESTART IDENTITY CASCADE").await;
        proxy.reset();
        // The answer is 18 bytes long. The length of a run differs a little with the digits of its durations.
        let action = Action::CallAndCut(Box::new(move || fired.store(true, Ordering::Relaxed)));
        proxy.cut_after(bytes + 20 - 3 * n, action);
        let failed = !world.invoke(&event).await.failed().is_empty();
        if failed {
            lost += i32::from(world.objects().await > 0);
            assert!(world.invoke(&event).await.failed().is_empty());
        } else {
            lost += i32::from(cut.load(Ordering::Relaxed));
        }
        assert_eq!(world.outcomes().await, "applied | full");
        assert_eq!(world.complete_rows().await, rows);
    }
    assert!(lost > 0, "it was never the answer that was lost");
}

#[tokio::test]
async fn a_connection_that_died_between_two_invocations_is_replaced() {
    let Delivery { world, proxy, events } = Delivery::begin().await;
    let [full, incremental] = &events;
    assert!(world.invoke(full).await.failed().is_empty());
    proxy.cut_now(Action::Cut);
    assert!(world.invoke(incremental).await.failed().is_empty());
    assert_eq!(world.outcomes().await, "applied | full\napplied | incremental");
}

#[tokio::test]
async fn without_a_database_every_record_comes_again() {
    let (world, proxy) = World::through_proxy(&[]).await;
    proxy.cut_now(Action::Refuse);
    let events = world.full_and_incremental();
    let [first, second] = events.each_ref().map(|event| world.invoke(event));
    assert_eq!(first.await.failed(), [("platform.upload.catalog-0", 0)]);
    assert_eq!(second.await.failed(), [("platform.upload.catalog-0", 1)]);
    proxy.restore();
    for event in &events {
        assert!(world.invoke(event).await.failed().is_empty());
    }
    assert_eq!(world.outcomes().await, "applied | full\napplied | incremental");
}
