//! Answers clients over HTTP: an owner's upstream consumers, its imports, and undoing them.
//!
//! Only wiring: [`longshore::api`] does the work.

use longshore::api::UpstreamConsumers;
use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::lambda;

/// One thread: an environment answers one request at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let settings = lambda::start(env!("CARGO_BIN_NAME"))?;
    let consumers = UpstreamConsumers::new(settings, &Aws::from_env().await, Clock::system());
    lambda::run(async |payload, call| consumers.handle(payload, call).await).await
}
