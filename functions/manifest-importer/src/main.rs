//! Imports the manifests and data bundles that Kafka records announce into the Candlepin database.
//!
//! Only wiring: [`longshore::candlepin::ManifestImporter`] does the work.

use longshore::aws::Aws;
use longshore::candlepin::ManifestImporter;
use longshore::clock::Clock;
use longshore::lambda;

/// One thread: below 1,769 MB a function has less than one processor anyway.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let settings = lambda::start(env!("CARGO_BIN_NAME"))?;
    let importer = ManifestImporter::new(settings, &Aws::from_env().await, Clock::system());
    lambda::run(async |payload, call| importer.handle(payload, call.remaining).await).await
}
