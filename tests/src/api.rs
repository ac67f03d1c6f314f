//! The HTTP API: requests as gateways hand them on, and what is answered.

use crate::exports::Exporting;
use crate::{World, function};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use longshore::api::UpstreamConsumers;
use longshore::aws::Aws;
use longshore::clock::Clock;
use longshore::lambda::Call;
use longshore::settings::Settings;
use longshore_devkit::runtime_api::Function;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The account of all IAM principals.
const ACCOUNT: &str = "123456789012";

/// A request. Nobody makes it, unless told otherwise, at a function URL.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    authorizer: Value,
    route: Option<(String, Value)>,
}

impl Request {
    /// A request for a path that is percent-encoded as a client does it, with a query or without.
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: BTreeMap::new(),
            authorizer: Value::Null,
            route: None,
        }
    }

    /// `GET`
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// `DELETE`
    pub fn delete(target: &str) -> Self {
        Self::new("DELETE", target)
    }

    /// Comes through a gateway, which has chosen the route and taken the owner's key, decoded, from the path.
    pub fn through_gateway(mut self, route: &str, owner: &str) -> Self {
        self.path = route.replace("{owner}", owner);
        self.route = Some((format!("{} {route}", self.method), json!({ "owner": owner })));
        self
    }

    /// Sets a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_ascii_lowercase(), value.into());
        self
    }

    /// Signed by a session of an IAM role.
    pub fn role(mut self, name: &str) -> Self {
        self.authorizer = json!({"iam": {"userArn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session")}});
        self
    }

    /// With a token of an organisation.
    pub fn org(mut self, org: &str) -> Self {
        self.authorizer = json!({"jwt": {"claims": {"org_id": org, "sub": "somebody"}, "scopes": null}});
        self
    }

    /// With an identity of an organisation in `x-rh-identity`, which anybody can write.
    pub fn identity(self, org: &str) -> Self {
        let identity = json!({"identity": {"org_id": org}}).to_string();
        self.header("x-rh-identity", &BASE64_STANDARD.encode(identity))
    }

    /// The event that Lambda is invoked with.
    pub fn event(&self) -> String {
        let (route, parameters) = self.route.clone().unwrap_or_else(|| ("$default".into(), Value::Null));
        let domain = if self.route.is_some() { "api.example.com" } else { "abc.lambda-url.eu-west-1.on.aws" };
        let event = json!({
            "version": "2.0", "routeKey": route, "rawPath": self.path, "rawQueryString": self.query,
            "headers": self.headers, "pathParameters": parameters, "isBase64Encoded": false,
            "requestContext": {
                "routeKey": route, "stage": "$default", "domainName": domain, "requestId": "gateway-1",
                "authorizer": self.authorizer, "timeEpoch": 1_767_225_600_000_i64,
                "http": {"method": self.method, "path": self.path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                         "userAgent": "test"},
            },
        });
        event.to_string()
    }
}

/// The ARN by which a role is known that [`Request::role`] names.
pub fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// What a request is answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, compressed or not.
    pub body: Vec<u8>,
}

impl Answer {
    pub(crate) fn parse(answer: &Value) -> Self {
        let body = answer["body"].as_str().unwrap_or_default();
        let is_binary = answer["isBase64Encoded"].as_bool().unwrap();
        let headers = answer["headers"].as_object().unwrap().iter();
        Self {
            status: answer["statusCode"].as_u64().unwrap().try_into().unwrap(),
            headers: headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
            body: if is_binary { BASE64_STANDARD.decode(body).unwrap() } else { body.into() },
        }
    }

    /// A header, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Status and message of an error, `404 there is no such path`.
    pub fn error(&self) -> String {
        let body = self.json();
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
        assert_eq!(body["requestUuid"], self.header("x-request-id"));
        format!("{} {}", self.status, body["displayMessage"].as_str().unwrap())
    }
}

/// The function behind the API.
pub enum Api {
    /// In this process.
    Here(Box<UpstreamConsumers>),
    /// As Lambda runs it.
    Process(Box<Function>),
}

impl Api {
    /// The function in this process.
    pub async fn here(world: &World, further: &[(&str, &str)]) -> Self {
        let mut variables: BTreeMap<String, String> = world.variables().into_iter().collect();
        variables.extend(further.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let settings = Settings::read(|name| variables.get(name).cloned()).unwrap();
        Self::Here(Box::new(UpstreamConsumers::new(settings, &Aws::from_env().await, Clock::system())))
    }

    /// The function as Lambda runs it.
    pub async fn process(world: &World, further: &[(&str, &str)]) -> Self {
        Self::Process(Box::new(function::start("upstream-consumer", &world.variables(), further).await))
    }

    /// The exporter as Lambda runs it.
    pub async fn exporter(world: &Exporting, further: &[(&str, &str)]) -> Self {
        let (endpoint, credentials) = (world.s3().endpoint(), world.s3().credentials());
        let s3 = [
            ("AWS_ENDPOINT_URL_S3", endpoint),
            ("AWS_ACCESS_KEY_ID", &credentials.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
        ];
        let further = [&s3[..], further].concat();
        Self::Process(Box::new(function::start("manifest-exporter", &world.variables(), &further).await))
    }

    /// Asks, and is answered.
    pub async fn ask(&mut self, request: &Request) -> Answer {
        self.ask_within(request, Some(Duration::from_secs(60))).await
    }

    /// Asks, with that much time until Lambda would end the invocation.
    pub async fn ask_within(&mut self, request: &Request, remaining: Option<Duration>) -> Answer {
        self.invoke(&request.event(), remaining).await
    }

    /// Invokes the function with an event.
    pub async fn ask_event(&mut self, event: &str) -> Answer {
        self.invoke(event, Some(Duration::from_secs(60))).await
    }

    async fn invoke(&mut self, event: &str, remaining: Option<Duration>) -> Answer {
        match self {
            Self::Here(function) => {
                let call = Call { remaining, request_id: "lambda-1" };
                let answer = function.handle(event, call).await.unwrap();
                Answer::parse(&json!(answer))
            }
            Self::Process(function) => {
                let timeout = remaining.unwrap_or(Duration::from_secs(60));
                let invocation = function.invoke(event.as_bytes(), timeout).await.unwrap();
                let answer = invocation.result.unwrap_or_else(|error| panic!("{}", String::from_utf8_lossy(&error)));
                Answer::parse(&serde_json::from_slice(&answer).unwrap())
            }
        }
    }

    /// What the process has logged so far; nothing in this process.
    pub fn logs(&self) -> Vec<String> {
        match self {
            Self::Here(_) => Vec::new(),
            Self::Process(function) => function.logs(),
        }
    }
}

impl World {
    /// Lets an organisation, or a role by its ARN, do something for an owner.
    pub async fn grant(&self, org: &str, owner: &str, permission: &str) {
        self.setup(json!({"command": "grant", "org": org, "owner": owner, "permission": permission})).await;
    }
}
