//! An importer that is killed at any moment leaves nothing half written, and a redelivery ends in the same rows: one entry
//! in the history, one row of ours and each event once.

use longshore_devkit::process::Signal;
use longshore_tests::{CleanRun, Delivery, Work};

/// Moments of the main test, drawn with [`SEED`].
const MOMENTS: usize = 50;
const SEED: u64 = 20_260_301;

async fn clean_run() -> CleanRun {
    let clean = Delivery::clean_run(Work::Imports).await;
    let count = |table: &str| clean.rows.iter().filter(|row| row.starts_with(table)).count();
    assert!(clean.rows.len() > 300, "{}", clean.rows.len());
    assert_eq!((count("imports "), count("cp_import_record ")), (2, 2));
    let gone = clean.rows.iter().filter(|row| row.starts_with("outbox ") && row.contains("\"DELETED\"")).count();
    assert!(gone >= 5, "product, subscription, pools, type: {gone}");
    clean
}

#[tokio::test]
async fn killed_at_any_moment_a_redelivery_ends_in_the_rows_of_a_clean_import() {
    let clean = clean_run().await;
    let moments = clean.random_moments(MOMENTS, SEED);
    Delivery::killed_at_each(Work::Imports, &moments, Signal::KILL, &clean).await;
}

/// The last bytes are the answer to COMMIT: killed between commit and answer, the work is done and is not done again. The
/// answer is 18 bytes long, and the length of a run differs by a few bytes, so that not every moment comes.
#[tokio::test]
async fn killed_around_its_commit_a_redelivery_ends_in_the_rows_of_a_clean_import() {
    let clean = clean_run().await;
    let delivery = Delivery::begin(Work::Imports, &[]).await;
    let mut killed = 0;
    for n in 0..16 {
        killed += usize::from(delivery.killed_at(clean.bytes + 12 - n * 6, Signal::KILL, &clean).await);
    }
    assert!(killed >= 6, "{killed}");
}
