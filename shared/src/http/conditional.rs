//! ETags: strong ones, of the bytes that are sent, and requests that depend on them (RFC 9110, 13).

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};

/// Marks the tag of a compressed answer: other bytes, another tag.
const GZIP: &str = "-gzip";

/// The largest answer that is looked at as a whole, in bytes; Lambda's own limit is 6 MiB. What is larger has no ETag.
const LARGEST: usize = 6 << 20;

/// Gives an answer its ETag, or answers 304 when the client has it. Runs inside compression, which [`mark`] accounts for.
pub(super) async fn tag(request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = if is_read { known(request.headers()) } else { Vec::new() };
    let response = next.run(request).await;
    if !is_read || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, LARGEST).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let tag = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &bytes));
    let matched = known.iter().find(|known| *known == "*" || known.strip_suffix(GZIP).unwrap_or(known) == tag);
    let sent = match matched {
        // The tag that the client has stays his, compressed or not.
        Some(matched) if matched != "*" => matched.clone(),
        _ => tag,
    };
    if let Ok(value) = HeaderValue::from_str(&format!("\"{sent}\"")) {
        parts.headers.insert(ETAG, value);
    }
    if matched.is_some() {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(CONTENT_TYPE);
        parts.headers.remove(CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// The tags of `If-None-Match`, compared weakly: without `W/` and quotes.
fn known(headers: &HeaderMap) -> Vec<String> {
    let texts = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // No tag of ours has a comma in it.
    let items = texts.flat_map(|text| text.split(',')).map(str::trim);
    let bare = |item: &str| {
        if item == "*" {
            return Some(item.to_owned());
        }
        let quoted = item.strip_prefix("W/").unwrap_or(item);
        Some(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned())
    };
    items.filter_map(bare).collect()
}

/// Marks the tag of an answer that was compressed.
pub(super) fn mark(headers: &mut HeaderMap) {
    if !headers.contains_key(CONTENT_ENCODING) {
        return;
    }
    let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok()).and_then(|tag| tag.strip_suffix('"'));
    if let Some(value) = tag.and_then(|tag| HeaderValue::from_str(&format!("{tag}{GZIP}\"")).ok()) {
        headers.insert(ETAG, value);
    }
}
