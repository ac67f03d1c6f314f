//! The HTTP side: `/2018-06-01/runtime/..`, as the service's documentation describes it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot, watch},
};

const PREFIX: &str = "/2018-06-01/runtime/";

/// A handler's answer, or its error object.
type Answer = Result<Vec<u8>, Vec<u8>>;

#[derive(Debug)]
struct Event {
    id: String,
    payload: Bytes,
    timeout: Duration,
}

#[derive(Debug, Default)]
struct Invocations {
    waiting: VecDeque<Event>,
    running: HashMap<String, oneshot::Sender<Answer>>,
    init_error: Option<String>,
}

/// The runtime API of one function.
#[derive(Debug)]
pub(super) struct Api {
    arn: String,
    invocations: Mutex<Invocations>,
    submitted: Notify,
    first_next: watch::Sender<Option<Instant>>,
}

impl Api {
    pub(super) fn new(function: &str) -> Self {
        Self {
            arn: format!("arn:aws:lambda:us-east-1:123456789012:function:{function}"),
            invocations: Mutex::default(),
            submitted: Notify::new(),
            first_next: watch::Sender::new(None),
        }
    }

    /// Accepts connections for ever.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            // Small answers are written at once: they are part of what is measured.
            let _ = stream.set_nodelay(true);
            let api = Arc::clone(&self);
            tokio::spawn(async move {
                let service = service_fn(|request| api.answer(request));
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // An error is a function that ended; whoever waits for it sees that.
                let _ = connection.await;
            });
        }
    }

    /// Queues an event. The receiver gets the function's answer.
    pub(super) fn submit(&self, payload: Bytes, timeout: Duration) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        let id = uuid::Uuid::new_v4().to_string();
        let mut invocations = self.lock();
        invocations.running.insert(id.clone(), sender);
        invocations.waiting.push_back(Event { id, payload, timeout });
        drop(invocations);
        self.submitted.notify_one();
        receiver
    }

    /// When the function asked for work for the first time.
    pub(super) async fn first_next(&self) -> Instant {
        let mut asked = self.first_next.subscribe();
        loop {
            if let Some(instant) = *asked.borrow_and_update() {
                return instant;
            }
            // The sender lives in `self`, so waiting cannot fail.
            let _ = asked.changed().await;
        }
    }

    /// What the function posted when its initialisation failed.
    pub(super) fn init_error(&self) -> Option<String> {
        self.lock().init_error.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Invocations> {
        self.invocations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let path = request.uri().path().to_owned();
        let method = request.method().clone();
        let parts: Vec<&str> = path.strip_prefix(PREFIX).unwrap_or_default().split('/').collect();
        if (&method, parts.as_slice()) == (&Method::GET, &["invocation", "next"]) {
            return Ok(self.next().await);
        }
        let body = request.into_body().collect().await?.to_bytes();
        let status = match (method, parts.as_slice()) {
            (Method::POST, ["invocation", id, "response"]) => self.finish(id, Ok(body.to_vec())),
            (Method::POST, ["invocation", id, "error"]) => self.finish(id, Err(body.to_vec())),
            (Method::POST, ["init", "error"]) => {
                self.lock().init_error = Some(String::from_utf8_lossy(&body).into_owned());
                StatusCode::ACCEPTED
            }
            _ => StatusCode::NOT_FOUND,
        };
        Ok(empty(status))
    }

    /// Waits for an event, however long: a function that is not invoked is frozen here.
    async fn next(&self) -> Response<Full<Bytes>> {
        self.first_next.send_if_modified(|asked| asked.is_none() && asked.replace(Instant::now()).is_none());
        loop {
            let event = self.lock().waiting.pop_front();
            if let Some(event) = event {
                return self.hand_out(event);
            }
            self.submitted.notified().await;
        }
    }

    fn hand_out(&self, event: Event) -> Response<Full<Bytes>> {
        #[expect(clippy::disallowed_methods, reason = "the function compares it with the real time")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", &event.id)
            .header("lambda-runtime-deadline-ms", (now + event.timeout).as_millis().to_string())
            .header("lambda-runtime-invoked-function-arn", &self.arn)
            .body(Full::new(event.payload));
        // A binary's name may hold what a header may not; the function then sees a failing API.
        response.unwrap_or_else(|_: hyper::http::Error| empty(StatusCode::INTERNAL_SERVER_ERROR))
    }

    fn finish(&self, id: &str, answer: Answer) -> StatusCode {
        match self.lock().running.remove(id) {
            // An invocation that nobody waits for any more has timed out.
            Some(waiting) => match waiting.send(answer) {
                Ok(()) => StatusCode::ACCEPTED,
                Err(_) => StatusCode::GONE,
            },
            None => StatusCode::BAD_REQUEST,
        }
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
