//! The function `manifest-exporter` below its handler: records of Kafka and requests over HTTP.

use super::exports::{By, Exported, Exports};
use super::message::ExportMessage;
use super::record::{self, Origin};
use super::route::routes;
use super::{ExportError, Place};
use crate::aws::Aws;
use crate::clock::Clock;
use crate::db::DbError;
use crate::failure::{Chain, Failure};
use crate::http::Service;
use crate::kafka::{BatchResponse, Consumer, Invocation, Plan, Record};
use crate::lambda::Call;
use crate::metrics as emf;
use crate::outbox::{Platform, Subject};
use crate::settings::Settings;
use crate::worker::Worker;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use time::PrimitiveDateTime;

/// Makes the manifests that Kafka records and clients ask for.
pub struct ManifestExporter {
    worker: Worker,
    exports: Arc<Exports>,
    service: Service,
}

/// What an invocation is answered with, whichever it was.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Which records are to come again.
    Batch(BatchResponse),
    /// A client's answer.
    Http(Box<ApiGatewayV2httpResponse>),
}

/// What tells an HTTP request from records.
#[derive(Deserialize)]
struct Payload {
    #[serde(default, rename = "requestContext")]
    request_context: Option<IgnoredAny>,
}

impl ManifestExporter {
    /// Wires everything; nothing connects before the first record.
    pub fn new(settings: &Settings, aws: &Aws, clock: Clock) -> Self {
        let platform = Platform::of_requests(&settings.platform, "manifest-exporter");
        let worker = Worker::new(settings, platform, settings.manifest_limits.compressed_bytes, aws, clock.clone());
        let exports = Arc::new(Exports::new(settings, worker.pool.clone(), aws, clock));
        let (router, _) = routes().with_state(exports.clone()).split_for_parts();
        let service = Service::new(router, worker.pool.clone(), settings.callers.clone(), settings.deadline_margin);
        Self { worker, exports, service }
    }

    /// Handles one invocation: `payload` is the event of a Kafka event source mapping, or that of an HTTP API (format 2.0)
    /// or a function URL.
    ///
    /// # Errors
    /// When the payload is neither. Everything else is answered, record by record.
    pub async fn handle(&self, payload: &str, call: Call<'_>) -> Result<Answer, Failure> {
        let is_http = serde_json::from_str::<Payload>(payload).is_ok_and(|payload| payload.request_context.is_some());
        let answer = if is_http {
            let answer = self.service.handle(payload, call).await?;
            // Whatever is not refused is an export, which writes an event.
            if answer.status_code < 400 {
                self.worker.wakeup.due();
            }
            Ok(Answer::Http(Box::new(answer)))
        } else {
            self.worker.handle(self, payload, call.remaining).await.map(Answer::Batch)
        };
        tokio::join!(self.exports.settle(), self.worker.wakeup.send());
        answer
    }

    async fn export(
        &self,
        message: &ExportMessage,
        origin: &Origin,
        started_at: PrimitiveDateTime,
    ) -> Result<Option<Exported>, ExportError> {
        let session = self.worker.pool.get().await?;
        origin.subject.begun(&*session, started_at).await?;
        if record::done_before(&*session, origin).await? {
            let now = self.worker.clock.timestamp();
            origin.subject.succeeded(&*session, record::ALREADY_EXPORTED, now).await?;
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
        caller: &message.caller,
        principal: message.principal.as_deref(),
        request_id: message.request_id.as_deref().unwrap_or_default(),
        trace: message.trace.as_ref(),
        at_once: None,
    }
}

impl Consumer for ManifestExporter {
    /// The consumer whose manifest it is.
    type Key = String;
    type Job = (Box<ExportMessage>, Subject);

    async fn plan(&self, record: &Record) -> Result<Plan<String, Self::Job>, Failure> {
        let subject = self.worker.subject(record);
        let message = ExportMessage::parse(record)?;
        tracing::Span::current().record("request_id", message.request_id.as_deref());
        Ok(Plan::Run { key: message.request.consumer.clone(), job: (Box::new(message), subject) })
    }

    async fn run(&self, record: &Record, job: Self::Job, _: Invocation) -> Result<&'static str, Failure> {
        let (message, subject) = job;
        let (origin, begun) = (Origin::new(record, subject), Instant::now());
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
        self.worker.ended(record, outcome, failure);
    }
}

/// The outcome of a record that was exported before.
const ALREADY: &str = "already_exported";

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
