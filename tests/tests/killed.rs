//! A function that is killed at any moment leaves nothing half written, and a redelivery ends in the same rows.

use futures_util::future::join_all;
use longshore_devkit::process::{Signal, signal};
use longshore_devkit::proxy::{Action, Proxy};
use longshore_devkit::runtime_api::Function;
use longshore_tests::{World, function};

/// Moments of the main test, drawn with [`SEED`].
const MOMENTS: usize = 50;
const SEED: u64 = 20_260_101;

/// Worlds that are at work at the same time.
const SIDE_BY_SIDE: usize = 3;

/// A Tower's two archives on their way into a database of their own.
struct Delivery {
    world: World,
    proxy: Proxy,
    events: [String; 2],
}

impl Delivery {
    async fn begin() -> Self {
        let (world, proxy) = World::through_proxy(&[]).await;
        let events = world.full_and_incremental();
        Self { world, proxy, events }
    }

    async fn process(&self) -> Function {
        function::start("tower-persister", &self.world.variables(), &[]).await
    }

    /// Delivers both archives in order, each again to a fresh process after one was killed. Returns how many were.
    async fn to_the_end(&self, mut process: Function) -> usize {
        let mut killed = 0;
        for event in &self.events {
            loop {
                match function::call(&mut process, event).await {
                    Ok(failed) => {
                        assert!(failed.is_empty(), "{}", self.world.outcomes().await);
                        break;
                    }
                    Err(error) => {
                        killed += 1;
                        assert!(killed <= 1, "it ended again: {error}");
                        process = self.process().await;
                    }
                }
            }
        }
        killed
    }
}

/// A run that nothing disturbs: its rows, and how many bytes went between function and database.
async fn clean_run() -> (Vec<String>, u64) {
    let delivery = Delivery::begin().await;
    assert_eq!(delivery.to_the_end(delivery.process().await).await, 0);
    let rows = delivery.world.complete_rows().await;
    assert!(rows.len() > 900, "{}", rows.len());
    (rows, delivery.proxy.total_bytes())
}

impl Delivery {
    /// Ends the process when `moment` bytes have passed and compares what a redelivery makes of it.
    async fn killed_at(&self, moment: u64, how: Signal, clean: &[String]) {
        self.world.execute("TRUNCATE tenants, sources, refreshes, outbox RESTART IDENTITY CASCADE").await;
        let process = self.process().await;
        let pid = process.pid();
        self.proxy.reset();
        self.proxy.cut_after(moment, Action::CallAndCut(Box::new(move || signal(pid, how))));
        let killed = self.to_the_end(process).await;
        assert_eq!(killed, 1, "moment {moment} never came");
        self.world.nothing_is_left().await;
        let rows = self.world.complete_rows().await;
        let other = rows.iter().zip(clean).find(|(row, clean)| row != clean);
        assert!(rows == clean, "moment {moment}: {} rows, not {}; {other:#?}", rows.len(), clean.len());
        assert_eq!(self.world.outcomes().await, "applied | full\napplied | incremental", "moment {moment}");
    }
}

async fn killed_at_each(moments: &[u64], how: Signal, clean: &[String]) {
    let worlds = moments.chunks(moments.len().div_ceil(SIDE_BY_SIDE)).map(async |moments| {
        let delivery = Delivery::begin().await;
        for moment in moments {
            delivery.killed_at(*moment, how, clean).await;
        }
    });
    join_all(worlds).await;
}

#[tokio::test]
async fn killed_at_any_moment_a_redelivery_ends_in_the_rows_of_a_clean_run() {
    let (clean, bytes) = clean_run().await;
    let mut random = fastrand::Rng::with_seed(SEED);
    // The length of a run differs by a few bytes with the digits of its durations.
    let moments: Vec<u64> = (0..MOMENTS).map(|_| random.u64(0..bytes - 500)).collect();
    killed_at_each(&moments, Signal::KILL, &clean).await;
}

/// The last bytes are the answer to COMMIT: killed between commit and answer, the work is done and is not done again.
#[tokio::test]
async fn killed_around_its_commit_a_redelivery_ends_in_the_rows_of_a_clean_run() {
    let (clean, bytes) = clean_run().await;
    let moments: Vec<u64> = (1..=8).map(|n| bytes - n * 40).collect();
    killed_at_each(&moments, Signal::KILL, &clean).await;
}

/// What a failed allocation or a double panic does.
#[tokio::test]
async fn an_abort_is_no_different() {
    let (clean, bytes) = clean_run().await;
    killed_at_each(&[bytes / 5, bytes / 2], Signal::ABORT, &clean).await;
}
