//! Calling a function with an event: Lambda's Invoke, signed.
//!
//! Not the SDK's client: one call of some seventy would double what `setup` takes to build, and the signer is here anyway.

use crate::aws::Aws;
use crate::clock::Clock;
use crate::failure::{Chain, Classified};
use crate::fetch;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::Client;
use serde::Deserialize;
use std::sync::OnceLock;
use std::time::Duration;

/// Time to connect to the API.
const CONNECT: Duration = Duration::from_secs(10);

/// Why a function could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("{function} could not be invoked: {why}")]
pub struct InvokeError {
    /// Its name.
    pub function: String,
    /// Why.
    pub why: String,
}

impl Classified for InvokeError {
    fn kind(&self) -> &'static str {
        "Invoke"
    }
    fn is_transient(&self) -> bool {
        true
    }
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invoked {
    /// The function has answered: so many records are to come again, none when all is done.
    Answered {
        /// Those that failed for a passing reason.
        failed: usize,
    },
    /// The function itself failed: what it said.
    Failed(String),
}

/// The functions of a stack.
#[derive(Debug, Clone)]
pub struct Functions {
    aws: Aws,
    clock: Clock,
    /// Made once, when first needed: it reads the machine's certificate authorities.
    client: OnceLock<Client>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct BatchResponse {
    batch_item_failures: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct FunctionError {
    error_type: String,
    error_message: String,
}

impl Functions {
    /// Those of the account and region that `aws` is for.
    pub fn new(aws: &Aws, clock: Clock) -> Self {
        Self { aws: aws.clone(), clock, client: OnceLock::new() }
    }

    /// Hands an event to a function and waits for its answer, `longest` at most.
    ///
    /// # Errors
    /// Lambda cannot be reached, or refuses.
    pub async fn invoke(&self, function: &str, event: &str, longest: Duration) -> Result<Invoked, InvokeError> {
        let failed = |why: String| InvokeError { function: function.into(), why };
        let request = self.request(function, event).await.map_err(failed)?;
        let sent = async {
            let answer = request.send().await?;
            let status = answer.status();
            let is_error = answer.headers().contains_key("x-amz-function-error");
            Ok::<_, reqwest::Error>((status, is_error, answer.text().await?))
        };
        let (status, is_error, body) = match tokio::time::timeout(longest, sent).await {
            Ok(sent) => sent.map_err(|error| failed(Chain(&error.without_url()).to_string()))?,
            Err(_) => return Err(failed(format!("it has not answered in {} s", longest.as_secs()))),
        };
        if !status.is_success() {
            return Err(failed(format!("Lambda answered {status}: {}", crate::failure::brief(&body, 300))));
        }
        if is_error {
            let FunctionError { error_type, error_message } = serde_json::from_str(&body).unwrap_or_default();
            return Ok(Invoked::Failed(crate::failure::brief(&format!("{error_type}: {error_message}"), 500)));
        }
        let answer: BatchResponse =
            serde_json::from_str(&body).map_err(|_| failed("its answer is none to records".into()))?;
        Ok(Invoked::Answered { failed: answer.batch_item_failures.len() })
    }

    async fn request(&self, function: &str, event: &str) -> Result<reqwest::RequestBuilder, String> {
        let (credentials, region) = self.aws.credentials().await?;
        let base = self.aws.lambda_endpoint(&region);
        let url = format!("{base}/2015-03-31/functions/{function}/invocations");
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&region)
            .name("lambda")
            .time(self.clock.now().into())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?;
        let headers = [("content-type", "application/json")];
        let body = SignableBody::Bytes(event.as_bytes());
        let signable =
            SignableRequest::new("POST", &url, headers.into_iter(), body).map_err(|error| error.to_string())?;
        let (instructions, _) = sign(signable, &params.into()).map_err(|error| error.to_string())?.into_parts();
        let mut request = self.client()?.post(&url).body(event.to_owned());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for (name, value) in instructions.headers() {
            request = request.header(name, value);
        }
        Ok(request)
    }

    /// An endpoint of a VPC has a private address.
    fn client(&self) -> Result<&Client, String> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = fetch::client(CONNECT, true).map_err(|error| Chain(&error).to_string())?;
        Ok(self.client.get_or_init(|| client))
    }
}
