//! Publishes what waits in the outbox.
//!
//! Only wiring: [`event_publisher`] does the work.

use event_publisher::Publisher;
use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::lambda;

/// One thread: it waits for the broker or for the database, never for both.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let settings = lambda::start(env!("CARGO_BIN_NAME"))?;
    let publisher = Publisher::new(&settings, Aws::from_env().await, Clock::system());
    lambda::run(async |_, call| publisher.publish(call).await).await
}
