//! What every answer has: the request's id, a body where there is a problem, headers for caches, one line in the log.

use super::caller::Found;
use super::conditional::mark;
use super::problem::ErrorBody;
use super::{Caller, Problem};
use crate::failure::Failure;
use crate::metrics;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::{Duration, Instant};
use tracing::Instrument;
use uuid::Uuid;

/// The header with a request's id: ours, first where a client names it in several.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What platforms call the same.
const INSIGHTS_ID: HeaderName = HeaderName::from_static("x-rh-insights-request-id");

/// Longest id of a client that is kept, in bytes. It stands in lines, rows and events.
const MAX_REQUEST_ID: usize = 200;

/// The id under which a request stands in logs, rows, events and in the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

/// How long there is for an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeLeft(pub Duration);

/// Runs a request and completes its answer. The outermost layer.
pub(super) async fn complete(mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let given = request.extensions().get::<RequestId>().cloned();
    let id = clients_id(request.headers()).or(given).unwrap_or_else(|| RequestId(Uuid::new_v4().to_string()));
    request.extensions_mut().insert(id.clone());
    let seen = Seen::of(&request);
    let span = tracing::error_span!("request", request_id = id.0, method = %seen.method, route = seen.route);
    async {
        let mut response = run(request, next).await;
        seen.log(&response, begun.elapsed(), &id);
        explain(&mut response, &id);
        dress(response.headers_mut(), &id);
        response
    }
    .instrument(span)
    .await
}

async fn run(request: Request, next: Next) -> Response {
    // Refused before a route could be found for it.
    if let Some(problem) = request.extensions().get::<Problem>() {
        return problem.clone().into_response();
    }
    match request.extensions().get::<TimeLeft>() {
        None => next.run(request).await,
        Some(TimeLeft(left)) => {
            let run = tokio::time::timeout(*left, next.run(request));
            run.await.unwrap_or_else(|_| Problem::too_late().into_response())
        }
    }
}

/// What is told of a request when it has been answered.
struct Seen {
    method: Method,
    route: Option<String>,
    caller: Option<Caller>,
}

impl Seen {
    fn of(request: &Request) -> Self {
        let extensions = request.extensions();
        Self {
            method: request.method().clone(),
            route: extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned()),
            caller: extensions.get::<Found>().and_then(|Found(found)| found.clone().ok()),
        }
    }

    fn log(&self, response: &Response, took: Duration, id: &RequestId) {
        let status = response.status().as_u16();
        let failure = response.extensions().get::<Problem>().and_then(Problem::failure);
        let kind = failure.map(Failure::kind);
        let (caller, duration_s) = (self.caller.as_ref().map(tracing::field::display), took.as_secs_f64());
        if response.status().is_server_error() {
            let error = failure.map(tracing::field::display);
            tracing::error!(status, caller, duration_s, error_kind = kind, error, "request failed");
        } else {
            tracing::info!(status, caller, duration_s, "request answered");
        }
        metrics::request_ended(status, kind, took, &id.0);
    }
}

/// An id of the client's that can stand anywhere.
fn clients_id(headers: &HeaderMap) -> Option<RequestId> {
    let is_sane = |text: &&str| {
        (1..=MAX_REQUEST_ID).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/+=-".contains(&byte))
    };
    let named = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).filter(is_sane);
    named(REQUEST_ID).or_else(|| named(INSIGHTS_ID)).map(|text| RequestId(text.into()))
}

/// Writes the body of an error.
fn explain(response: &mut Response, id: &RequestId) {
    if !response.status().is_client_error() && !response.status().is_server_error() {
        return;
    }
    let problem = response.extensions_mut().remove::<Problem>().unwrap_or_else(|| Problem::of(response));
    let body = ErrorBody { display_message: problem.message().into(), request_uuid: id.0.clone() };
    *response.body_mut() = Body::from(serde_json::to_vec(&body).unwrap_or_default());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

fn dress(headers: &mut HeaderMap, id: &RequestId) {
    mark(headers);
    // Kept by the client that it is for, and asked for again each time.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding, authorization, x-rh-identity"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, value);
    }
}
