//! `demo`: what refreshes and imports do to a database, shown as they happen, and checked.

mod manifests;
mod tower;

use std::{
    io::stdout,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use event_publisher::krafka::testing::FakeBroker;
use tokio::{task::spawn_blocking, time::timeout};
use tokio_postgres::Client;

use self::{manifests::Manifests, tower::History};
use crate::{
    progress::{Progress, write_line},
    stack::{Functions, Stack, StackOptions, TRUSTED, UPLOADS, connect},
    table::{colour_on_stdout, size},
    workspace::Workspace,
};

/// The job templates of the default Tower are 20,000: a tenth is thousands of objects, and quick in a debug build.
const SCALE: f64 = 0.1;

/// Far more than a delivery takes. cargo-lambda itself would wait for ever for a function that ended.
const PATIENCE: Duration = Duration::from_secs(120);

/// The answer of a function that leaves no record to redelivery.
const ALL_DONE: &str = r#"{"batchItemFailures":[]}"#;

/// Whose Tower and whose manifests they are.
const ORG: &str = "5318290";

/// `cargo xtask demo`
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How large the Tower is; 1 has 20,000 job templates and 60,000 nodes
    #[arg(long, default_value_t = SCALE, value_parser = scale)]
    scale: f64,
}

fn scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (0.01..=4.0).contains(&number) => Ok(number),
        _ => Err("expected a number from 0.01 to 4".to_owned()),
    }
}

/// Starts a stack, shows deliveries of archives and of manifests, stops it. Fails when the database does not hold what it should.
pub async fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let (progress, begun) = (Progress::stderr(), Instant::now());
    let dir = workspace.target("demo");
    let broker = FakeBroker::start().await.context("a Kafka broker in this process")?;
    let kafka = Some(broker.bootstrap_servers());
    let stack_options = StackOptions { dir: dir.clone(), port: None, functions: Functions::Fixed, kafka, empty: true };
    let scale = options.scale;
    // Made while the servers start.
    let archives = spawn_blocking(move || (History::new(scale), begun.elapsed()));
    let manifests = spawn_blocking(move || (Manifests::new(), begun.elapsed()));
    let stack = Stack::start(workspace, &stack_options, progress).await?;
    let (history, made) = archives.await?;
    progress.done("archives", &history.summary(), made);
    let (manifests, made) = manifests.await?;
    progress.done("manifests", &manifests.summary(), made);

    let outcome = tokio::select! {
        outcome = tell(&stack, &broker, history, manifests, progress) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
    };
    let stopping = Instant::now();
    spawn_blocking(move || drop(stack)).await?;
    if outcome.is_err() {
        progress.note(&format!("the functions' log is {}", workspace.shown(&dir.join("functions.log"))));
    }
    outcome?;
    progress.done("stopped", "everything was as it should be", stopping.elapsed());
    progress.done("demo", "all in all", begun.elapsed());
    write_line(stdout(), &next_steps(workspace, &dir));
    Ok(ExitCode::SUCCESS)
}

async fn tell(
    stack: &Stack,
    broker: &FakeBroker,
    history: History,
    manifests: Manifests,
    progress: Progress,
) -> Result<()> {
    let client = connect(&stack.cluster).await?;
    let demo = Demo { stack, broker, client, progress, colour: colour_on_stdout() };
    tower::tell(&demo, history).await?;
    manifests::tell(&demo, manifests).await
}

fn next_steps(workspace: &Workspace, dir: &Path) -> String {
    let uploaded = |name: &str| workspace.shown(&dir.join("s3").join(UPLOADS).join("demo").join(name));
    let (archive, manifest) = (uploaded("full.tar.gz"), uploaded("next.zip"));
    format!(
        "\nLook into the archive:   cargo xtask inspect {archive}\n\
         Look into the manifest:  cargo xtask inspect {manifest} --trust {}\n\
         Send events yourself:    cargo xtask up, then see events/README.md",
        workspace.shown(&dir.join(TRUSTED))
    )
}

/// What the deliveries share.
struct Demo<'a> {
    stack: &'a Stack,
    broker: &'a FakeBroker,
    client: Client,
    progress: Progress,
    colour: bool,
}

impl Demo<'_> {
    /// Where an uploaded file is.
    fn url(key: &str) -> String {
        format!("s3://{UPLOADS}/{key}")
    }

    async fn upload(&self, key: &str, bytes: Vec<u8>) -> Result<()> {
        let (begun, length) = (Instant::now(), size(bytes.len() as u64));
        self.stack.s3.put(UPLOADS, key, bytes).await?;
        self.progress.done("upload", &format!("{}, {length}", Self::url(key)), begun.elapsed());
        Ok(())
    }

    /// Invokes a function, and returns its answer with the time that it took.
    async fn invoke(&self, function: &str, payload: impl Into<Bytes>) -> Result<(String, Duration)> {
        let begun = Instant::now();
        let answer = timeout(PATIENCE, self.stack.functions.invoke(function, payload)).await;
        let answer = answer.with_context(|| format!("no answer after {} s", PATIENCE.as_secs()))??;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        ensure!(answer.status.is_success(), "the function answered {}: {body}", answer.status);
        Ok((body, begun.elapsed()))
    }

    /// Delivers an event with records, none of which may have to come again.
    async fn deliver(&self, function: &str, event: Vec<u8>) -> Result<(String, Duration)> {
        let (body, took) = self.invoke(function, event).await?;
        ensure!(body == ALL_DONE, "records are to be delivered again: {body}");
        Ok((body, took))
    }

    fn heading(&self, text: &str) {
        let (bold, plain) = if self.colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        self.print(&format!("\n{bold}{text}{plain}"));
    }

    fn print(&self, text: &str) {
        write_line(stdout(), text);
    }
}
