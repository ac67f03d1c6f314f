//! Calling the function.

use std::{pin::Pin, time::Duration};

use anyhow::Result;
use bytes::Bytes;
use longshore_devkit::cargo_lambda;
use tokio::time::timeout;

use super::answer::Answer;

/// A function at work.
pub type Invocation = Pin<Box<dyn Future<Output = Result<Answer>> + Send>>;

/// Calls a function under `cargo lambda watch`, which would wait for ever for one that hangs or ended.
pub fn invoke(
    endpoint: &str,
    function: &str,
    longest: Duration,
) -> impl Fn(Bytes) -> Invocation + Send + Sync + 'static {
    let (endpoint, function) = (endpoint.trim_end_matches('/').to_owned(), function.to_owned());
    move |event| {
        let (endpoint, function) = (endpoint.clone(), function.clone());
        Box::pin(async move {
            let Ok(answer) = timeout(longest, cargo_lambda::invoke(&endpoint, &function, event)).await else {
                return Ok(Answer::timed_out(longest));
            };
            let answer = answer?;
            let status = answer.status.as_u16();
            let named = answer.headers.get("x-amz-function-error").map(|value| value.to_str().unwrap_or_default());
            // Locally an error is a status, where Lambda has a header.
            let function_error = named.or_else(|| (status >= 500).then_some("Unhandled")).map(str::to_owned);
            Ok(Answer { status, function_error, body: answer.body })
        })
    }
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;
    use longshore_devkit::http_server::{HttpServer, Reply};

    use super::*;

    #[tokio::test]
    async fn a_function_fails_when_it_says_so_by_status_by_header_or_not_at_all() {
        let server = HttpServer::start(|request| match request.path.as_str() {
            "/2015-03-31/functions/hangs/invocations" => Reply::hang(),
            "/2015-03-31/functions/crashed/invocations" => Reply::status(StatusCode::INTERNAL_SERVER_ERROR),
            "/2015-03-31/functions/said/invocations" => Reply::ok("{}").header("x-amz-function-error", "Handled"),
            _ => Reply::ok("{}"),
        });
        let server = server.await.unwrap();
        for (function, error) in
            [("works", None), ("said", Some("Handled")), ("crashed", Some("Unhandled")), ("hangs", Some("Unhandled"))]
        {
            let call = invoke(&server.url("/"), function, Duration::from_millis(300));
            assert_eq!(call("{}".into()).await.unwrap().function_error.as_deref(), error, "{function}");
        }
        assert_eq!(server.requests()[0].body, "{}");
    }
}
