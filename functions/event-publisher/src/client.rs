//! Logging in to the cluster.

use crate::PublishError;
use krafka::auth::{AuthConfig, AwsMskIamCredentials, TlsConfig};
use krafka::{Kafka, KrafkaError};
use longshore::aws::Aws;
use longshore::secret::Secret;
use longshore::secret_source::read_secret;
use longshore::settings::{KafkaSecurity, KafkaSettings};
use serde::Deserialize;
use std::time::Duration;

/// How long a broker may take to answer a connection, TLS and login included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a broker may take to answer a request; another one is asked after that.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What a secret for MSK's SCRAM holds.
#[derive(Deserialize)]
struct Login {
    username: String,
    password: Secret,
}

/// A client of the cluster that the settings name. With IAM it asks for credentials at each login, as the SDK's clients do.
///
/// # Errors
/// When no broker can be reached, or the login is refused.
pub async fn connect(settings: &KafkaSettings, aws: &Aws) -> Result<Kafka, PublishError> {
    if settings.brokers.is_empty() {
        return Err(PublishError::NotConfigured);
    }
    let security = match settings.security {
        KafkaSecurity::Plaintext => AuthConfig::plaintext(),
        KafkaSecurity::Tls => AuthConfig::ssl(tls(settings)),
        KafkaSecurity::Scram => {
            let login = login(settings, aws).await?;
            AuthConfig::sasl_scram_sha512(login.username, login.password.expose()).with_tls(tls(settings))
        }
        KafkaSecurity::Iam => iam(aws.clone()).with_tls(tls(settings)),
    };
    Kafka::builder(settings.brokers.join(","))
        .client_id("longshore")
        .security(security)
        .connect_timeout(CONNECT_TIMEOUT)
        .request_timeout(REQUEST_TIMEOUT)
        // A topic that nobody made has no consumer, and the broker's defaults for partitions and retention.
        .allow_auto_create_topics(false)
        .connect()
        .await
        .map_err(PublishError::Connect)
}

/// Certificates are verified against those that the system trusts, and one's own.
fn tls(settings: &KafkaSettings) -> TlsConfig {
    let tls = TlsConfig::new().with_native_roots();
    match &settings.ca_file {
        Some(file) => tls.with_ca_cert(file.to_string_lossy()),
        None => tls,
    }
}

fn iam(aws: Aws) -> AuthConfig {
    AuthConfig::aws_msk_iam_provider(move || {
        let aws = aws.clone();
        async move {
            let (credentials, region) = aws.credentials().await.map_err(KrafkaError::auth)?;
            let found = AwsMskIamCredentials::new(credentials.access_key_id(), credentials.secret_access_key(), region);
            Ok(match credentials.session_token() {
                Some(token) => found.with_session_token(token),
                None => found,
            })
        }
    })
}

async fn login(settings: &KafkaSettings, aws: &Aws) -> Result<Login, PublishError> {
    let id = settings.secret.as_deref().unwrap_or_default();
    let text = read_secret(id, aws).await.map_err(PublishError::Login)?;
    // The parser's own text may quote the secret.
    serde_json::from_str(&text)
        .map_err(|_| PublishError::Login("the secret is no JSON object with username and password".into()))
}
