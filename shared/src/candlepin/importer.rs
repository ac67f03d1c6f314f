//! The function `manifest-importer` below its handler.

use crate::aws::Aws;
use crate::clock::Clock;
use crate::failure::Failure;
use crate::kafka::{BatchResponse, Event};
use crate::settings::Settings;
use std::time::Duration;

/// Imports the manifests and data bundles that Kafka records announce.
pub struct ManifestImporter {
    _settings: Settings,
}

impl ManifestImporter {
    /// Wires everything; nothing connects before the first record.
    pub fn new(settings: Settings, _aws: &Aws, _clock: Clock) -> Self {
        Self { _settings: settings }
    }

    /// Handles one invocation: `payload` is the event of a Kafka event source mapping, `remaining` the time until
    /// Lambda ends it, where that is known.
    ///
    /// # Errors
    /// When the payload is no Kafka event, and while there is no import.
    pub async fn handle(&self, payload: &str, _remaining: Option<Duration>) -> Result<BatchResponse, Failure> {
        let event = Event::parse(payload)?;
        if event.records.is_empty() {
            return Ok(BatchResponse::default());
        }
        Err(Failure::transient("Import", "manifests cannot be imported yet"))
    }
}
