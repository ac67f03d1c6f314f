//! Makes the manifests of distributors, as Kafka records and clients ask for them.
//!
//! Only wiring: [`longshore::export::ManifestExporter`] does the work.

use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::export::ManifestExporter;
use longshore::lambda;

/// One thread: below 1,769 MB a function has less than one processor anyway.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let settings = lambda::start(env!("CARGO_BIN_NAME"))?;
    let exporter = ManifestExporter::new(&settings, &Aws::from_env().await, Clock::system());
    lambda::run(async |payload, call| exporter.handle(payload, call).await).await
}
