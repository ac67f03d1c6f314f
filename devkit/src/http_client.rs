//! One HTTP/1.1 request to a server of ours on the loopback interface: no pool, no redirects, no TLS.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    /// Any status; nothing here treats one as an error.
    pub status: StatusCode,
    /// Names in lower case.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Gets what is at a URL.
///
/// # Errors
/// As [`send`].
pub async fn get(url: &str, headers: &[(&str, &str)]) -> Result<Response> {
    send(Method::GET, url, headers, Bytes::new()).await
}

/// Sends one request and reads its answer. The header `host` is the URL's unless one is given.
///
/// # Errors
/// The URL is not `http://host:port/..`, or the connection failed before the answer was complete.
pub async fn send(method: Method, url: &str, headers: &[(&str, &str)], body: Bytes) -> Result<Response> {
    let uri: Uri = url.parse().with_context(|| format!("`{url}` is not a URL"))?;
    ensure!(uri.scheme_str() == Some("http"), "`{url}` is not an http:// URL");
    let authority = uri.authority().context("the URL has no host")?.as_str().to_owned();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", &authority);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body)).context("a header cannot be sent")?;

    let stream = TcpStream::connect(&authority).await.with_context(|| format!("cannot connect to {authority}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let answer = async {
        let response = sender.send_request(request).await?;
        let (parts, body) = response.into_parts();
        Ok::<_, hyper::Error>(Response {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await?.to_bytes(),
        })
    }
    .await;
    connection.abort();
    answer.with_context(|| format!("no complete answer from {authority}"))
}
