//! The settings: read once, from the environment, each variable by name.
//!
//! A bad value fails at start-up and names its variable, never on the first message. The README's table is
//! compared with [`Settings::VARIABLES`] by a test.

mod callers;
mod database;
mod export;
mod import;
mod kafka;
mod platform;
mod read;
mod replay;

pub use database::{Credentials, DatabaseSettings};
pub use export::ExportSettings;
pub use import::ImportSettings;
pub use kafka::{KafkaSecurity, KafkaSettings};
pub use platform::PlatformSettings;
pub use read::SettingError;
pub use replay::ReplaySettings;

use crate::archive::Limits;
use crate::fetch::AllowList;
use crate::http::CallerSettings;
use crate::kafka::RejectionTarget;
use crate::secret_source::SecretSource;
use read::Reader;
use std::time::Duration;

/// One documented variable: its name, its default as the README shows it, and what it sets.
pub type Variable = (&'static str, &'static str, &'static str);

/// Everything the environment says.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the database is and how to log in.
    pub database: DatabaseSettings,
    /// What may be downloaded, and from where.
    pub fetch: FetchSettings,
    /// What an archive may cost.
    pub limits: Limits,
    /// What a manifest may cost: the same variables with other defaults.
    pub manifest_limits: Limits,
    /// What an import trusts, keeps and lets be forced.
    pub import: ImportSettings,
    /// Where exports go, and what they say of this server.
    pub export: ExportSettings,
    /// Where the authority is that issues certificates and signs exports.
    pub authority: Option<SecretSource>,
    /// How callers over HTTP are known.
    pub callers: CallerSettings,
    /// The task API, and which hosts it may be on.
    pub task: TaskSettings,
    /// Where records go that can never succeed.
    pub rejection_target: RejectionTarget,
    /// How many sources are refreshed side by side. Each takes one database connection.
    pub concurrency: usize,
    /// How long before Lambda's own time-out an invocation stops.
    pub deadline_margin: Duration,
    /// Whether a message from an unknown tenant creates it.
    pub create_tenants: bool,
    /// Whether a reporter that is not there yet becomes a source.
    pub create_sources: bool,
    /// Where events are published.
    pub kafka: KafkaSettings,
    /// What the platform is told of each message.
    pub platform: PlatformSettings,
    /// The URL of the SQS queue that wakes the publisher of events.
    pub wake_queue: Option<String>,
    /// What failed, and whom it is handed to again.
    pub replay: ReplaySettings,
    /// Whether this is no stack in AWS: then what must be there may be anywhere.
    pub local_development: bool,
    /// The CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
}

/// Downloads: what is allowed and how long it may take.
#[derive(Debug, Clone)]
pub struct FetchSettings {
    /// Hosts and buckets that archives may come from.
    pub allowed: AllowList,
    /// Time to connect, TLS included.
    pub connect_timeout: Duration,
    /// Time for a whole download, retries included.
    pub timeout: Duration,
    /// How often a transfer is tried in one invocation.
    pub attempts: u32,
}

/// The task API of the Catalog Inventory.
#[derive(Debug, Clone)]
pub struct TaskSettings {
    /// Hosts that `task_url` may name. It is internal, so private addresses are fine there.
    pub hosts: Vec<String>,
    /// Base of the task API for ingress messages, whose `category` is a task id.
    pub api_url: Option<String>,
    /// Time for one call.
    pub timeout: Duration,
}

impl Settings {
    /// Every variable that is read, for the README and for `setup`'s help.
    pub const VARIABLES: &'static [Variable] = &[
        (
            "DATABASE_URL",
            "-",
            "`postgres://user:password@host:port/name`; `?sslmode=disable` turns TLS off, anything else verifies",
        ),
        (
            "DATABASE_SECRET_ARN",
            "-",
            "instead: a Secrets Manager secret with `username`, `password`, `host`, `port`, `dbname`",
        ),
        ("DATABASE_IAM_AUTH", "`false`", "log in with an RDS IAM token instead of a password"),
        ("DATABASE_HOST", "-", "overrides the URL's or the secret's host (RDS Proxy)"),
        ("DATABASE_PORT", "`5432`", "overrides the port"),
        ("DATABASE_NAME", "-", "overrides the database's name"),
        ("DATABASE_USER", "-", "overrides the user"),
        ("DATABASE_CA_FILE", "-", "PEM file with further CA certificates to trust (the RDS bundle)"),
        ("INVENTORY_SCHEMA", "`public`", "schema of the Catalog Inventory tables"),
        ("CANDLEPIN_SCHEMA", "`candlepin`", "schema of the Candlepin tables"),
        ("LONGSHORE_SCHEMA", "`longshore`", "schema of our own tables"),
        (
            "LONGSHORE_ALLOWED_HOSTS",
            "none",
            "hosts that archives may come from, comma-separated; `*.example.com` means every host below it",
        ),
        ("LONGSHORE_ALLOWED_BUCKETS", "none", "buckets that `s3://` archives may come from, comma-separated"),
        ("LONGSHORE_LOCAL_DEVELOPMENT", "`false`", "allow `http://` and private, link-local and loopback addresses"),
        ("LONGSHORE_CONNECT_TIMEOUT_MS", "`5000`", "time to connect to a download or the database, in milliseconds"),
        ("LONGSHORE_DOWNLOAD_TIMEOUT_MS", "`120000`", "time for one archive, retries included, in milliseconds"),
        ("LONGSHORE_DOWNLOAD_ATTEMPTS", "`4`", "tries for one archive in one invocation"),
        ("LONGSHORE_MAX_COMPRESSED_BYTES", "`134217728`", "size of an archive, in bytes"),
        (
            "LONGSHORE_MAX_EXPANDED_BYTES",
            "`4294967296`",
            "what an archive may expand to, in bytes; a manifest `1073741824`",
        ),
        ("LONGSHORE_MAX_EXPANSION_RATIO", "`200`", "expanded bytes for each compressed byte"),
        ("LONGSHORE_MAX_ENTRIES", "`1000000`", "entries in an archive; in a manifest `50000`"),
        (
            "LONGSHORE_MAX_ENTRY_BYTES",
            "`33554432`",
            "size of one entry, in bytes: the largest buffer a refresh holds; in a manifest `16777216`",
        ),
        ("LONGSHORE_MAX_JSON_DEPTH", "`64`", "nesting of JSON, at most 120"),
        (
            "LONGSHORE_CONCURRENCY",
            "`2`",
            "sources or owners handled side by side in one invocation, a database connection each",
        ),
        (
            "LONGSHORE_DEADLINE_MARGIN_MS",
            "`5000`",
            "an invocation stops this long before its time-out, in milliseconds",
        ),
        (
            "LONGSHORE_REJECTION_TARGET",
            "`none`",
            "where rejected records go: `s3://bucket/prefix`, an SQS queue URL, or `none`",
        ),
        (
            "LONGSHORE_FAILURE_TARGET",
            "-",
            "the bucket of what failed, for `list-failures` and `replay` of `setup`: `s3://bucket`",
        ),
        (
            "LONGSHORE_FUNCTION_PREFIX",
            "-",
            "what the names of the functions begin with that `replay` may invoke, such as `longshore-`",
        ),
        ("LONGSHORE_CREATE_TENANTS", "`true`", "an unknown tenant is created"),
        ("LONGSHORE_CREATE_SOURCES", "`true`", "an unknown reporter becomes a source"),
        ("LONGSHORE_TASK_HOSTS", "none", "hosts that `task_url` may name, comma-separated"),
        ("LONGSHORE_TASK_API_URL", "-", "base URL of the task API for messages whose `category` is a task id"),
        ("LONGSHORE_TASK_TIMEOUT_MS", "`3000`", "time for one call of the task API, in milliseconds"),
        (
            "LONGSHORE_TRUSTED_CERTIFICATES",
            "none",
            "where the certificates are whose signatures of manifests count: PEM files, directories of them, ARNs of Secrets Manager secrets, comma-separated",
        ),
        (
            "LONGSHORE_KEYS",
            "-",
            "where the keys are that private keys are encrypted with: `file:..`, `secretsmanager:..` or `kms:..`",
        ),
        (
            "LONGSHORE_AUTHORITY",
            "-",
            "where the PEM text is of the CA certificate and its RSA key that issue certificates and sign exports: `file:..`, `secretsmanager:..` or `kms:..`",
        ),
        (
            "LONGSHORE_FORCEABLE_CONFLICTS",
            "`MANIFEST_OLD,MANIFEST_SAME,DISTRIBUTOR_CONFLICT,SIGNATURE_CONFLICT,UNTRUSTED_SIGNING_CERTIFICATE`",
            "the conflicts that a message may force, comma-separated; `none` for none",
        ),
        ("LONGSHORE_IMPORT_RECORDS", "`10`", "import records that are kept for an owner"),
        ("LONGSHORE_EXPORT_TARGET", "-", "where exported manifests are stored: `s3://bucket/prefix`"),
        (
            "LONGSHORE_EXPORT_WEB_PREFIX",
            "-",
            "base of the web pages about consumers that exports name, where the request does not",
        ),
        ("LONGSHORE_EXPORT_API_URL", "-", "base of the API of consumers that exports name, where the request does not"),
        ("LONGSHORE_EXPORT_LINK_SECONDS", "`900`", "how long the link to an exported manifest works, in seconds"),
        (
            "LONGSHORE_JWT_ORG_CLAIM",
            "`org_id`",
            "the claim of a token that names the organisation of a caller over HTTP",
        ),
        (
            "LONGSHORE_TRUST_IDENTITY_HEADER",
            "`false`",
            "callers over HTTP are known by `x-rh-identity` where no authorizer spoke: only where a trusted gateway sets it, and nobody can get past that",
        ),
        ("LONGSHORE_KAFKA_BROKERS", "-", "the cluster that events are published to: `host:port`, comma-separated"),
        (
            "LONGSHORE_KAFKA_SECURITY",
            "`tls`",
            "how to log in to it: `iam` (MSK, as the function's role), `scram` (SHA-512), `tls` without a login, `plaintext`",
        ),
        ("LONGSHORE_KAFKA_SECRET_ARN", "-", "for `scram`: a Secrets Manager secret with `username` and `password`"),
        ("LONGSHORE_KAFKA_CA_FILE", "-", "PEM file with further CA certificates of brokers to trust"),
        (
            "LONGSHORE_KAFKA_MAX_MESSAGE_BYTES",
            "`1000000`",
            "size of a message before compression, in bytes, no more than the topics take; larger ones are parked",
        ),
        (
            "LONGSHORE_KAFKA_TIMEOUT_MS",
            "`20000`",
            "time for messages to be acknowledged, in milliseconds, at most 45000",
        ),
        ("LONGSHORE_EVENTS_TOPIC", "`longshore.events`", "topic of the events"),
        ("LONGSHORE_EVENTS_SOURCE", "`/longshore`", "the CloudEvents `source` of the events"),
        ("LONGSHORE_OUTBOX_RETENTION_HOURS", "`168`", "how long published messages are kept in the outbox, in hours"),
        (
            "LONGSHORE_WAKE_QUEUE",
            "-",
            "URL of the SQS queue that wakes the publisher after a batch; without it, it comes by its schedule",
        ),
        (
            "LONGSHORE_PAYLOAD_STATUS",
            "`true`",
            "tell the platform the status of each message: `received`, `processing`, `success` or `error`",
        ),
        ("LONGSHORE_PAYLOAD_STATUS_TOPIC", "`platform.payload-status`", "topic of these"),
        ("LONGSHORE_PAYLOAD_STATUS_SERVICE", "`longshore`", "the `service` that they name"),
        (
            "LONGSHORE_VALIDATION",
            "`false`",
            "answer each upload: all that its message said and `validation`, `success` or `failure`",
        ),
        ("LONGSHORE_VALIDATION_TOPIC", "`platform.upload.validation`", "topic of these"),
        ("LONGSHORE_METRICS_NAMESPACE", "`Longshore`", "CloudWatch namespace of the metrics"),
    ];

    /// Reads the process environment.
    ///
    /// # Errors
    /// Names the variable, what it holds that is wrong, and what it should hold. Never shows a password.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_env() -> Result<Self, SettingError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads settings from any source of variables.
    ///
    /// # Errors
    /// As [`Settings::from_env`].
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let read = Reader::new(&lookup);
        let local_development = read.flag("LONGSHORE_LOCAL_DEVELOPMENT", false)?;
        let connect_timeout = read.millis("LONGSHORE_CONNECT_TIMEOUT_MS", 5_000)?;
        Ok(Self {
            database: DatabaseSettings::read(&read, connect_timeout)?,
            fetch: FetchSettings {
                allowed: AllowList::new(
                    read.lower_case_list("LONGSHORE_ALLOWED_HOSTS"),
                    read.lower_case_list("LONGSHORE_ALLOWED_BUCKETS"),
                    local_development,
                ),
                connect_timeout,
                timeout: read.millis("LONGSHORE_DOWNLOAD_TIMEOUT_MS", 120_000)?,
                attempts: read.number("LONGSHORE_DOWNLOAD_ATTEMPTS", 4, 1..=20)?,
            },
            limits: read_limits(&read, Limits::default())?,
            manifest_limits: read_limits(&read, Limits::for_manifests())?,
            import: ImportSettings::read(&read)?,
            export: ExportSettings::read(&read)?,
            authority: read.optional("LONGSHORE_AUTHORITY")?,
            callers: callers::read(&read)?,
            task: TaskSettings {
                hosts: read.lower_case_list("LONGSHORE_TASK_HOSTS"),
                api_url: read.text("LONGSHORE_TASK_API_URL"),
                timeout: read.millis("LONGSHORE_TASK_TIMEOUT_MS", 3_000)?,
            },
            rejection_target: read.parsed("LONGSHORE_REJECTION_TARGET", RejectionTarget::None)?,
            concurrency: read.number("LONGSHORE_CONCURRENCY", 2, 1..=64)?,
            deadline_margin: read.millis("LONGSHORE_DEADLINE_MARGIN_MS", 5_000)?,
            create_tenants: read.flag("LONGSHORE_CREATE_TENANTS", true)?,
            create_sources: read.flag("LONGSHORE_CREATE_SOURCES", true)?,
            kafka: KafkaSettings::read(&read)?,
            platform: PlatformSettings::read(&read)?,
            wake_queue: read.text("LONGSHORE_WAKE_QUEUE"),
            replay: ReplaySettings::read(&read)?,
            local_development,
            metrics_namespace: read.text("LONGSHORE_METRICS_NAMESPACE").unwrap_or_else(|| "Longshore".into()),
        })
    }
}

fn read_limits(read: &Reader<'_>, default: Limits) -> Result<Limits, SettingError> {
    Ok(Limits {
        compressed_bytes: read.number("LONGSHORE_MAX_COMPRESSED_BYTES", default.compressed_bytes, 1..=1 << 33)?,
        expanded_bytes: read.number("LONGSHORE_MAX_EXPANDED_BYTES", default.expanded_bytes, 1..=1 << 40)?,
        expansion_ratio: read.number("LONGSHORE_MAX_EXPANSION_RATIO", default.expansion_ratio, 1..=1_100)?,
        entries: read.number("LONGSHORE_MAX_ENTRIES", default.entries, 1..=1 << 32)?,
        entry_bytes: read.number("LONGSHORE_MAX_ENTRY_BYTES", default.entry_bytes, 1..=1 << 30)?,
        json_depth: read.number("LONGSHORE_MAX_JSON_DEPTH", default.json_depth, 4..=120)?,
    })
}

#[cfg(test)]
mod tests;
