//! A scripted HTTP/1.1 server for tests of downloads and of the task API: it can answer, cut its answer short, stall,
//! hang, hang up or pass requests on, and it remembers what it was asked.

mod body;
mod gate;
mod reply;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{Response, StatusCode, body::Incoming, header::CONTENT_LENGTH, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Notify,
    task::AbortHandle,
};
use tokio_rustls::TlsAcceptor;

use self::{
    body::{Flushing, frames},
    reply::Kind,
};
pub use self::{
    gate::Gate,
    reply::{Reply, Request},
};
use crate::http_client;

/// A server on a free port of 127.0.0.1. Dropped, it accepts no more; connections live until their clients end them.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    scheme: &'static str,
    requests: Arc<Mutex<Vec<Request>>>,
    accepting: AbortHandle,
}

impl HttpServer {
    /// Starts a server without TLS. `handler` sees each request after it was recorded. Needs a Tokio runtime.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(handler: impl Fn(Request) -> Reply + Send + Sync + 'static) -> Result<Self> {
        Self::listen(None, Arc::new(handler)).await
    }

    /// Starts a server with TLS: a chain of certificates and the key of the first, both in PEM.
    ///
    /// # Errors
    /// The PEM texts hold no certificate or key, or they do not belong together; or no port is free.
    pub async fn start_tls(
        certificates: &str,
        key: &str,
        handler: impl Fn(Request) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        let chain = CertificateDer::pem_slice_iter(certificates.as_bytes()).collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Self::listen(Some(TlsAcceptor::from(Arc::new(config))), Arc::new(handler)).await
    }

    async fn listen(tls: Option<TlsAcceptor>, handler: Arc<Handler>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free TCP port on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let requests = Arc::default();
        let script = Script { handler, requests: Arc::clone(&requests) };
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, script) = (tls.clone(), script.clone());
                tokio::spawn(async move {
                    match tls {
                        None => script.serve(stream).await,
                        Some(tls) => {
                            // A client that distrusts the certificate hangs up here.
                            if let Ok(stream) = tls.accept(stream).await {
                                script.serve(stream).await;
                            }
                        }
                    }
                });
            }
        });
        Ok(Self { address, scheme, requests, accepting: accepting.abort_handle() })
    }

    /// `http://127.0.0.1:port` (or `https://`) with `path` appended.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far, in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As [`Self::requests`], and forgets them.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut *self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

type Handler = dyn Fn(Request) -> Reply + Send + Sync;
type Body = BoxBody<Bytes, io::Error>;

#[derive(Clone)]
struct Script {
    handler: Arc<Handler>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Script {
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let flushed = Arc::new(Notify::new());
        let stream = Flushing { stream, flushed: Arc::clone(&flushed) };
        let service = service_fn(|request| self.answer(request, Arc::clone(&flushed)));
        // An error is a client that hung up, or a reply that cuts its connection.
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(&self, request: hyper::Request<Incoming>, flushed: Arc<Notify>) -> io::Result<Response<Body>> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let request = Request { method: parts.method, path, headers: parts.headers, body };
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        let Reply { kind, gate } = (self.handler)(request.clone());
        if let Some(gate) = gate {
            gate.pass().await;
        }
        match kind {
            Kind::Forward(endpoint) => forward(&endpoint, request).await.map_err(io::Error::other),
            Kind::Hang => std::future::pending().await,
            Kind::Close => Err(io::ErrorKind::ConnectionAborted.into()),
            Kind::Answer { status, headers, body, ending, announced } => {
                let mut response =
                    Response::new(BodyExt::boxed(StreamBody::new(frames(body.clone(), ending, flushed))));
                *response.status_mut() = status;
                *response.headers_mut() = headers;
                // 204 and 304 have no body, and then no length either.
                if announced && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
                    response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| body.len().into());
                }
                Ok(response)
            }
        }
    }
}

/// Headers that belong to one connection, or that our client sets itself.
const OF_A_CONNECTION: [&str; 5] = ["connection", "content-length", "expect", "keep-alive", "transfer-encoding"];

async fn forward(endpoint: &str, request: Request) -> Result<Response<Body>> {
    let kept = request.headers.iter().filter(|(name, _)| !OF_A_CONNECTION.contains(&name.as_str()));
    let headers: Vec<(&str, &str)> =
        kept.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    let url = format!("{endpoint}{}", request.path);
    let answer = http_client::send(request.method, &url, &headers, request.body).await?;
    let mut response = Response::new(BodyExt::boxed(Full::new(answer.body).map_err(|never| match never {})));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    for name in OF_A_CONNECTION {
        response.headers_mut().remove(name);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    /// Everything that comes before the connection ends.
    async fn raw(server: &HttpServer) -> Vec<u8> {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(b"GET /a?b=c HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.unwrap();
        received
    }

    #[tokio::test]
    async fn a_cut_body_has_its_full_length_announced_and_exactly_so_many_bytes() {
        for bytes in [0, 1, 1_234_567] {
            let server = HttpServer::start(move |_| Reply::ok(vec![7; 2_000_000]).cut_after(bytes)).await.unwrap();
            let received = raw(&server).await;
            let head = received.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
            assert!(String::from_utf8_lossy(&received[..head]).contains("content-length: 2000000"));
            assert_eq!(received.len() - head, bytes);
            assert_eq!(server.requests()[0].path, "/a?b=c");
        }
    }

    #[tokio::test]
    async fn a_body_without_length_comes_in_chunks() {
        let server = HttpServer::start(|_| Reply::ok("0123456789").without_length().header("connection", "close"));
        let received = String::from_utf8(raw(&server.await.unwrap()).await).unwrap();
        assert!(received.contains("transfer-encoding: chunked") && !received.contains("content-length"), "{received}");
        assert!(received.ends_with("A\r\n0123456789\r\n0\r\n\r\n"), "{received}");
    }

    #[tokio::test]
    async fn a_closing_server_sends_nothing() {
        let server = HttpServer::start(|_| Reply::close()).await.unwrap();
        assert_eq!(raw(&server).await, b"");
    }

    #[tokio::test]
    async fn a_hanging_server_says_nothing() {
        let server = HttpServer::start(|_| Reply::hang()).await.unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(50), raw(&server)).await;
        assert!(waited.is_err());
        assert_eq!(server.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_file_goes_on_where_the_range_begins() {
        let server = HttpServer::start(|request| Reply::file(&request, "0123456789")).await.unwrap();
        let range = [("range", "bytes=7-")];
        let answer = http_client::send(hyper::Method::GET, &server.url("/f"), &range, Bytes::new()).await.unwrap();
        assert_eq!((answer.status, answer.body.as_ref()), (StatusCode::PARTIAL_CONTENT, b"789".as_ref()));
        assert_eq!(answer.headers["content-range"], "bytes 7-9/10");
    }

    #[tokio::test]
    async fn a_request_is_passed_on_as_it_came_and_the_answer_waits_for_its_gate() {
        let behind = HttpServer::start(|request| {
            Reply::ok(request.body).header("x-host", request.headers["host"].to_str().unwrap())
        });
        let behind = behind.await.unwrap();
        let (gate, endpoint) = (Gate::default(), behind.url(""));
        let held = gate.clone();
        let front = HttpServer::start(move |_| Reply::forward(&endpoint).behind(&held)).await.unwrap();
        let url = front.url("/a?b=c");
        let sent = http_client::send(hyper::Method::PUT, &url, &[("x-signed", "1")], "body".into());
        let opened = async {
            gate.reached().await;
            assert!(behind.requests().is_empty());
            gate.open();
        };
        let (answer, ()) = tokio::join!(sent, opened);
        let answer = answer.unwrap();
        assert_eq!(
            (answer.body.as_ref(), answer.headers["x-host"].to_str().unwrap()),
            (&b"body"[..], &*front.address().to_string())
        );
        let [asked] = &behind.requests()[..] else { panic!("asked once") };
        assert_eq!((asked.path.as_str(), asked.header("x-signed")), ("/a?b=c", Some("1")));
    }

    #[tokio::test]
    async fn only_a_client_that_trusts_the_certificate_is_served() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let server = HttpServer::start_tls(&certificate, &key, |_| Reply::ok("secret")).await.unwrap();
        for trusted in [true, false] {
            let mut roots = rustls::RootCertStore::empty();
            if trusted {
                roots.add(made.cert.der().clone()).unwrap();
            }
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let stream = TcpStream::connect(server.address()).await.unwrap();
            let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
            let connected = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await;
            assert_eq!(connected.is_ok(), trusted);
            if let Ok(mut stream) = connected {
                stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
                let mut received = String::new();
                let _ = stream.read_to_string(&mut received).await;
                assert!(received.ends_with("secret"), "{received}");
            }
        }
        assert_eq!(server.requests().len(), 1);
    }
}
