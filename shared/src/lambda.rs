//! What a function's `main` shares with the others: one way from an invocation to an answer.

use crate::clock::Clock;
use crate::failure::Failure;
use crate::metrics;
use crate::settings::{SettingError, Settings};
use crate::telemetry::{self, LogSettings};
pub use lambda_runtime::Error;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::value::RawValue;
use std::time::Duration;
use tracing::Instrument;

/// Starts logging and metrics, and reads the settings. Called once, first thing; `function` is its binary's name.
///
/// # Errors
/// A bad setting, by name: here, and not on the first record.
pub fn start(function: &str) -> Result<Settings, SettingError> {
    telemetry::init(&LogSettings::from_env(), function);
    let settings = Settings::from_env()?;
    metrics::init(&settings.metrics_namespace, function);
    Ok(settings)
}

/// What Lambda says of an invocation beside its payload.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The time until Lambda ends it, where that is known.
    pub remaining: Option<Duration>,
    /// Lambda's own id of it.
    pub request_id: &'a str,
}

/// Answers invocations until the environment ends. `handler` is given the payload as it came.
///
/// What fails is reported to the runtime with its stable kind and the whole chain of causes; every line about an
/// invocation carries its `requestId`.
///
/// # Errors
/// When the runtime itself cannot be talked to.
pub async fn run<T: Serialize>(handler: impl AsyncFn(&str, Call<'_>) -> Result<T, Failure>) -> Result<(), Error> {
    let answer = async |event: LambdaEvent<Box<RawValue>>| {
        let (remaining, request_id) = (Clock::system().until(event.context.deadline()), &*event.context.request_id);
        let span = tracing::error_span!("invocation", requestId = request_id);
        // Boxed: the type of the whole work is deeper than the compiler likes.
        let work = Box::pin(handler(event.payload.get(), Call { remaining, request_id }));
        let answer = work.instrument(span).await.map_err(|failure| {
            metrics::invocation_failed(failure.kind(), request_id);
            diagnostic(failure)
        });
        telemetry::flush().await;
        answer
    };
    lambda_runtime::run(service_fn(answer)).await
}

fn diagnostic(failure: Failure) -> Diagnostic {
    Diagnostic { error_type: failure.kind().into(), error_message: failure.to_string() }
}
