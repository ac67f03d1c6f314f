//! The Kafka cluster that events are published to, and the topics.

use super::read::{Reader, SettingError};
use crate::outbox::Family;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How a client proves to brokers who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KafkaSecurity {
    /// Neither TLS nor a login: for development.
    Plaintext,
    /// TLS; brokers let anybody in who can reach them.
    Tls,
    /// TLS, and SASL/SCRAM with SHA-512, as MSK has it.
    Scram,
    /// TLS, and the IAM of MSK, as the function's role.
    Iam,
}

impl FromStr for KafkaSecurity {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "plaintext" => Ok(Self::Plaintext),
            "tls" => Ok(Self::Tls),
            "scram" => Ok(Self::Scram),
            "iam" => Ok(Self::Iam),
            _ => Err("expected plaintext, tls, scram or iam"),
        }
    }
}

/// Where messages go, and how.
#[derive(Debug, Clone)]
pub struct KafkaSettings {
    /// `host:port`, those that are asked first.
    pub brokers: Vec<String>,
    /// How to log in.
    pub security: KafkaSecurity,
    /// The secret with `username` and `password` for SCRAM: its ARN or name.
    pub secret: Option<String>,
    /// Further CA certificates, PEM.
    pub ca_file: Option<PathBuf>,
    /// The largest message, in bytes, before compression. Larger ones are parked.
    pub max_message_bytes: usize,
    /// How long a message may take to be acknowledged.
    pub timeout: Duration,
    /// Topic of the events.
    pub events_topic: String,
    /// Topic of the statuses of messages.
    pub payload_status_topic: String,
    /// Topic of the answers to uploads.
    pub validation_topic: String,
    /// The CloudEvents source of the events.
    pub source: String,
    /// How long published messages are kept in the outbox.
    pub retention: Duration,
}

impl KafkaSettings {
    /// Reads these alone, for a program that has no other use for Longshore's settings.
    ///
    /// # Errors
    /// One is not what it has to be.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        Self::read(&Reader::new(&lookup))
    }

    pub(super) fn read(read: &Reader<'_>) -> Result<Self, SettingError> {
        let text = |name, default: &str| read.text(name).unwrap_or_else(|| default.into());
        let hours = read.number("LONGSHORE_OUTBOX_RETENTION_HOURS", 168, 1..=8_784)?;
        let settings = Self {
            brokers: read.list("LONGSHORE_KAFKA_BROKERS"),
            security: read.parsed("LONGSHORE_KAFKA_SECURITY", KafkaSecurity::Tls)?,
            secret: read.text("LONGSHORE_KAFKA_SECRET_ARN"),
            ca_file: read.text("LONGSHORE_KAFKA_CA_FILE").map(PathBuf::from),
            max_message_bytes: read.number("LONGSHORE_KAFKA_MAX_MESSAGE_BYTES", 1_000_000, 1_000..=16_000_000)?,
            // A transaction is open meanwhile, and PostgreSQL ends it after a minute without a statement.
            timeout: Duration::from_millis(read.number("LONGSHORE_KAFKA_TIMEOUT_MS", 20_000, 1_000..=45_000)?),
            events_topic: text("LONGSHORE_EVENTS_TOPIC", "longshore.events"),
            payload_status_topic: text("LONGSHORE_PAYLOAD_STATUS_TOPIC", "platform.payload-status"),
            validation_topic: text("LONGSHORE_VALIDATION_TOPIC", "platform.upload.validation"),
            source: text("LONGSHORE_EVENTS_SOURCE", "/longshore"),
            retention: Duration::from_secs(hours * 3_600),
        };
        if !settings.source.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SettingError::new(
                "LONGSHORE_EVENTS_SOURCE",
                "is not a URI or a path: it has blanks or letters beyond ASCII",
            ));
        }
        if settings.security == KafkaSecurity::Scram && settings.secret.is_none() {
            return Err(SettingError::new(
                "LONGSHORE_KAFKA_SECRET_ARN",
                "is needed where LONGSHORE_KAFKA_SECURITY is scram",
            ));
        }
        Ok(settings)
    }

    /// The topic of a sort of messages.
    pub fn topic(&self, family: Family) -> &str {
        match family {
            Family::Event => &self.events_topic,
            Family::PayloadStatus => &self.payload_status_topic,
            Family::Validation => &self.validation_topic,
        }
    }
}
