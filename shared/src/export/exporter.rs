//! The function `manifest-exporter` below its handler.

use super::exports::{By, Exported, Exports};
use super::message::ExportMessage;
use super::record::{self, Origin};
use super::{ExportError, Place};
use crate::aws::Aws;
use crate::clock::Clock;
use crate::db::DbError;
use crate::failure::{Chain, Failure};
use crate::kafka::{BatchResponse, Consumer, Invocation, Plan, Record};
use crate::metrics as emf;
use crate::settings::Settings;
use crate::worker::Worker;
use std::time::{Duration, Instant};
use time::PrimitiveDateTime;

/// Makes the manifests that Kafka records ask for.
pub struct ManifestExporter {
    worker: Worker,
    exports: Exports,
}

impl ManifestExporter {
    /// Wires everything; nothing connects before the first record.
    pub fn new(settings: &Settings, aws: &Aws, clock: Clock) -> Self {
        let worker = Worker::new(settings, settings.manifest_limits.compressed_bytes, aws, clock.clone());
        Self { exports: Exports::new(settings, worker.pool.clone(), aws, clock), worker }
    }

    /// Handles one invocation: `payload` is the event of a Kafka event source mapping, `remaining` the time until
    /// Lambda ends it, where that is known.
    ///
    /// # Errors
    /// When the payload is no Kafka event. Everything else is answered for record by record.
    pub async fn handle(&self, payload: &str, remaining: Option<Duration>) -> Result<BatchResponse, Failure> {
        let response = self.worker.handle(self, payload, remaining).await;
        self.exports.settle().await;
        response
    }

    async fn export(
        &self,
        message: &ExportMessage,
        origin: &Origin,
        started_at: PrimitiveDateTime,
    ) -> Result<Option<Exported>, ExportError> {
        let session = self.worker.pool.get().await?;
        if record::done_before(&*session, origin).await? {
            return Ok(None);
        }
        drop(session);
        let exported = self.exports.export_from(message.request.clone(), &by(message), Some(origin), started_at).await;
        exported.map(Some)
    }

    /// Leaves a failure on record, where the database can be reached. Returns whether the record turns out to have been
    /// exported after all.
    async fn record_failure(
        &self,
        message: &ExportMessage,
        origin: &Origin,
        started_at: PrimitiveDateTime,
        error: &ExportError,
    ) -> bool {
        let write = async {
            let session = self.worker.pool.get().await?;
            let times = [started_at, self.worker.clock.timestamp()];
            record::write_failure(&*session, &message.request, error, &by(message), Some(origin), times).await
        };
        write.await.unwrap_or_else(|unwritten: DbError| {
            tracing::warn!(error = %Chain(&unwritten), "the failure could not be recorded");
            false
        })
    }
}

fn by(message: &ExportMessage) -> By<'_> {
    By {
        caller: &message.org,
        principal: message.principal.as_deref(),
        request_id: message.request_id.as_deref().unwrap_or_default(),
        at_once: None,
    }
}

impl Consumer for ManifestExporter {
    /// The consumer whose manifest it is.
    type Key = String;
    type Job = Box<ExportMessage>;

    async fn plan(&self, record: &Record) -> Result<Plan<String, Self::Job>, Failure> {
        let message = ExportMessage::parse(record)?;
        tracing::Span::current().record("request_id", message.request_id.as_deref());
        Ok(Plan::Run { key: message.request.consumer.clone(), job: Box::new(message) })
    }

    async fn run(&self, record: &Record, message: Self::Job, _: Invocation) -> Result<&'static str, Failure> {
        let (origin, begun) = (Origin::new(record), Instant::now());
        let started_at = self.worker.clock.timestamp();
        match self.export(&message, &origin, started_at).await {
            Ok(Some(exported)) => {
                observe(&exported, message.request_id.as_deref(), begun.elapsed());
                Ok("exported")
            }
            Ok(None) => {
                tracing::info!(outcome = ALREADY, "nothing to do: it had been exported before");
                Ok(ALREADY)
            }
            Err(error) if self.record_failure(&message, &origin, started_at, &error).await => {
                tracing::info!(error = %Chain(&error), "the record had been exported before");
                Ok(ALREADY)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn reject(&self, record: &Record, why: &Failure) -> Result<(), Failure> {
        self.worker.reject(record, why).await
    }

    fn ended(&self, record: &Record, outcome: &'static str, failure: Option<&Failure>) {
        Worker::ended(record, outcome, failure);
    }
}

/// The outcome of a record that was exported before.
const ALREADY: &str = "already exported";

/// One line and the metrics of an export that is there.
pub(super) fn observe(exported: &Exported, request_id: Option<&str>, duration: Duration) {
    tracing::info!(
        outcome = "exported",
        consumer = exported.consumer,
        format = exported.format.name(),
        entitlements = exported.entitlements,
        bytes = exported.bytes,
        stored = matches!(exported.place, Place::Stored { .. }),
        duration_s = duration.as_secs_f64(),
        "manifest exported"
    );
    metrics::counter!("EntitlementsExported").increment(exported.entitlements);
    metrics::counter!("ArchiveBytes").increment(exported.bytes);
    metrics::histogram!("ExportSeconds").record(duration.as_secs_f64());
    emf::flush(request_id);
}
