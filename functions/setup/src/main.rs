//! Prepares the database: migrations, tenants and sources, by direct invocation.
//!
//! Only wiring: [`longshore::setup`] does the work. `{"command": "help"}` lists what it can do.

use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::db::{Connector, Pool};
use longshore::failure::Failure;
use longshore::settings::Settings;
use longshore::setup::{self, Command};
use longshore::telemetry::{self, LogSettings};
use serde_json::Value;
use serde_json::value::RawValue;
use tracing::Instrument;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init(&LogSettings::from_env());
    let settings = Settings::from_env()?;
    let connector = Connector::new(settings.database, Aws::from_env().await, Clock::system());
    let pool = Pool::new(connector, 1);
    let handler = async |event| handle(&pool, event).await.map_err(diagnostic);
    run(service_fn(handler)).await
}

async fn handle(pool: &Pool, event: LambdaEvent<Box<RawValue>>) -> Result<Value, Failure> {
    let span = tracing::error_span!("invocation", requestId = event.context.request_id);
    let work = async {
        let command = Command::parse(event.payload.get())?;
        let answer = setup::run(command, pool).await;
        pool.settle().await;
        Ok(answer?)
    };
    Box::pin(work).instrument(span).await
}

/// What the runtime reports when an invocation fails: the stable kind, and the whole chain of causes.
fn diagnostic(failure: Failure) -> Diagnostic {
    Diagnostic { error_type: failure.kind().into(), error_message: failure.to_string() }
}
