//! What stands before moto and does what moto does not: it throttles, holds answers back, and heeds the state of keys.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hyper::{Method, StatusCode};
use longshore_devkit::http_server::{Gate, HttpServer, Reply, Request};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// moto begins a ciphertext with the id of its key, a UUID as text.
const KEY_ID: usize = 36;

/// The server, and what it is told to do.
pub(super) struct Front {
    server: HttpServer,
    endpoint: String,
    rules: Arc<Mutex<Rules>>,
}

#[derive(Default)]
struct Rules {
    slow_down: Option<(Method, usize)>,
    gates: HashMap<String, Gate>,
    /// Of keys that were changed: their state.
    keys: HashMap<String, String>,
    asked: Vec<String>,
}

impl Front {
    pub async fn start(moto: &str) -> Self {
        let rules = Arc::<Mutex<Rules>>::default();
        let (known, moto) = (rules.clone(), moto.to_owned());
        let server = HttpServer::start(move |request| known.lock().unwrap().answer(&request, &moto)).await.unwrap();
        Self { endpoint: server.url(""), server, rules }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub fn slow_down(&self, method: Method, requests: usize) {
        self.rules.lock().unwrap().slow_down = Some((method, requests));
    }

    pub fn hold(&self, path: &str) -> Gate {
        self.rules.lock().unwrap().gates.entry(path.to_owned()).or_default().clone()
    }

    pub fn key_is(&self, key: &str, state: &str) {
        self.rules.lock().unwrap().keys.insert(key.to_owned(), state.to_owned());
    }

    pub fn asked(&self, what: &str) -> usize {
        let rules = self.rules.lock().unwrap();
        assert_eq!(rules.asked.len(), self.server.requests().len());
        rules.asked.iter().filter(|asked| *asked == what).count()
    }
}

impl Rules {
    fn answer(&mut self, request: &Request, moto: &str) -> Reply {
        let path = request.path.split('?').next().unwrap_or_default();
        let Some(target) = request.header("x-amz-target") else {
            let told = self.slows_down(&request.method);
            self.asked.push(format!("{} {path}{}", request.method, if told { " (SlowDown)" } else { "" }));
            let forwarded = Reply::forward(moto);
            return match self.gates.get(path) {
                _ if told => slow_down(),
                Some(gate) => forwarded.behind(gate),
                None => forwarded,
            };
        };
        self.asked.push(target.to_owned());
        let refused = (target == "TrentService.Decrypt").then(|| self.refuses_to_decrypt(request)).flatten();
        refused.unwrap_or_else(|| Reply::forward(moto))
    }

    fn slows_down(&mut self, method: &Method) -> bool {
        match &mut self.slow_down {
            Some((slowed, left)) if slowed == method && *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    /// moto decrypts with any key that it knows. KMS does so only with one that is enabled.
    fn refuses_to_decrypt(&self, request: &Request) -> Option<Reply> {
        let input: Value = serde_json::from_slice(&request.body).unwrap();
        let ciphertext = BASE64_STANDARD.decode(input["CiphertextBlob"].as_str().unwrap()).unwrap();
        let key = std::str::from_utf8(&ciphertext[..KEY_ID]).unwrap();
        let error = match self.keys.get(key)?.as_str() {
            "Enabled" => return None,
            "Disabled" => "DisabledException",
            _ => "KMSInvalidStateException",
        };
        let body = json!({"__type": error, "message": format!("key/{key} does not allow this")}).to_string();
        Some(Reply::new(StatusCode::BAD_REQUEST, body).header("content-type", "application/x-amz-json-1.1"))
    }
}

/// In the words of S3.
fn slow_down() -> Reply {
    let body = r#"<?xml version="1.0" encoding="UTF-8"?>
        <Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"#;
    Reply::new(StatusCode::SERVICE_UNAVAILABLE, body).header("content-type", "application/xml")
}
