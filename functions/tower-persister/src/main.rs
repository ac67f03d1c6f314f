//! Brings the Catalog Inventory up to date with the Tower archives that Kafka records announce.
//!
//! Only wiring: [`longshore::tower::TowerPersister`] does the work.

use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::failure::Failure;
use longshore::kafka::BatchResponse;
use longshore::settings::Settings;
use longshore::telemetry::{self, LogSettings};
use longshore::tower::TowerPersister;
use serde_json::value::RawValue;
use tracing::Instrument;

/// One thread: below 1,769 MB a function has less than one processor anyway. Reading has a thread of its own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init(&LogSettings::from_env());
    let settings = Settings::from_env()?; // a bad setting fails here, by name, not on the first record
    longshore::metrics::init(&settings.metrics_namespace, env!("CARGO_BIN_NAME"));
    let persister = TowerPersister::new(settings, &Aws::from_env().await, Clock::system());
    let handler = async |event| handle(&persister, event).await.map_err(diagnostic);
    run(service_fn(handler)).await
}

async fn handle(persister: &TowerPersister, event: LambdaEvent<Box<RawValue>>) -> Result<BatchResponse, Failure> {
    let context = event.context;
    let remaining = Clock::system().until(context.deadline());
    let span = tracing::error_span!("invocation", requestId = context.request_id);
    persister.handle(event.payload.get(), remaining).instrument(span).await
}

/// What the runtime reports when an invocation fails: the stable kind, and the whole chain of causes.
fn diagnostic(failure: Failure) -> Diagnostic {
    Diagnostic { error_type: failure.kind().into(), error_message: failure.to_string() }
}
