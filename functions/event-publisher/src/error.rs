//! Why messages are not published yet.

use krafka::KrafkaError;
use longshore::db::DbError;
use longshore::failure::Classified;

/// Why messages are not published yet. They wait: nothing is lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// No brokers are configured.
    #[error("no cluster to publish to: set LONGSHORE_KAFKA_BROKERS")]
    NotConfigured,
    /// The user and password of SCRAM cannot be had.
    #[error("cannot read the login of the cluster; see LONGSHORE_KAFKA_SECRET_ARN: {0}")]
    Login(String),
    /// The cluster cannot be reached, or refuses the login.
    #[error(
        "cannot log in to the cluster; see LONGSHORE_KAFKA_BROKERS, LONGSHORE_KAFKA_SECURITY, and the right to write idempotently"
    )]
    Connect(#[source] KrafkaError),
    /// Some messages were not acknowledged.
    #[error("{waiting} messages are not acknowledged yet, and are sent again: {reason}")]
    Unacknowledged {
        /// How many.
        waiting: usize,
        /// What became of the first of them.
        reason: String,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl Classified for PublishError {
    fn kind(&self) -> &'static str {
        match self {
            Self::NotConfigured | Self::Login(_) => "KafkaLogin",
            Self::Connect(error) if error.is_fatal() => "KafkaLogin",
            Self::Connect(_) | Self::Unacknowledged { .. } => "Kafka",
            Self::Database(error) => error.kind(),
        }
    }

    fn is_transient(&self) -> bool {
        true
    }
}
