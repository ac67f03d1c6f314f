//! Passwords: from the URL, from Secrets Manager, or an RDS IAM token.

use super::DbError;
use crate::aws::Aws;
use crate::clock::Clock;
use crate::secret_source;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde::Deserialize;
use std::time::Duration;

/// What a secret of the shape that RDS makes holds. Further keys are ignored.
#[derive(Clone, Deserialize)]
pub(super) struct Secret {
    pub username: Option<String>,
    pub password: String,
    pub host: Option<String>,
    pub port: Option<u16>,
    #[serde(alias = "dbName", alias = "database")]
    pub dbname: Option<String>,
}

/// Reads a secret.
pub(super) async fn read_secret(aws: &Aws, arn: &str) -> Result<Secret, DbError> {
    let text = secret_source::read_secret(arn, aws).await.map_err(DbError::Credentials)?;
    // The parser's own message may quote what it read.
    serde_json::from_str(&text)
        .map_err(|_| DbError::Credentials("the secret is not JSON with at least a password".into()))
}

/// How long a token may be used to connect; a session outlives it.
const TOKEN_LIFE: Duration = Duration::from_secs(900);

/// An RDS IAM token: a presigned request to `rds-db` without its scheme.
pub(super) async fn iam_token(aws: &Aws, clock: &Clock, host: &str, port: u16, user: &str) -> Result<String, DbError> {
    let failed = |what: String| DbError::Credentials(what);
    let (credentials, region) = aws.credentials().await.map_err(failed)?;
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    settings.expires_in = Some(TOKEN_LIFE);
    settings.signature_location = SignatureLocation::QueryParams;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&region)
        .name("rds-db")
        .time(clock.now().into())
        .settings(settings)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let mut url = reqwest::Url::parse(&format!("https://{host}:{port}/?Action=connect"))
        .map_err(|error| failed(error.to_string()))?;
    url.query_pairs_mut().append_pair("DBUser", user);
    let request = SignableRequest::new("GET", url.as_str(), std::iter::empty(), SignableBody::Bytes(&[]))
        .map_err(|error| failed(error.to_string()))?;
    let signed = sign(request, &params.into()).map_err(|error| failed(error.to_string()))?;
    let (instructions, _) = signed.into_parts();
    for (name, value) in instructions.params() {
        url.query_pairs_mut().append_pair(name, value);
    }
    Ok(url.as_str().trim_start_matches("https://").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};

    #[tokio::test]
    async fn an_iam_token_is_a_presigned_connect_without_scheme() {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret-key", Some("session".into()), None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let clock = Clock::from_fn(|| time::macros::datetime!(2026-01-02 03:04:05 UTC));
        let aws = Aws::with_config(config);
        let token = iam_token(&aws, &clock, "db.example.com", 5432, "app user").await.unwrap();
        assert!(token.starts_with("db.example.com:5432/?Action=connect&DBUser=app+user&"), "{token}");
        for part in [
            "X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Feu-central-1%2Frds-db%2Faws4_request",
            "X-Amz-Date=20260102T030405Z",
            "X-Amz-Expires=900",
            "X-Amz-Security-Token=session",
            "X-Amz-Signature=",
        ] {
            assert!(token.contains(part), "{part} in {token}");
        }
        assert!(!token.contains("secret-key"));
    }
}
