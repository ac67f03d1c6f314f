//! Spans to an OpenTelemetry collector over OTLP/HTTP, such as the extension of a Lambda layer; `OTEL_EXPORTER_OTLP_ENDPOINT` and
//! the other variables of OpenTelemetry's exporters say where and how.
//!
//! A function is frozen between invocations, so nothing is exported in the background: what an invocation has done goes out at
//! its end, before its answer.

use crate::failure::Chain;
use crate::fetch;
use crate::kafka::Record;
use crate::trace::TraceParent;
use bytes::Bytes;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider};
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span, SpanData, SpanExporter as _, SpanProcessor};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Time for the collector to take spans: what it does not take is not worth an invocation's time.
const LONGEST: Duration = Duration::from_secs(2);

static EXPORT: OnceLock<Export> = OnceLock::new();

struct Export {
    exporter: SpanExporter,
    ended: &'static Ended,
}

/// Spans that have ended and were not exported yet.
#[derive(Debug, Default)]
struct Ended(Mutex<Vec<SpanData>>);

impl Ended {
    fn take(&self) -> Vec<SpanData> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
struct Collect(&'static Ended);

impl SpanProcessor for Collect {
    fn on_start(&self, _: &mut Span, _: &Context) {}
    fn on_end(&self, span: SpanData) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(span);
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[derive(Debug)]
struct Client(reqwest::Client);

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut answer = self.0.execute(request.try_into()?).await?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            std::mem::swap(headers, answer.headers_mut());
        }
        Ok(response.body(answer.bytes().await?)?)
    }
}

/// What makes spans; none, and a line that says why, where that cannot be. `endpoint` only where it is not the environment's.
#[expect(clippy::print_stderr, reason = "nobody listens to `tracing` yet")]
pub(super) fn tracer(function: &str, endpoint: Option<&str>) -> Option<SdkTracer> {
    let ended: &'static Ended = Box::leak(Box::default());
    let mut exporter = match exporter(endpoint) {
        Ok(exporter) => exporter,
        Err(error) => {
            eprintln!("spans are off: {error}");
            return None;
        }
    };
    let resource = Resource::builder().with_service_name(function.to_owned()).build();
    exporter.set_resource(&resource);
    let provider = SdkTracerProvider::builder().with_span_processor(Collect(ended)).with_resource(resource).build();
    let tracer = provider.tracer_with_scope(InstrumentationScope::builder("longshore").build());
    // A provider ends when the last one drops it.
    std::mem::forget(provider);
    EXPORT.set(Export { exporter, ended }).ok()?;
    Some(tracer)
}

fn exporter(endpoint: Option<&str>) -> Result<SpanExporter, String> {
    let client = fetch::client(LONGEST, true).map_err(|error| Chain(&error).to_string())?;
    let builder = SpanExporter::builder().with_http().with_http_client(Client(client));
    let builder = match endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint),
        None => builder,
    };
    builder.build().map_err(|error| Chain(&error).to_string())
}

/// Exports what has ended. What the collector does not take is lost, and said so.
pub(super) async fn flush() {
    let Some(Export { exporter, ended }) = EXPORT.get() else { return };
    let spans = ended.take();
    if spans.is_empty() {
        return;
    }
    let number = spans.len();
    let why = match tokio::time::timeout(LONGEST, exporter.export(spans)).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => Chain(&error).to_string(),
        Err(_) => format!("the collector did not answer in {} s", LONGEST.as_secs()),
    };
    tracing::warn!(spans = number, error = why, "spans were not exported");
}

/// The span of a record belongs to the trace that the record names, and is linked to the invocation's.
pub(super) fn continue_trace(span: &tracing::Span, record: &Record) {
    let Some(parent) = TraceParent::given(record).as_ref().and_then(remote) else { return };
    span.add_link(tracing::Span::current().context().span().span_context().clone());
    if span.set_parent(Context::new().with_remote_span_context(parent)).is_err() {
        tracing::debug!("the record's trace could not be gone on with");
    }
}

fn remote(parent: &TraceParent) -> Option<SpanContext> {
    let mut parts = parent.as_str().split('-').skip(1);
    let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    Some(SpanContext::new(trace, span, flags, true, TraceState::NONE))
}

/// Where in a trace the caller is, as a header says it.
pub(super) fn here() -> Option<TraceParent> {
    let context = tracing::Span::current().context();
    let span = context.span().span_context().clone();
    let flags = span.trace_flags().to_u8();
    let text = format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id());
    TraceParent::parse(&text).filter(|_| span.is_valid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::record;
    use serde_json::json;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use tracing_subscriber::layer::SubscriberExt;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// A collector that takes one request, and what it was sent.
    fn collector() -> (String, std::thread::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let taken = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            loop {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
                let length =
                    text.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
                let head = request.windows(4).position(|four| four == b"\r\n\r\n");
                if head.zip(length).is_some_and(|(head, length): (usize, usize)| request.len() >= head + 4 + length) {
                    break;
                }
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
            request
        });
        (endpoint, taken)
    }

    fn holds(bytes: &[u8], part: &[u8]) -> bool {
        bytes.windows(part.len()).any(|window| window == part)
    }

    #[tokio::test]
    async fn a_record_goes_on_with_its_trace_and_what_it_causes_is_below_its_span() {
        let (endpoint, taken) = collector();
        let tracer = tracer("tower-persister", Some(&endpoint)).unwrap();
        let subscriber = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
        let record = record(&json!({}), &[("traceparent", PARENT)]);
        let caused = tracing::subscriber::with_default(subscriber, || {
            assert_eq!(here(), None);
            let invocation = tracing::error_span!("invocation");
            let _in = invocation.enter();
            let span = tracing::error_span!("record");
            continue_trace(&span, &record);
            let _in = span.enter();
            TraceParent::of_record(&record).unwrap()
        });
        let [_, trace, span, flags] = caused.as_str().split('-').collect::<Vec<_>>()[..] else { panic!("{caused}") };
        assert_eq!((trace, flags), ("4bf92f3577b34da6a3ce929d0e0e4736", "01"));
        assert_ne!(span, "00f067aa0ba902b7");

        flush().await;
        let sent = taken.join().unwrap();
        assert!(sent.starts_with(b"POST /v1/traces "), "{}", String::from_utf8_lossy(&sent));
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        };
        for part in [&bytes(trace)[..], &bytes("00f067aa0ba902b7"), &bytes(span), b"tower-persister", b"record"] {
            assert!(holds(&sent, part), "{part:?}");
        }
        // Everything has gone out.
        flush().await;
    }
}
