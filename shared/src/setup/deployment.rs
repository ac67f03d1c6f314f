//! A custom resource of CloudFormation: the database is migrated when a stack is created or updated, and the stack waits for it.

use super::{Setup, SetupError};
use crate::db::{LATEST_VERSION, MigrateError};
use crate::failure::{Chain, Classified, brief};
use crate::fetch;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Longest reason that is answered, in bytes: CloudFormation takes 4,096 for all of the answer.
const MAX_REASON: usize = 1_000;

/// Time for the answer to be taken.
const ANSWER: Duration = Duration::from_secs(20);

/// What CloudFormation asks.
///
/// Source: AWS CloudFormation User Guide, "Custom resource request objects".
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    request_type: RequestType,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    /// Not there when it is to be created.
    #[serde(default)]
    physical_resource_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum RequestType {
    Create,
    Update,
    Delete,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    data: Value,
}

impl Request {
    /// Whether a payload is one; a command is none.
    pub(super) fn parse(payload: &str) -> Option<Self> {
        payload.contains("\"RequestType\"").then(|| serde_json::from_str(payload).ok()).flatten()
    }
}

impl Setup {
    /// Migrates, and tells CloudFormation how that went. A stack that goes away takes no table along.
    ///
    /// # Errors
    /// When CloudFormation could not be told: then Lambda tries again, and the stack waits. A migration that failed is its
    /// answer, not an error.
    pub(super) async fn deploy(&self, request: &Request, deadline: Option<Instant>) -> Result<Value, SetupError> {
        let url = self.answer_url(&request.response_url)?;
        let done = match request.request_type {
            RequestType::Delete => Ok(json!({})),
            RequestType::Create | RequestType::Update => self.migrate_by(deadline).await,
        };
        let (status, reason, data) = match done {
            Ok(data) => ("SUCCESS", None, data),
            Err(error) => {
                tracing::error!(error_kind = error.kind(), error = %Chain(&error), "the deployment's migration failed");
                let reason = format!("{}: {}; see the log of setup", error.kind(), Chain(&error));
                ("FAILED", Some(brief(&reason, MAX_REASON)), json!({}))
            }
        };
        let response = Response {
            status,
            reason,
            // An id that changes would have the old resource deleted; CloudFormation makes one up where none was answered.
            physical_resource_id: request.physical_resource_id.as_deref().unwrap_or("longshore-migrations"),
            stack_id: &request.stack_id,
            request_id: &request.request_id,
            logical_resource_id: &request.logical_resource_id,
            data,
        };
        self.answer(url, &response).await?;
        Ok(json!({"answered": status}))
    }

    /// A stack that is rolled back has an older `setup`, and a database that is ahead of it. Migrations only add, so what is
    /// older works with it.
    async fn migrate_by(&self, deadline: Option<Instant>) -> Result<Value, SetupError> {
        let work = self.migrate();
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()).saturating_sub(ANSWER));
        let done = match left {
            Some(left) => tokio::time::timeout(left, work).await.map_err(|_| {
                SetupError::Argument(
                    "no time was left; invoke setup with {\"command\":\"migrate\"}, then deploy again".into(),
                )
            })?,
            None => work.await,
        };
        match done {
            Ok(migrated) => Ok(json!({"Version": migrated.version, "Applied": migrated.applied.join(", ")})),
            Err(SetupError::Migrate(MigrateError::Newer { found })) => {
                tracing::warn!(
                    found,
                    known = LATEST_VERSION,
                    "the database is ahead, as after a roll-back; it stays as it is"
                );
                Ok(json!({"Version": found, "Applied": ""}))
            }
            Err(error) => Err(error),
        }
    }

    /// The payload says where the answer goes, so that is looked at: whoever may invoke `setup` must not make it talk to others.
    fn answer_url(&self, text: &str) -> Result<Url, SetupError> {
        let url = Url::parse(text).ok().filter(|url| {
            let host = url.host_str().unwrap_or_default();
            let is_aws = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
            let is_s3 =
                host.starts_with("s3.") || host.starts_with("s3-") || host.contains(".s3.") || host.contains(".s3-");
            let is_answer = url.as_str().contains("cloudformation-custom-resource-");
            self.local_development || url.scheme() == "https" && is_aws && is_s3 && is_answer
        });
        url.ok_or_else(|| SetupError::Argument("ResponseURL is none of CloudFormation's in S3".into()))
    }

    async fn answer(&self, url: Url, response: &Response<'_>) -> Result<(), SetupError> {
        let failed = |why: String| SetupError::Deployment(why);
        let client = fetch::client(ANSWER, true).map_err(|error| failed(Chain(&error).to_string()))?;
        // The address is presigned without a content type: one would break its signature.
        let put = client.put(url).timeout(ANSWER).body(json!(response).to_string());
        let sent = put.send().await.map_err(|error| failed(Chain(&error.without_url()).to_string()))?;
        let status = sent.status();
        if status.is_success() { Ok(()) } else { Err(failed(format!("S3 answered {status}"))) }
    }
}
