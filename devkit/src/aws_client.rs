//! Signed calls of AWS's API, for setting the stage: each service by its own protocol, answers as they come.

use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::{
    http_request::{PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use bytes::Bytes;
use hyper::Method;
use serde_json::Value;

use crate::{
    http_client,
    s3::{Credentials, REGION, encode},
};

/// Calls one server with one user's keys.
#[derive(Debug, Clone)]
pub struct AwsClient {
    endpoint: String,
    credentials: Credentials,
}

impl AwsClient {
    /// `endpoint` is `http://host:port`, for all services.
    #[must_use]
    pub fn new(endpoint: &str, credentials: Credentials) -> Self {
        Self { endpoint: endpoint.to_owned(), credentials }
    }

    /// Where it calls.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A call of a service that speaks JSON: `target` is like `TrentService.Encrypt`.
    ///
    /// # Errors
    /// It was refused; the answer is part of the text.
    pub async fn call(&self, service: &str, target: &str, input: &Value) -> Result<Value> {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let answer = self
            .send(service, Method::POST, "/", &headers, input.to_string().into())
            .await
            .context(target.to_owned())?;
        // Some calls answer nothing.
        Ok(if answer.is_empty() { Value::Null } else { serde_json::from_slice(&answer)? })
    }

    /// Makes a user of IAM with that policy and a key pair.
    ///
    /// # Errors
    /// It was refused; the answer is part of the text.
    pub async fn create_user(&self, name: &str, policy: &Value) -> Result<Credentials> {
        self.iam("CreateUser", &[("UserName", name)]).await?;
        self.put_policy(name, policy).await?;
        let made = self.iam("CreateAccessKey", &[("UserName", name)]).await?;
        let element = |name: &str| Some(made.split_once(&format!("<{name}>"))?.1.split_once('<')?.0.to_owned());
        let (id, secret) = (element("AccessKeyId"), element("SecretAccessKey"));
        Ok(Credentials {
            access_key_id: id.context("no AccessKeyId in the answer")?,
            secret_access_key: secret.context("no SecretAccessKey in the answer")?,
        })
    }

    /// What a user may do from now on, and nothing else.
    ///
    /// # Errors
    /// It was refused; the answer is part of the text.
    pub async fn put_policy(&self, user: &str, policy: &Value) -> Result<()> {
        let policy = policy.to_string();
        let form = [("UserName", user), ("PolicyName", "all"), ("PolicyDocument", policy.as_str())];
        self.iam("PutUserPolicy", &form).await.map(drop)
    }

    async fn iam(&self, action: &str, form: &[(&str, &str)]) -> Result<String> {
        let fields = [("Action", action), ("Version", "2010-05-08")];
        let fields =
            fields.iter().chain(form).map(|(name, value)| format!("{name}={}", encode(value).replace('/', "%2F")));
        let body = fields.collect::<Vec<_>>().join("&");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self.send("iam", Method::POST, "/", &headers, body.into()).await.context(action.to_owned())?;
        Ok(String::from_utf8(answer.to_vec())?)
    }

    /// A call of S3: `path` is `/bucket` or `/bucket/key`, perhaps with a query.
    ///
    /// # Errors
    /// It was refused; the answer is part of the text.
    pub async fn s3(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Bytes> {
        self.send("s3", method, path, &[], body.into()).await.context(path.to_owned())
    }

    async fn send(
        &self,
        service: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Bytes> {
        let url = format!("{}{path}", self.endpoint);
        let signed = self.sign(service, &method, &url, headers, &body)?;
        let signed: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = http_client::send(method, &url, &[headers, &signed].concat(), body).await?;
        ensure!(answer.status.is_success(), "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        Ok(answer.body)
    }

    fn sign(
        &self,
        service: &str,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<(String, String)>> {
        let keys = &self.credentials;
        let identity = AwsCredentials::new(&keys.access_key_id, &keys.secret_access_key, None, None, "devkit").into();
        let mut settings = SigningSettings::default();
        if service == "s3" {
            // S3 encodes a path once, unlike the other services, and wants the body's hash in a header.
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        #[expect(clippy::disallowed_methods, reason = "the server compares it with the real time")]
        let now = SystemTime::now();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(service)
            .time(now)
            .settings(settings)
            .build()?
            .into();
        let request = SignableRequest::new(method.as_str(), url, headers.iter().copied(), SignableBody::Bytes(body))?;
        let (instructions, _) = sign(request, &parameters)?.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}
