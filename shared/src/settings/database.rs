//! Where the database is and how to log in.

use super::read::{Reader, SettingError};
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::config::Host;

/// How a session proves who it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The password of `DATABASE_URL`, if it has one.
    Password(Option<String>),
    /// A Secrets Manager secret, read when connecting and again when logging in fails, as after a rotation.
    Secret {
        /// The secret's ARN or name.
        arn: String,
    },
    /// An RDS IAM token, made for each connection.
    Iam,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Password(password) => write!(f, "Password({})", password.as_ref().map_or("none", |_| "***")),
            Self::Secret { arn } => write!(f, "Secret({arn})"),
            Self::Iam => f.write_str("Iam"),
        }
    }
}

/// The database connection. What is `None` comes from the secret.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// Host name or address.
    pub host: Option<String>,
    /// TCP port.
    pub port: Option<u16>,
    /// Database name.
    pub name: Option<String>,
    /// Role to log in as.
    pub user: Option<String>,
    /// How to log in.
    pub credentials: Credentials,
    /// Whether to use TLS; then the certificate and the host name are always verified.
    pub tls: bool,
    /// Further CA certificates, PEM.
    pub ca_file: Option<PathBuf>,
    /// Schema of the Catalog Inventory tables.
    pub inventory_schema: String,
    /// Schema of the Candlepin tables.
    pub candlepin_schema: String,
    /// Schema of our own tables.
    pub longshore_schema: String,
    /// Time to connect, TLS and login included.
    pub connect_timeout: Duration,
}

impl DatabaseSettings {
    pub(super) fn read(read: &Reader<'_>, connect_timeout: Duration) -> Result<Self, SettingError> {
        let url = read.text("DATABASE_URL");
        let from_url = url.as_deref().map(Url::parse).transpose()?.unwrap_or_default();
        let secret = read.text("DATABASE_SECRET_ARN");
        let iam = read.flag("DATABASE_IAM_AUTH", false)?;
        let port = read.parsed("DATABASE_PORT", from_url.port.unwrap_or(0))?;
        let settings = Self {
            host: read.text("DATABASE_HOST").or(from_url.host),
            port: (port != 0).then_some(port),
            name: read.text("DATABASE_NAME").or(from_url.name),
            user: read.text("DATABASE_USER").or(from_url.user),
            credentials: match (secret, iam) {
                (Some(_), true) => {
                    return Err(SettingError::new("DATABASE_IAM_AUTH", "cannot be combined with DATABASE_SECRET_ARN"));
                }
                (Some(arn), false) => Credentials::Secret { arn },
                (None, true) => Credentials::Iam,
                (None, false) => Credentials::Password(from_url.password),
            },
            tls: from_url.tls.unwrap_or(true),
            ca_file: read.text("DATABASE_CA_FILE").map(PathBuf::from),
            inventory_schema: schema(read, "INVENTORY_SCHEMA", "public")?,
            candlepin_schema: schema(read, "CANDLEPIN_SCHEMA", "candlepin")?,
            longshore_schema: schema(read, "LONGSHORE_SCHEMA", "longshore")?,
            connect_timeout,
        };
        settings.require_complete()?;
        Ok(settings)
    }

    /// Without a secret that tells the rest, host and user must be known now.
    fn require_complete(&self) -> Result<(), SettingError> {
        if matches!(self.credentials, Credentials::Secret { .. }) {
            return Ok(());
        }
        if self.host.is_none() {
            return Err(SettingError::new(
                "DATABASE_URL",
                "set DATABASE_URL, DATABASE_SECRET_ARN, or DATABASE_HOST with DATABASE_IAM_AUTH",
            ));
        }
        if self.user.is_none() {
            return Err(SettingError::new("DATABASE_USER", "no user in DATABASE_URL and none set"));
        }
        Ok(())
    }
}

/// A schema's name ends up in `search_path` and in migrations, so only plain identifiers are taken.
fn schema(read: &Reader<'_>, variable: &str, default: &str) -> Result<String, SettingError> {
    let name = read.text(variable).unwrap_or_else(|| default.into());
    let plain = name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { Ok(name) } else { Err(SettingError::new(variable, "expected a name of a-z, 0-9 and _")) }
}

#[derive(Default)]
struct Url {
    host: Option<String>,
    port: Option<u16>,
    name: Option<String>,
    user: Option<String>,
    password: Option<String>,
    tls: Option<bool>,
}

impl Url {
    fn parse(text: &str) -> Result<Self, SettingError> {
        // tokio-postgres knows no `verify-full`: that is what TLS means here, so the modes that ask for TLS are one.
        let (text, tls) = take_sslmode(text)?;
        let config: tokio_postgres::Config = text
            .parse()
            .map_err(|_| SettingError::new("DATABASE_URL", "expected postgres://user:password@host:port/name"))?;
        let host = config.get_hosts().first().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        Ok(Self {
            host,
            port: config.get_ports().first().copied(),
            name: config.get_dbname().map(Into::into),
            user: config.get_user().map(Into::into),
            password: config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
            tls,
        })
    }
}

fn take_sslmode(url: &str) -> Result<(String, Option<bool>), SettingError> {
    let Some((base, query)) = url.split_once('?') else { return Ok((url.into(), None)) };
    let (modes, others): (Vec<&str>, Vec<&str>) = query.split('&').partition(|pair| pair.starts_with("sslmode="));
    let tls = match modes.last().map(|pair| &pair["sslmode=".len()..]) {
        None => None,
        Some("disable") => Some(false),
        Some("require" | "verify-ca" | "verify-full") => Some(true),
        Some(_) => return Err(SettingError::new("DATABASE_URL", "sslmode is disable or verify-full")),
    };
    let rest = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
    Ok((format!("{base}{rest}"), tls))
}
