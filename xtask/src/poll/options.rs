//! What somebody typed, and what it means for the mapping.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Parser;
use event_publisher::krafka::consumer::{AutoOffsetReset, GroupProtocol};
use longshore::{clock::Clock, settings::KafkaSettings};
use tokio::sync::Semaphore;

use super::{
    batch::Limits,
    discard::Destination,
    function::{Invocation, invoke},
    partition::Job,
    policy::Policy,
    poller::Source,
    report::{Lines, Report},
};

/// What Lambda hands to a function at most.
const PAYLOAD: usize = 6 * 1024 * 1024;

/// The first pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// `cargo xtask poll`
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Brokers that are asked first, as `host:port`, several with commas
    #[arg(long)]
    brokers: String,
    /// A topic to read; may be given several times
    #[arg(long = "topic", required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// The function that is invoked with the records
    #[arg(long)]
    function: String,
    /// Where the function is invoked, as `cargo lambda watch` has it
    #[arg(long, default_value = "http://127.0.0.1:9000")]
    endpoint: String,
    /// The consumer group, which keeps how far the function is [default: longshore-poll-FUNCTION]
    #[arg(long)]
    group: Option<String>,
    /// Where a group begins that has not read yet
    #[arg(long, value_enum, default_value_t = Starting::TrimHorizon)]
    starting: Starting,
    /// End when everything is done that is there now
    #[arg(long)]
    once: bool,
    /// Records of a partition that the function gets at once, at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch_size: u32,
    /// How long to wait for a batch to become full, like 500ms, 5s or 2m; up to 300s
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = window)]
    window: Duration,
    /// Bytes of an event, at most; Lambda's own limit is the default
    #[arg(long, default_value_t = PAYLOAD, value_parser = max_bytes)]
    max_bytes: usize,
    /// Partitions whose batches are with the function at the same time; each has one at most [default: all]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: Option<u16>,
    /// How long the function may take, like 30s; then its batch has failed
    #[arg(long, value_name = "TIME", default_value = "14m", value_parser = function_timeout)]
    timeout: Duration,
    /// How often failed records go to the function again [default: for ever; 10 with --on-failure]
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    retries: Option<u32>,
    /// Give records up that are older than this, like 90s, 10m, 12h or 7d [default: never]
    #[arg(long, value_name = "TIME", value_parser = record_age)]
    record_age: Option<Duration>,
    /// Halve a batch that fails as a whole, until what fails is alone
    #[arg(long)]
    bisect: bool,
    /// Where given up batches go: a folder, for a JSON file each, or `-` for stdout [default: they are dropped]
    #[arg(long, value_name = "DIR|-")]
    on_failure: Option<String>,
    /// How to log in to the brokers
    #[arg(long, value_enum, default_value_t = Security::Plaintext)]
    security: Security,
    /// The secret with `username` and `password` for SCRAM, in AWS Secrets Manager
    #[arg(long, required_if_eq("security", "scram"))]
    secret: Option<String>,
    /// Further CA certificates for TLS, PEM
    #[arg(long)]
    ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Starting {
    /// At the end: what is written from now on
    Latest,
    /// At the beginning: everything that is there
    TrimHorizon,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Security {
    /// Neither TLS nor a login
    Plaintext,
    /// TLS
    Tls,
    /// TLS and SASL/SCRAM
    Scram,
    /// TLS and the IAM of MSK
    Iam,
}

fn window(text: &str) -> Result<Duration, String> {
    let longest = Duration::from_secs(300);
    duration(text)
        .filter(|window| *window <= longest)
        .ok_or_else(|| "expected a time up to 300s, like 500ms".to_owned())
}

fn function_timeout(text: &str) -> Result<Duration, String> {
    // Lambda's own limit for functions that read Kafka.
    let sound = Duration::from_secs(1)..=Duration::from_secs(14 * 60);
    duration(text).filter(|time| sound.contains(time)).ok_or_else(|| "expected a time from 1s to 14m".to_owned())
}

fn record_age(text: &str) -> Result<Duration, String> {
    // Lambda has at least a minute. At a desk nobody wants to wait so long for what is too old.
    let sound = Duration::from_secs(1)..=Duration::from_secs(604_800);
    duration(text).filter(|age| sound.contains(age)).ok_or_else(|| "expected a time from 1s to 7d, like 10m".to_owned())
}

fn max_bytes(text: &str) -> Result<usize, String> {
    let sound = 1_024..=PAYLOAD;
    text.parse().ok().filter(|bytes| sound.contains(bytes)).ok_or_else(|| format!("expected 1024 to {PAYLOAD}"))
}

/// `500ms`, `5s`, `2m`, `12h` or `7d`
fn duration(text: &str) -> Option<Duration> {
    let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    number.checked_mul(millis).map(Duration::from_millis)
}

impl Options {
    /// As if somebody had typed them.
    pub fn typed(arguments: &[&str]) -> Result<Self> {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            options: Options,
        }
        let line = Line::try_parse_from(std::iter::once("poll").chain(arguments.iter().copied()))?;
        Ok(line.options)
    }

    /// Where the function is.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How to reach the cluster.
    pub(super) fn kafka(&self) -> Result<KafkaSettings> {
        let security = match self.security {
            Security::Plaintext => "plaintext",
            Security::Tls => "tls",
            Security::Scram => "scram",
            Security::Iam => "iam",
        };
        let settings = KafkaSettings::from_lookup(|name| match name {
            "LONGSHORE_KAFKA_BROKERS" => Some(self.brokers.clone()),
            "LONGSHORE_KAFKA_SECURITY" => Some(security.to_owned()),
            "LONGSHORE_KAFKA_SECRET_ARN" => self.secret.clone(),
            "LONGSHORE_KAFKA_CA_FILE" => self.ca_file.as_ref().map(|file| file.display().to_string()),
            _ => None,
        });
        settings.context("these options do not go together")
    }

    /// What is read.
    pub(super) fn source(&self) -> Source {
        let group = self.group.clone().unwrap_or_else(|| format!("longshore-poll-{}", self.function));
        let starting = match self.starting {
            Starting::Latest => AutoOffsetReset::Latest,
            Starting::TrimHorizon => AutoOffsetReset::Earliest,
        };
        Source {
            servers: self.brokers.clone(),
            topics: self.topics.clone(),
            group,
            starting,
            once: self.once,
            protocol: GroupProtocol::Classic,
        }
    }

    /// What is done with it.
    pub(super) fn job(&self) -> Job<impl Fn(Bytes) -> Invocation + Send + Sync + 'static> {
        let destination = match self.on_failure.as_deref() {
            None => Destination::Nowhere,
            Some("-") => Destination::Stdout,
            Some(folder) => Destination::Folder(PathBuf::from(folder)),
        };
        let policy = Policy { retries: self.retries, record_age: self.record_age, bisect: self.bisect };
        let policy = if destination == Destination::Nowhere { policy } else { policy.with_destination() };
        let lines = Lines::stderr(&self.topics);
        Job {
            function: self.function.clone(),
            invoke: invoke(&self.endpoint, &self.function, self.timeout),
            limits: Limits { records: self.batch_size as usize, bytes: self.max_bytes, window: self.window },
            policy,
            destination,
            first_pause: FIRST_PAUSE,
            permits: Semaphore::new(self.concurrency.map_or(Semaphore::MAX_PERMITS, usize::from)),
            report: Box::new(move |report: Report| lines.show(&report)),
            clock: Clock::system(),
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore::settings::KafkaSecurity;

    use super::*;

    const LEAST: [&str; 6] = ["--brokers", "a:1,b:2", "--topic", "t", "--function", "f"];

    fn typed(more: &[&str]) -> Result<Options> {
        Options::typed(&[&LEAST, more].concat())
    }

    #[test]
    fn without_options_it_is_what_lambda_does_by_default() {
        let options = typed(&[]).unwrap();
        let (kafka, source, job) = (options.kafka().unwrap(), options.source(), options.job());
        assert_eq!((kafka.brokers, kafka.security), (vec!["a:1".into(), "b:2".into()], KafkaSecurity::Plaintext));
        assert_eq!((source.group.as_str(), source.once), ("longshore-poll-f", false));
        assert_eq!((job.limits.records, job.limits.bytes), (100, 6_291_456));
        assert_eq!((job.limits.window, job.policy.retries), (Duration::from_millis(500), None));
    }

    #[test]
    fn a_failure_destination_limits_retries_unless_somebody_names_a_number() {
        assert_eq!(typed(&["--on-failure", "-"]).unwrap().job().policy.retries, Some(10));
        assert_eq!(typed(&["--on-failure", "d", "--retries", "20"]).unwrap().job().policy.retries, Some(20));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            ["--batch-size", "0"],
            ["--window", "301s"],
            ["--window", "5"],
            ["--record-age", "8d"],
            ["--max-bytes", "7000000"],
            ["--concurrency", "0"],
            ["--timeout", "15m"],
            ["--security", "scram"],
        ] {
            assert!(typed(&bad).is_err(), "{bad:?}");
        }
        assert_eq!(typed(&["--record-age", "10m"]).unwrap().record_age, Some(Duration::from_secs(600)));
    }
}
