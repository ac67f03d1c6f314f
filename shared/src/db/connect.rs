//! Opening one connection.

use super::login::{Secret, iam_token, read_secret};
use super::{DbError, is_login};
use crate::aws::Aws;
use crate::clock::Clock;
use crate::settings::{Credentials, DatabaseSettings};
use crate::tls;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What is turned off so that the planner joins by hashing.
const HASH_JOINS: [&str; 2] = ["enable_nestloop", "enable_mergejoin"];

/// Has the rest of a transaction join by hashing, on a connection that was opened for lookups. By functions: a `SET` would
/// pin a connection of RDS Proxy.
///
/// # Errors
/// See [`DbError`].
pub async fn joins_whole_tables(transaction: &Transaction<'_>) -> Result<(), DbError> {
    let sql = "SELECT set_config(name, 'off', true) FROM unnest($1::text[]) name";
    transaction.query_typed(sql, &[(&&HASH_JOINS[..], Type::TEXT_ARRAY)]).await?;
    Ok(())
}

/// Opens connections as the settings say.
pub struct Connector {
    settings: DatabaseSettings,
    aws: Aws,
    clock: Clock,
    looks_up: bool,
    secret: Mutex<Option<Secret>>,
    options_refused: AtomicBool,
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
        Self {
            settings,
            aws,
            clock,
            looks_up: false,
            secret: Mutex::default(),
            options_refused: AtomicBool::new(false),
            tls: OnceLock::new(),
        }
    }

    /// For statements that look a few rows up: indexes and nested loops, as the planner sees fit. What joins whole tables
    /// all the same says [`joins_whole_tables`](super::joins_whole_tables) in its transaction.
    pub fn for_lookups(self) -> Self {
        Self { looks_up: true, ..self }
    }

    /// The settings that connections are opened with.
    pub fn settings(&self) -> &DatabaseSettings {
        &self.settings
    }

    pub(super) fn looks_up(&self) -> bool {
        self.looks_up
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Opens a connection. A secret is read again when the one at hand no longer logs in: it was rotated.
    ///
    /// # Errors
    /// See [`DbError`]; all are transient.
    pub async fn connect(&self) -> Result<Client, DbError> {
        let had_secret = self.cached_secret().is_some();
        match self.connect_once().await {
            Err(DbError::Connect(error)) if had_secret && is_login(&error) => {
                self.remember(None);
                self.connect_once().await
            }
            // RDS Proxy takes no options at start-up (SQLSTATE 0A000).
            Err(DbError::Connect(error)) if error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED) => {
                self.options_refused.store(true, Ordering::Relaxed);
                self.connect_once().await
            }
            result => result,
        }
    }

    async fn connect_once(&self) -> Result<Client, DbError> {
        let timeout = self.settings.connect_timeout;
        tokio::time::timeout(timeout, self.log_in())
            .await
            .unwrap_or_else(|_| Err(DbError::Timeout { seconds: timeout.as_secs() }))
    }

    async fn log_in(&self) -> Result<Client, DbError> {
        let options_refused = self.options_refused.load(Ordering::Relaxed);
        let mut config = self.config().await?;
        if !options_refused {
            let options: Vec<String> =
                self.session_settings().map(|(name, value)| format!("-c {name}={value}")).collect();
            config.options(options.join(" "));
        }
        let client = self.open(&config).await?;
        if options_refused {
            let set: Vec<String> =
                self.session_settings().map(|(name, value)| format!("SET {name} = {value}")).collect();
            client.batch_execute(&set.join("; ")).await.map_err(DbError::Connect)?;
        }
        Ok(client)
    }

    async fn open(&self, config: &Config) -> Result<Client, DbError> {
        if self.settings.tls {
            let (client, connection) = config.connect(self.tls()?).await.map_err(DbError::Connect)?;
            tokio::spawn(drive(connection));
            Ok(client)
        } else {
            let (client, connection) = config.connect(NoTls).await.map_err(DbError::Connect)?;
            tokio::spawn(drive(connection));
            Ok(client)
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
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(25))
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

    /// Settings of the session. Given at start-up, because a `SET` pins a connection of RDS Proxy; the proxy itself
    /// takes none at start-up, so there they are set and the connection is pinned, as ours is all through a refresh.
    ///
    /// Hash joins and no JIT: refreshes and imports join whole tables with staging tables of which the planner has no
    /// true statistics. Guessing "few rows" once, and looping, is the difference between a second and an hour; guessing
    /// "many", it would sort for a merge join. A lookup of one row would read whole tables for a hash join.
    fn session_settings(&self) -> impl Iterator<Item = (&'static str, String)> {
        let DatabaseSettings { longshore_schema, candlepin_schema, inventory_schema, .. } = &self.settings;
        let always = [
            ("search_path", format!("{longshore_schema},{candlepin_schema},{inventory_schema}")),
            ("TimeZone", "UTC".into()),
            ("jit", "off".into()),
            ("work_mem", "65536".into()),
            ("idle_in_transaction_session_timeout", "60000".into()),
        ];
        let joins = if self.looks_up { [].as_slice() } else { HASH_JOINS.as_slice() };
        always.into_iter().chain(joins.iter().map(|name| (*name, "off".into())))
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
