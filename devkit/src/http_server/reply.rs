//! What a test says about each request.

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, StatusCode,
    header::{HeaderName, HeaderValue, LOCATION},
};

use super::{body::Ending, gate::Gate};

/// What the server was asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `PATCH`, ..
    pub method: Method,
    /// Path and query, as sent.
    pub path: String,
    /// Names in lower case.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Request {
    /// A header's value, when it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The first byte that a `Range: bytes=N-` header asks for.
    #[must_use]
    pub fn range_start(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.split('-').next()?.parse().ok()
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) kind: Kind,
    pub(super) gate: Option<Gate>,
}

impl From<Kind> for Reply {
    fn from(kind: Kind) -> Self {
        Self { kind, gate: None }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Answer { status: StatusCode, headers: HeaderMap, body: Bytes, ending: Ending, announced: bool },
    Forward(String),
    Hang,
    Close,
}

impl Reply {
    /// An answer with a body.
    #[must_use]
    pub fn new(status: StatusCode, body: impl Into<Bytes>) -> Self {
        let (headers, body) = (HeaderMap::new(), body.into());
        Kind::Answer { status, headers, body, ending: Ending::Whole, announced: true }.into()
    }

    /// 200 with a body.
    #[must_use]
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self::new(StatusCode::OK, body)
    }

    /// An answer without a body.
    #[must_use]
    pub fn status(status: StatusCode) -> Self {
        Self::new(status, Bytes::new())
    }

    /// 302 to `location`.
    #[must_use]
    pub fn redirect(location: &str) -> Self {
        Self::status(StatusCode::FOUND).header(LOCATION.as_str(), location)
    }

    /// What a file server says: 200, or 206 with `Content-Range` when the request has a `Range: bytes=N-` header.
    #[must_use]
    pub fn file(request: &Request, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        match request.range_start() {
            Some(start) if start < content.len() => {
                let range = format!("bytes {start}-{}/{}", content.len() - 1, content.len());
                Self::new(StatusCode::PARTIAL_CONTENT, content.slice(start..)).header("content-range", &range)
            }
            Some(_) => Self::status(StatusCode::RANGE_NOT_SATISFIABLE),
            None => Self::ok(content),
        }
    }

    /// No answer; the connection stays open.
    #[must_use]
    pub fn hang() -> Self {
        Kind::Hang.into()
    }

    /// No answer; the connection is closed.
    #[must_use]
    pub fn close() -> Self {
        Kind::Close.into()
    }

    /// What the server at `endpoint` (`http://host:port`) answers to the same request. It is asked as the client asked
    /// us, `Host` included, so that a signature holds.
    #[must_use]
    pub fn forward(endpoint: &str) -> Self {
        Kind::Forward(endpoint.to_owned()).into()
    }

    /// The answer is made and given when the gate is open.
    #[must_use]
    pub fn behind(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// Adds a header. Without effect on a reply that has none.
    ///
    /// # Panics
    /// The name or the value is not allowed in HTTP.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Kind::Answer { headers, .. } = &mut self.kind {
            #[expect(clippy::expect_used, reason = "the headers are written in the test")]
            let (name, value) = (
                HeaderName::try_from(name).expect("a header's name"),
                HeaderValue::try_from(value).expect("a header's value"),
            );
            headers.append(name, value);
        }
        self
    }

    /// The body comes in chunks, without a `Content-Length`.
    #[must_use]
    pub fn without_length(mut self) -> Self {
        if let Kind::Answer { announced, .. } = &mut self.kind {
            *announced = false;
        }
        self
    }

    /// The body breaks off after `bytes`, though `Content-Length` announces all of it.
    #[must_use]
    pub fn cut_after(self, bytes: usize) -> Self {
        self.ending(Ending::CutAfter(bytes))
    }

    /// The body stops after `bytes`, and nothing more comes.
    #[must_use]
    pub fn stall_after(self, bytes: usize) -> Self {
        self.ending(Ending::StallAfter(bytes))
    }

    fn ending(mut self, wanted: Ending) -> Self {
        if let Kind::Answer { ending, .. } = &mut self.kind {
            *ending = wanted;
        }
        self
    }
}
