//! Prepares the database: migrations, tenants and sources, owners and grants, the hosted side, by direct invocation.
//!
//! Only wiring: [`longshore::setup`] does the work. `{"command": "help"}` lists what it can do.

use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::lambda;
use longshore::setup::Setup;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let settings = lambda::start(env!("CARGO_BIN_NAME"))?;
    let setup = Setup::new(settings, &Aws::from_env().await, Clock::system(), 1);
    lambda::run(async |payload: &str, call| Ok(setup.handle(payload, call.remaining).await?)).await
}
