//! A function that is killed at any moment leaves nothing half written, and a redelivery ends in the same rows.

use longshore_devkit::process::Signal;
use longshore_tests::{Delivery, Work};

/// Moments of the main test, drawn with [`SEED`].
const MOMENTS: usize = 50;
const SEED: u64 = 20_260_101;

#[tokio::test]
async fn killed_at_any_moment_a_redelivery_ends_in_the_rows_of_a_clean_run() {
    let clean = Delivery::clean_run(Work::Refreshes).await;
    assert!(clean.rows.len() > 900, "{}", clean.rows.len());
    let moments = clean.random_moments(MOMENTS, SEED);
    Delivery::killed_at_each(Work::Refreshes, &moments, Signal::KILL, &clean).await;
}

/// The last bytes are the answer to COMMIT: killed between commit and answer, the work is done and is not done again.
#[tokio::test]
async fn killed_around_its_commit_a_redelivery_ends_in_the_rows_of_a_clean_run() {
    let clean = Delivery::clean_run(Work::Refreshes).await;
    let moments: Vec<u64> = (1..=8).map(|n| clean.bytes - n * 40).collect();
    Delivery::killed_at_each(Work::Refreshes, &moments, Signal::KILL, &clean).await;
}

/// What a failed allocation or a double panic does.
#[tokio::test]
async fn an_abort_is_no_different() {
    let clean = Delivery::clean_run(Work::Refreshes).await;
    Delivery::killed_at_each(Work::Refreshes, &[clean.bytes / 5, clean.bytes / 2], Signal::ABORT, &clean).await;
}
