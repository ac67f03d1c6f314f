//! Events of API Gateway HTTP APIs (payload format 2.0) and of function URLs, as requests.
//!
//! `lambda_http` makes a URL of an event's path and host: it would drop `..`, take a decoded `?` for a query, and stop the
//! function where that is no URL. So the event is read here, leniently: what a client sent must not fail an invocation.

use super::path::Told;
use crate::failure::Classified;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

/// The payload is no HTTP request.
#[derive(Debug, thiserror::Error)]
#[error("the payload is no event of an HTTP API or a function URL (format 2.0): {0}")]
pub struct EventError(String);

impl Classified for EventError {
    fn kind(&self) -> &'static str {
        "Event"
    }
    fn is_transient(&self) -> bool {
        false
    }
}

/// A request as a gateway hands it on. No route takes a body, so there is none.
pub struct Event {
    pub(super) method: Method,
    /// Path and query, percent-encoded once; `None` where that is not possible without guessing.
    pub(super) target: Option<Uri>,
    pub(super) headers: HeaderMap,
    /// What the gateway's authorizer found out, where there is one.
    pub(super) authorizer: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    version: String,
    #[serde(default)]
    raw_path: Option<String>,
    #[serde(default)]
    raw_query_string: Option<String>,
    #[serde(default)]
    headers: Option<HashMap<String, Option<String>>>,
    #[serde(default)]
    path_parameters: Option<HashMap<String, String>>,
    request_context: Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    http: Http,
    #[serde(default)]
    route_key: Option<String>,
    #[serde(default)]
    stage: Option<String>,
    #[serde(default)]
    domain_name: Option<String>,
    #[serde(default)]
    authorizer: Option<Value>,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

impl Event {
    /// Reads a payload.
    ///
    /// # Errors
    /// When it is something else, such as an event of Kafka.
    pub fn parse(payload: &str) -> Result<Self, EventError> {
        let wire: Wire = serde_json::from_str(payload).map_err(|error| {
            // The position only: the parser's own text may quote a header.
            EventError(format!("not as expected at line {}, column {}", error.line(), error.column()))
        })?;
        if wire.version != "2.0" {
            return Err(EventError("its version is another one".into()));
        }
        let method = Method::from_bytes(wire.request_context.http.method.as_bytes())
            .map_err(|_| EventError("its method is not HTTP's".into()))?;
        let target = wire.target();
        let headers = wire.headers.unwrap_or_default();
        Ok(Self {
            method,
            target,
            headers: headers.iter().filter_map(|(name, value)| header(name, value.as_deref())).collect(),
            authorizer: wire.request_context.authorizer,
        })
    }
}

impl Wire {
    fn target(&self) -> Option<Uri> {
        let context = &self.request_context;
        let parameters = HashMap::new();
        let told = Told {
            route: context.route_key.as_deref(),
            parameters: self.path_parameters.as_ref().unwrap_or(&parameters),
            raw: self.raw_path.as_deref().unwrap_or("/"),
            stage: context.stage.as_deref(),
            domain: context.domain_name.as_deref(),
        };
        let path = told.encoded()?;
        match self.raw_query_string.as_deref() {
            None | Some("") => path.parse().ok(),
            Some(query) => format!("{path}?{query}").parse().ok(),
        }
    }
}

/// Names and values that HTTP knows; others are nobody's.
fn header(name: &str, value: Option<&str>) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, HeaderValue::from_bytes(value?.as_bytes()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event() -> Value {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": "/a%20b", "rawQueryString": "x=1&x=%20",
            "headers": {"Accept": "a,b", "x-odd": "\u{e9}", "bad name": "x", "x-null": null},
            "requestContext": {"domainName": "x.lambda-url.eu-west-1.on.aws", "routeKey": "$default", "stage": "$default",
                               "http": {"method": "GET", "path": "/a%20b"}},
        })
    }

    #[test]
    fn a_request_is_what_the_client_sent() {
        let read = Event::parse(&event().to_string()).unwrap();
        assert_eq!(read.method, Method::GET);
        assert_eq!(read.target.unwrap(), "/a%20b?x=1&x=%20");
        assert_eq!(read.headers["accept"], "a,b");
        assert_eq!(read.headers["x-odd"], "\u{e9}".as_bytes());
        assert_eq!(read.headers.len(), 2);
    }

    #[test]
    fn what_is_sound_is_read_as_lambda_http_reads_it() {
        let event = event().to_string().replace('\u{e9}', "e").replace("bad name", "good-name");
        let theirs = lambda_http::request::from_str(&event.replace(r#""x-null":null"#, r#""x-more":"""#)).unwrap();
        let ours = Event::parse(&event).unwrap();
        assert_eq!(
            (ours.method, ours.headers["accept"].clone()),
            (theirs.method().clone(), theirs.headers()["accept"].clone())
        );
        assert_eq!(ours.target.unwrap().path_and_query(), theirs.uri().path_and_query());
    }

    #[test]
    fn what_a_client_writes_fails_no_invocation() {
        for (key, value) in [("rawPath", "/%"), ("rawPath", "//"), ("rawQueryString", "a b"), ("rawPath", "")] {
            let mut event = event();
            event[key] = value.into();
            assert!(Event::parse(&event.to_string()).is_ok(), "{key} {value}");
        }
    }

    #[test]
    fn another_event_is_told_from_a_request() {
        let mut old = event();
        old["version"] = "1.0".into();
        for other in ["{}".to_owned(), "null".to_owned(), json!({"records": {}}).to_string(), old.to_string()] {
            assert_eq!(Event::parse(&other).err().unwrap().kind(), "Event");
        }
    }
}
