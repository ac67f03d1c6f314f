//! The AWS clients, over one HTTP client with rustls and ring.

use crate::failure::Chain;
use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
pub use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use std::str::FromStr;

/// What all clients share: credentials, region, HTTP client. Nothing connects before the first call.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    endpoint_overridden: bool,
    lambda: Option<String>,
}

impl Aws {
    /// Reads credentials, region and endpoints the way every AWS SDK does, from the environment.
    #[expect(clippy::disallowed_methods, reason = "the SDK reads the same variables itself")]
    pub async fn from_env() -> Self {
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
        let endpoint_overridden =
            ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().any(|name| std::env::var_os(name).is_some());
        let lambda = std::env::var("AWS_ENDPOINT_URL_LAMBDA").ok().or_else(|| config.endpoint_url().map(Into::into));
        Self { config, endpoint_overridden, lambda }
    }

    /// A server of one's own in place of all of AWS, such as an S3-compatible one, and what it takes for credentials.
    pub async fn local(endpoint: &str, access_key_id: &str, secret_access_key: &str) -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(Builder::new().build_http())
            .endpoint_url(endpoint)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new(access_key_id, secret_access_key, None, None, "local"))
            .load()
            .await;
        Self { config, endpoint_overridden: true, lambda: Some(endpoint.into()) }
    }

    /// Where Lambda's API is, without a slash at the end.
    pub(crate) fn lambda_endpoint(&self, region: &str) -> String {
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let elsewhere = self.lambda.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        elsewhere.unwrap_or_else(|| format!("https://lambda.{region}.{suffix}"))
    }

    /// For tests that need credentials of their own.
    #[cfg(test)]
    pub(crate) fn with_config(config: SdkConfig) -> Self {
        Self { config, endpoint_overridden: false, lambda: None }
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(self.s3_config().build())
    }

    /// A client that tries once: downloads have a retry policy of their own, which resumes.
    pub(crate) fn s3_without_retries(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(self.s3_config().retry_config(RetryConfig::disabled()).build())
    }

    fn s3_config(&self) -> aws_sdk_s3::config::Builder {
        // Bucket names as host names need wildcard DNS, which no local server has.
        aws_sdk_s3::config::Builder::from(&self.config).force_path_style(self.endpoint_overridden)
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    pub(crate) fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.config)
    }

    pub(crate) fn kms(&self) -> aws_sdk_kms::Client {
        aws_sdk_kms::Client::new(&self.config)
    }

    /// The credentials that clients sign with, as fresh as they come, and the region.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn credentials(&self) -> Result<(Credentials, String), String> {
        let provider = self.config.credentials_provider().ok_or("no AWS credentials")?;
        let credentials = provider.provide_credentials().await.map_err(|error| Chain(&error).to_string())?;
        let region = self.config.region().ok_or("AWS_REGION is not set")?.to_string();
        Ok((credentials, region))
    }
}

/// A place in S3: a bucket, and what the keys of its objects begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Prefix {
    /// Bucket name.
    pub bucket: String,
    /// Key prefix without a slash at its end; may be empty.
    pub prefix: String,
}

impl S3Prefix {
    /// The key of an object.
    pub(crate) fn key(&self, name: &str) -> String {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        format!("{}{slash}{name}", self.prefix)
    }
}

impl FromStr for S3Prefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = text.strip_prefix("s3://").unwrap_or_default();
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        if bucket.is_empty() {
            return Err("expected s3://bucket/prefix");
        }
        Ok(Self { bucket: bucket.into(), prefix: prefix.trim_end_matches('/').into() })
    }
}
