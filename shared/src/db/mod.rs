//! The database: connecting, pooling, migrations, rows by COPY.

mod connect;
mod copy;
mod login;
mod migrate;
mod pool;
mod upgrade;

pub use connect::{Connector, joins_whole_tables};
pub use copy::{Copier, Tuple};
pub use migrate::{LATEST_VERSION, MigrateError, Migrated, migrate, version};
pub use pool::{Pool, Session};
pub use upgrade::Upgraded;

use crate::failure::Classified;
use crate::tls::TlsError;
use tokio_postgres::error::SqlState;

/// A failure of the database, or on the way to it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// A statement failed or the connection was lost.
    #[error("the database refused or was lost{}", state(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// Connecting or logging in failed.
    #[error("cannot connect to the database{}", state(.0))]
    Connect(#[source] tokio_postgres::Error),
    /// No connection within the connect time-out.
    #[error("the database did not answer within {seconds} s")]
    Timeout {
        /// The time-out, in seconds.
        seconds: u64,
    },
    /// The pool gave no connection, for a reason of its own.
    #[error("no connection: {0}")]
    Pool(String),
    /// The password, secret or token could not be had.
    #[error("cannot get database credentials: {0}")]
    Credentials(String),
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

fn state(error: &tokio_postgres::Error) -> String {
    error.code().map(|code| format!(" (SQLSTATE {})", code.code())).unwrap_or_default()
}

impl Classified for DbError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Credentials(_) | Self::Tls(_) => "DatabaseLogin",
            Self::Connect(error) | Self::Postgres(error) if is_login(error) => "DatabaseLogin",
            _ => "Database",
        }
    }

    /// Everything but what the data itself causes while it is written: an operator can mend a permission, a full disk or a missing
    /// migration, and until then nothing must be lost.
    fn is_transient(&self) -> bool {
        let Self::Postgres(error) = self else { return true };
        // 22: data exception, 54: program limit exceeded. Both would come again with the same record.
        !error.code().is_some_and(|code| code.code().starts_with("22") || code.code().starts_with("54"))
    }
}

/// Whether logging in failed, as it does after a rotation.
pub(crate) fn is_login(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION))
}
