//! CloudWatch metrics in the embedded metric format: lines on standard output, no call to any API.

use crate::outbox::Standing;
use metrics_cloudwatch_embedded::{Builder, Collector};
use std::io::Write;
use std::sync::OnceLock;
use std::time::Duration;

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();

/// Installs the collector, once a process. `function` becomes a dimension of every metric.
pub fn init(namespace: &str, function: &str) {
    let builder =
        Builder::new().cloudwatch_namespace(namespace.to_owned()).with_dimension("Function", function.to_owned());
    match builder.init() {
        Ok(collector) => {
            let _ = COLLECTOR.set(collector);
        }
        Err(error) => tracing::warn!(%error, "metrics are off"),
    }
}

/// Counts a record by its outcome, and a failure by its kind.
pub(crate) fn record_ended(outcome: &'static str, kind: Option<&'static str>, request_id: Option<&str>) {
    metrics::counter!("Records", "Outcome" => outcome).increment(1);
    if let Some(kind) = kind {
        metrics::counter!("Failures", "Kind" => kind).increment(1);
    }
    // What a record needs is worth knowing; a request needs next to nothing, and reading this takes longer than it does.
    if let Some(bytes) = peak_memory() {
        metrics::gauge!("PeakMemoryBytes").set(bytes as f64);
    }
    flush(request_id);
}

/// Counts a request by its status, and a failure by its kind.
pub(crate) fn request_ended(status: u16, kind: Option<&'static str>, took: Duration, request_id: &str) {
    let class = match status {
        500.. => "5xx",
        400.. => "4xx",
        _ => "ok",
    };
    metrics::counter!("Requests", "Status" => class).increment(1);
    metrics::histogram!("RequestSeconds").record(took.as_secs_f64());
    if let Some(kind) = kind {
        metrics::counter!("Failures", "Kind" => kind).increment(1);
    }
    flush(Some(request_id));
}

/// Counts an invocation that failed as a whole, by the kind of its failure.
pub(crate) fn invocation_failed(kind: &'static str, request_id: &str) {
    metrics::counter!("Failures", "Kind" => kind).increment(1);
    flush(Some(request_id));
}

/// Tells what a publisher has done, and how the outbox stands.
pub fn outbox_drained(published: u64, parked: u64, standing: &Standing, request_id: &str) {
    metrics::counter!("EventsPublished").increment(published);
    metrics::counter!("EventsParked").increment(parked);
    // No gauges: the collector writes those again with each later line, also of an invocation that knows nothing of the
    // outbox, and the alarm that waits for silence would never hear it.
    metrics::histogram!("OutboxWaiting").record(standing.waiting as f64);
    metrics::histogram!("OutboxParked").record(standing.parked as f64);
    metrics::histogram!("OutboxAgeSeconds").record(standing.oldest.as_secs_f64());
    flush(Some(request_id));
}

/// Tells how many identity certificates are over or will be soon.
pub(crate) fn certificates_expiring(number: usize) {
    metrics::histogram!("CertificatesExpiring").record(number as f64);
    flush(None);
}

/// Writes what was counted since the last time, with the correlation id of the record that it was counted for. Called
/// without waiting in between, so that records handled side by side do not mix.
pub(crate) fn flush(request_id: Option<&str>) {
    let Some(collector) = COLLECTOR.get() else { return };
    collector.set_property("request_id", request_id.unwrap_or_default().to_owned());
    // Written at once: standard output looks for the end of the line in each part of it that it is given.
    let mut line = Vec::with_capacity(1024);
    if let Err(error) = collector.flush(&mut line).and_then(|()| std::io::stdout().lock().write_all(&line)) {
        tracing::warn!(%error, "metrics could not be written");
    }
}

/// The process's largest resident size so far, in bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes * 1024)
}
