//! A function behind an HTTP API or a function URL, below its handler.

pub use super::answer::RequestId;
use super::answer::{TimeLeft, complete};
use super::caller::Found;
use super::conditional::tag;
use super::{Caller, CallerSettings, Event, Problem};
use crate::db::Pool;
use crate::failure::Failure;
use crate::lambda::Call;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{Extensions, HeaderMap, StatusCode, Uri, Version};
use axum::middleware::from_fn;
use axum::response::Response;
use bytes::Bytes;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::tower::ServiceExt;
use std::time::Duration;
use tower_http::compression::CompressionLayer;

/// The largest answer, in bytes: Lambda refuses what is over 6 MiB, a third of which base64 may take.
const LARGEST: usize = 6 << 20;

/// Routes, and what all of them have in common.
#[derive(Debug, Clone)]
pub struct Service {
    router: Router,
    pool: Pool,
    callers: CallerSettings,
    deadline_margin: Duration,
}

impl Service {
    /// Puts around `routes` what all have in common. `pool` is the one that they use; `deadline_margin` how long before
    /// Lambda's own time-out a request is given up.
    pub fn new(routes: Router, pool: Pool, callers: CallerSettings, deadline_margin: Duration) -> Self {
        let compression = CompressionLayer::new().compress_when(is_json);
        let router = routes.layer(from_fn(tag)).layer(compression).layer(from_fn(complete));
        Self { router, pool, callers, deadline_margin }
    }

    /// Answers one invocation: `payload` is the event of an HTTP API (format 2.0) or a function URL.
    ///
    /// # Errors
    /// When the payload is no such event. Everything else is an answer.
    pub async fn handle(&self, payload: &str, call: Call<'_>) -> Result<ApiGatewayV2httpResponse, Failure> {
        let event = Event::parse(payload)?;
        let response = self.answer(self.request(event, call)).await;
        self.pool.settle().await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, LARGEST).await.map_err(|error| Failure::fatal("Answer", error))?;
        let mut answer = ApiGatewayV2httpResponse::default();
        answer.status_code = parts.status.as_u16().into();
        (answer.body, answer.is_base64_encoded) = encoded(&parts.headers, body);
        answer.headers = parts.headers;
        // The gateway counts for itself.
        answer.headers.remove(CONTENT_LENGTH);
        Ok(answer)
    }

    /// Answers a request, as a server would that has no gateway before it.
    pub async fn answer(&self, request: Request) -> Response {
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    fn request(&self, event: Event, call: Call<'_>) -> Request {
        let caller = Caller::find(event.authorizer.as_ref(), &event.headers, &self.callers);
        let mut request = Request::new(Body::empty());
        *request.method_mut() = event.method;
        *request.headers_mut() = event.headers;
        let extensions = request.extensions_mut();
        extensions.insert(Found(caller));
        extensions.insert(RequestId(call.request_id.into()));
        if let Some(left) = call.remaining {
            extensions.insert(TimeLeft(left.saturating_sub(self.deadline_margin)));
        }
        match event.target {
            Some(target) => *request.uri_mut() = target,
            None => {
                extensions
                    .insert(Problem::bad_request("the path is not percent-encoded soundly, or could mean two things"));
                *request.uri_mut() = Uri::from_static("/");
            }
        }
        request
    }
}

/// Whether an answer is JSON: all that is worth compressing, for archives are compressed.
fn is_json(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}

/// JSON as text, all else in base64.
fn encoded(headers: &HeaderMap, body: Bytes) -> (Option<lambda_http::Body>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    let is_text = is_json(StatusCode::OK, Version::HTTP_11, headers, &Extensions::new())
        && !headers.contains_key(CONTENT_ENCODING);
    if is_text && let Ok(text) = std::str::from_utf8(&body) {
        return (Some(lambda_http::Body::Text(text.into())), false);
    }
    (Some(lambda_http::Body::Binary(body.to_vec())), true)
}
