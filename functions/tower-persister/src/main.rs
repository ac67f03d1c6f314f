//! Brings the Catalog Inventory up to date with the Tower archives that Kafka records announce.
//!
//! Only wiring: [`longshore::tower::TowerPersister`] does the work.

use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::lambda;
use longshore::tower::TowerPersister;

/// One thread: below 1,769 MB a function has less than one processor anyway. Reading has a thread of its own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let settings = lambda::start(env!("CARGO_BIN_NAME"))?;
    let persister = TowerPersister::new(settings, &Aws::from_env().await, Clock::system());
    lambda::run(async |payload, call| persister.handle(payload, call.remaining).await).await
}
