//! Opening one connection.

use super::login::{Secret, iam_token, read_secret};
use super::{DbError, is_login};
use crate::aws::Aws;
use crate::clock::Clock;
use crate::settings::{Credentials, DatabaseSettings};
use crate::tls;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Opens connections as the settings say.
pub struct Connector {
    settings: DatabaseSettings,
    aws: Aws,
    clock: Clock,
    secret: Mutex<Option<Secret>>,
    tls: OnceLock<MakeRustlsConnect>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Connector {
    /// Nothing is read or connected before the first [`Connector::connect`].
    pub fn new(settings: DatabaseSettings, aws: Aws, clock: Clock) -> Self {
        Self { settings, aws, clock, secret: Mutex::default(), tls: OnceLock::new() }
    }

    /// The settings that connections are opened with.
    pub fn settings(&self) -> &DatabaseSettings {
        &self.settings
    }

    /// Opens a connection. A secret is read again when the one at hand no longer logs in: it was rotated.
    ///
    /// # Errors
    /// See [`DbError`]; all are transient.
    pub async fn connect(&self) -> Result<Client, DbError> {
        let had_secret = self.cached_secret().is_some();
        match self.connect_once().await {
            Err(DbError::Postgres(error)) if had_secret && is_login(&error) => {
                self.remember(None);
                self.connect_once().await
            }
            result => result,
        }
    }

    async fn connect_once(&self) -> Result<Client, DbError> {
        let config = self.config().await?;
        let timeout = self.settings.connect_timeout;
        let connecting = async {
            if self.settings.tls {
                let (client, connection) = config.connect(self.tls()?).await?;
                tokio::spawn(drive(connection));
                Ok(client)
            } else {
                let (client, connection) = config.connect(NoTls).await?;
                tokio::spawn(drive(connection));
                Ok(client)
            }
        };
        match tokio::time::timeout(timeout, connecting).await {
            Ok(result) => result,
            Err(_) => Err(DbError::Timeout { seconds: timeout.as_secs() }),
        }
    }

    /// Asks the server to stop what `token`'s session is doing.
    pub(super) async fn cancel(&self, token: tokio_postgres::CancelToken) -> Result<(), DbError> {
        if self.settings.tls {
            token.cancel_query(self.tls()?).await?;
        } else {
            token.cancel_query(NoTls).await?;
        }
        Ok(())
    }

    fn tls(&self) -> Result<MakeRustlsConnect, DbError> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let made = MakeRustlsConnect::new(tls::client_config(self.settings.ca_file.as_deref())?);
        Ok(self.tls.get_or_init(|| made).clone())
    }

    async fn config(&self) -> Result<Config, DbError> {
        let settings = &self.settings;
        let secret = match &settings.credentials {
            Credentials::Secret { arn } => Some(self.secret(arn).await?),
            _ => None,
        };
        let told = secret.as_ref();
        let missing = |what: &str| DbError::Credentials(format!("neither the settings nor the secret tell the {what}"));
        let host = settings.host.clone().or_else(|| told?.host.clone()).ok_or_else(|| missing("host"))?;
        let user = settings.user.clone().or_else(|| told?.username.clone()).ok_or_else(|| missing("user"))?;
        let port = settings.port.or_else(|| told?.port).unwrap_or(5432);
        let name = settings.name.clone().or_else(|| told?.dbname.clone());
        let mut config = Config::new();
        match &settings.credentials {
            Credentials::Password(Some(password)) => config.password(password),
            Credentials::Password(None) => &mut config,
            Credentials::Secret { .. } => config.password(told.map(|secret| secret.password.as_str()).unwrap_or("")),
            Credentials::Iam => config.password(iam_token(&self.aws, &self.clock, &host, port, &user).await?),
        };
        config
            .host(host)
            .port(port)
            .user(user)
            .application_name("longshore")
            .options(self.session_options())
            .keepalives_idle(Duration::from_secs(30))
            .ssl_mode(if settings.tls {
                tokio_postgres::config::SslMode::Require
            } else {
                tokio_postgres::config::SslMode::Disable
            });
        if let Some(name) = name {
            config.dbname(name);
        }
        Ok(config)
    }

    /// Settings of the session, given at start-up because a `SET` would pin an RDS Proxy connection.
    ///
    /// lz4 because compressing forms is a tenth of a refresh with PostgreSQL's own method; every server since 14 has it.
    ///
    /// Hash joins and no JIT: statements here join whole tables with staging tables of which the planner has no true
    /// statistics. Guessing "few rows" once, and looping, is the difference between a second and an hour; guessing
    /// "many", it would sort for a merge join.
    fn session_options(&self) -> String {
        let DatabaseSettings { longshore_schema, inventory_schema, .. } = &self.settings;
        format!(
            "-c search_path={longshore_schema},{inventory_schema} -c TimeZone=UTC -c jit=off -c enable_nestloop=off \
             -c enable_mergejoin=off -c work_mem=64MB -c default_toast_compression=lz4 -c idle_in_transaction_session_timeout=60s"
        )
    }

    async fn secret(&self, arn: &str) -> Result<Secret, DbError> {
        if let Some(secret) = self.cached_secret() {
            return Ok(secret);
        }
        let secret = read_secret(&self.aws, arn).await?;
        self.remember(Some(secret.clone()));
        Ok(secret)
    }

    fn cached_secret(&self) -> Option<Secret> {
        self.secret.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, secret: Option<Secret>) {
        *self.secret.lock().unwrap_or_else(PoisonError::into_inner) = secret;
    }
}

/// Runs a connection until it ends. Its error reaches whoever waits for a statement, so it is not told again.
async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a database connection ended");
    }
}
