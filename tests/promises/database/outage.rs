//! A database that goes away, at any moment, costs a redelivery and nothing else.

use longshore_devkit::proxy::{Action, Proxy};
use longshore_tests::{CleanRun, Delivery, Work, World};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time enough to get into a refresh, and little enough for a test.
const MARGIN: (&str, &str) = ("LONGSHORE_DEADLINE_MARGIN_MS", "300");
const REMAINING: Duration = Duration::from_millis(1_300);

/// Delivers both records and makes the connection end at one of the moments, in thousandths of a clean run. Whatever failed
/// is delivered again, to the same function, after `mend`.
async fn interrupted(delivery: &Delivery, moment: u64, action: Action, mend: impl Fn(&Proxy), clean: &CleanRun) {
    delivery.again().await;
    // Only a server that hangs needs an end.
    let mut remaining = matches!(action, Action::Hang).then_some(REMAINING);
    delivery.proxy.cut_after(clean.bytes * moment / 1000, action);
    let mut steps = vec![0];
    let mut failures = 0;
    for (event, step) in delivery.events.iter().zip(&clean.objects) {
        steps.push(*step);
        loop {
            let again = delivery.deliver(event, remaining).await;
            mend(&delivery.proxy);
            if !again {
                break;
            }
            delivery.nothing_is_left().await;
            assert!(steps.contains(&delivery.objects().await), "half written at moment {moment}");
            failures += 1;
            assert_eq!(failures, 1, "moment {moment}: {}", delivery.outcomes().await);
            remaining = None;
        }
    }
    assert!(failures > 0, "moment {moment} never came");
    delivery.ended_as(moment, clean).await;
}

async fn begin(work: Work) -> (CleanRun, Delivery) {
    let clean = Delivery::begin(work, &[MARGIN]).await.undisturbed().await;
    (clean, Delivery::begin(work, &[MARGIN]).await)
}

async fn cut(work: Work, last: u64) {
    let (clean, delivery) = begin(work).await;
    for moment in [1, 5, 15, 60, 250, 400, 550, 700, 800, 900, 960, last] {
        interrupted(&delivery, moment, Action::Cut, |_| (), &clean).await;
    }
}

async fn gone_for_a_while(work: Work) {
    let (clean, delivery) = begin(work).await;
    for moment in [0, 10, 200, 600, 950, 995] {
        interrupted(&delivery, moment, Action::Refuse, Proxy::restore, &clean).await;
    }
}

async fn without_an_answer(work: Work) {
    let (clean, delivery) = begin(work).await;
    for moment in [300, 970] {
        let mend = |proxy: &Proxy| {
            proxy.cut_now(Action::Cut);
            proxy.restore();
        };
        interrupted(&delivery, moment, Action::Hang, mend, &clean).await;
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_costs_a_redelivery() {
    cut(Work::Refreshes, 998).await;
}

#[tokio::test]
async fn a_connection_that_is_cut_costs_a_manifest_a_redelivery() {
    cut(Work::Imports, 980).await;
}

#[tokio::test]
async fn a_server_that_is_gone_for_a_while_costs_a_redelivery() {
    gone_for_a_while(Work::Refreshes).await;
}

#[tokio::test]
async fn a_server_that_is_gone_for_a_while_costs_a_manifest_a_redelivery() {
    gone_for_a_while(Work::Imports).await;
}

#[tokio::test]
async fn a_server_that_no_longer_answers_costs_a_redelivery() {
    without_an_answer(Work::Refreshes).await;
}

#[tokio::test]
async fn a_server_that_no_longer_answers_costs_a_manifest_a_redelivery() {
    without_an_answer(Work::Imports).await;
}

/// The answer to COMMIT is lost: the record was done, and nothing may say otherwise afterwards. The other record
/// goes first: then the connection is made, and the run that is cut has nothing but its work.
async fn lost_answers(work: Work, is_done: &str) {
    let delivery = Delivery::begin(work, &[MARGIN]).await;
    let (world, proxy, [event, other]) = (&delivery.world, &delivery.proxy, &delivery.events);
    assert!(!delivery.deliver(other, None).await);
    delivery.again().await;
    assert!(!delivery.deliver(event, None).await);
    let (rows, bytes) = (work.rows(world).await, proxy.total_bytes());
    let mut lost = 0;
    for n in 0..20 {
        let cut = Arc::new(AtomicBool::new(false));
        let fired = cut.clone();
        delivery.again().await;
        // The answer is 18 bytes long. The length of a run differs a little with the digits of its durations.
        let action = Action::CallAndCut(Box::new(move || fired.store(true, Ordering::Relaxed)));
        proxy.cut_after(bytes + 20 - 3 * n, action);
        if delivery.deliver(event, None).await {
            lost += i32::from(delivery.objects().await > 0);
            assert!(!delivery.deliver(event, None).await);
        } else {
            lost += i32::from(cut.load(Ordering::Relaxed));
        }
        assert_eq!(delivery.outcomes().await, is_done);
        assert_eq!(work.rows(world).await, rows);
        assert_eq!(world.orphans().await, "");
    }
    assert!(lost > 0, "it was never the answer that was lost");
}

#[tokio::test]
async fn a_lost_answer_to_commit_does_not_turn_success_into_an_error() {
    lost_answers(Work::Refreshes, "applied | full").await;
}

#[tokio::test]
async fn a_lost_answer_to_commit_does_not_import_a_manifest_twice() {
    lost_answers(Work::Imports, "imported").await;
}

#[tokio::test]
async fn a_connection_that_died_between_two_invocations_is_replaced() {
    for work in [Work::Refreshes, Work::Imports] {
        let delivery = Delivery::begin(work, &[MARGIN]).await;
        let [first, next] = &delivery.events;
        assert!(!delivery.deliver(first, None).await);
        delivery.proxy.cut_now(Action::Cut);
        assert!(!delivery.deliver(next, None).await);
        assert_eq!(delivery.outcomes().await, work.done());
    }
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
