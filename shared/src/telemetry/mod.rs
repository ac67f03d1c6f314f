//! Logs: one flat JSON object a line, as Lambda's own log filter and CloudWatch Logs Insights read it. Spans, with the feature
//! `otel`: an invocation and each of its records.

#[cfg(feature = "otel")]
mod otel;

use crate::kafka::Record;
use crate::trace::TraceParent;
use json_subscriber::JsonLayer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How to log. Lambda sets both by the function's logging configuration.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// JSON unless `AWS_LAMBDA_LOG_FORMAT` is `Text`.
    pub json: bool,
    /// `AWS_LAMBDA_LOG_LEVEL`, by default `INFO`, for our own crates; others begin at `WARN`.
    pub level: String,
}

impl LogSettings {
    /// Reads Lambda's variables.
    #[expect(clippy::disallowed_methods, reason = "read before the settings, whose errors are to be logged")]
    pub fn from_env() -> Self {
        let format = std::env::var("AWS_LAMBDA_LOG_FORMAT").unwrap_or_default();
        let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().filter(|level| !level.is_empty());
        Self { json: !format.eq_ignore_ascii_case("text"), level: level.unwrap_or_else(|| "INFO".into()) }
    }

    fn filter(&self) -> Targets {
        // CRITICAL and FATAL are Lambda's words for what Rust calls an error.
        let level = match self.level.to_ascii_uppercase().as_str() {
            "CRITICAL" | "FATAL" => LevelFilter::ERROR,
            other => other.parse().unwrap_or(LevelFilter::INFO),
        };
        let ours = [
            "longshore",
            "tower_persister",
            "manifest_importer",
            "manifest_exporter",
            "upstream_consumer",
            "event_publisher",
            "setup",
        ];
        Targets::new().with_default(LevelFilter::WARN.min(level)).with_targets(ours.map(|name| (name, level)))
    }
}

/// Starts logging to standard output, and makes spans of `function` where that is built in. Called once, first thing.
pub fn init(settings: &LogSettings, function: &str) {
    let registry = tracing_subscriber::registry().with(settings.filter());
    #[cfg(feature = "otel")]
    let registry =
        registry.with(otel::tracer(function, None).map(|tracer| tracing_opentelemetry::layer().with_tracer(tracer)));
    #[cfg(not(feature = "otel"))]
    let _ = function;
    if settings.json {
        registry.with(json_layer(JsonLayer::stdout())).init();
    } else {
        registry.with(fmt::layer().with_writer(std::io::stdout)).init();
    }
}

/// Sends the spans of what has ended to the collector, where there are any. Called at the end of each invocation.
pub(crate) async fn flush() {
    #[cfg(feature = "otel")]
    otel::flush().await;
}

/// Makes a record's span part of the trace that the record names.
pub(crate) fn continue_trace(span: &tracing::Span, record: &Record) {
    #[cfg(feature = "otel")]
    otel::continue_trace(span, record);
    #[cfg(not(feature = "otel"))]
    let _ = (span, record);
}

/// Where in its trace the caller is; nowhere when nobody makes spans.
pub(crate) fn here() -> Option<TraceParent> {
    #[cfg(feature = "otel")]
    return otel::here();
    #[cfg(not(feature = "otel"))]
    None
}

/// `timestamp`, `level`, `target`, the event's fields, and those of the spans around it, all side by side. A line
/// without an RFC 3339 `timestamp` would count as INFO to Lambda whatever its level.
fn json_layer<S, W>(mut layer: JsonLayer<S, W>) -> JsonLayer<S, W>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    W: for<'w> fmt::MakeWriter<'w> + 'static,
{
    layer.with_timer("timestamp", fmt::time::SystemTime);
    layer.with_level("level");
    layer.with_target("target");
    layer.with_flattened_event();
    layer.with_top_level_flattened_span_list();
    layer
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_flat_and_carries_its_span() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = json_layer(JsonLayer::new(move || writer.clone()));
        let warnings_only = LogSettings { json: true, level: "WARN".into() };
        let subscriber = tracing_subscriber::registry().with(warnings_only.filter()).with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::error_span!("invocation", requestId = "r-1");
            let _in = span.enter();
            tracing::info!("not written at this level");
            let record = tracing::error_span!("record", offset = 7, request_id = tracing::field::Empty);
            record.record("request_id", "q-1");
            let _in = record.enter();
            tracing::warn!(error_kind = "Download", "record left to redelivery");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        for (key, value) in [
            ("level", "WARN"),
            ("message", "record left to redelivery"),
            ("error_kind", "Download"),
            ("requestId", "r-1"),
            ("request_id", "q-1"),
        ] {
            assert_eq!(line[key], value, "{key} in {text}");
        }
        assert_eq!(line["offset"], 7);
        let timestamp = line["timestamp"].as_str().unwrap();
        let rfc3339 = time::format_description::well_known::Rfc3339;
        assert!(time::OffsetDateTime::parse(timestamp, &rfc3339).is_ok(), "{timestamp}");
    }
}
