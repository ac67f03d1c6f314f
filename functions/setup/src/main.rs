//! Prepares the database: migrations, tenants and sources, owners and grants, by direct invocation.
//!
//! Only wiring: [`longshore::setup`] does the work. `{"command": "help"}` lists what it can do.

use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::db::{Connector, Pool};
use longshore::lambda;
use longshore::setup::{self, Command};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let settings = lambda::start(env!("CARGO_BIN_NAME"))?;
    let clock = Clock::system();
    let connector = Connector::new(settings.database, Aws::from_env().await, clock.clone());
    let pool = Pool::new(connector, 1);
    let handler = async |payload: &str, _| {
        let answer = setup::run(Command::parse(payload)?, &pool, &clock).await;
        pool.settle().await;
        Ok(answer?)
    };
    lambda::run(handler).await
}
