//! Errors of requests, in the form that clients of Candlepin know.

use crate::failure::{Classified, Failure};
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;

/// The body of every error.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// What is wrong, for people.
    pub display_message: String,
    /// The id under which the request stands in the logs.
    pub request_uuid: String,
}

/// Why a request is not answered as it wished.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
    /// What failed here; clients are told nothing of it.
    failure: Option<Arc<Failure>>,
}

impl Problem {
    /// An error that the client can understand.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), header: None, failure: None }
    }

    /// 400
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401
    pub fn unauthorized() -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, "sign the request with IAM credentials, or send a token");
        Self { header: Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))), ..problem }
    }

    /// 403, with one text for everybody.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "there is no such thing, or the caller may not do this with it")
    }

    /// 404
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 406, with the types that there are.
    pub fn not_acceptable(types: &[&str]) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, format!("the answer can be had as {}", types.join(", ")))
    }

    /// 503: out of time. What was begun is rolled back, unless it was just being committed.
    pub fn too_late() -> Self {
        Self::unavailable("it took too long; look whether it was done, or try again")
    }

    fn unavailable(message: &str) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, message);
        Self { header: Some((RETRY_AFTER, HeaderValue::from_static("5"))), ..problem }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What the client is told.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.as_deref()
    }

    /// What axum answers by itself, in our words: no such route, no such method, a body or query that cannot be read.
    pub(super) fn of(response: &Response) -> Self {
        let message = match response.status() {
            StatusCode::NOT_FOUND => "there is no such path".to_owned(),
            StatusCode::METHOD_NOT_ALLOWED => "this path has another method; see the header Allow".to_owned(),
            status => status.canonical_reason().unwrap_or("the request failed").to_lowercase(),
        };
        Self::new(response.status(), message)
    }
}

/// A failure here: 503 where trying again may help, else 500.
impl<E: Classified + Send + Sync + 'static> From<E> for Problem {
    fn from(error: E) -> Self {
        let problem = if error.is_transient() {
            Self::unavailable("something that is needed cannot be reached; try again")
        } else {
            Self::new(StatusCode::INTERNAL_SERVER_ERROR, "something failed here; the logs tell more")
        };
        Self { failure: Some(Arc::new(error.into())), ..problem }
    }
}

/// Only status and header: the body is written where the request's id is known.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some((name, value)) = self.header.clone() {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(self);
        response
    }
}
