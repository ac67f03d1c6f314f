//! `samples`: each file in `events/`, handed to its function by `cargo lambda invoke` as a person would, answers what
//! `events/README.md` says.

mod documented;
mod shape;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use longshore_devkit::{http_client, manifest::manifest_samples, tower::samples};
use serde_json::Value;
use tokio::process::Command;

use self::documented::{Sample, documented};
use crate::{
    progress::Progress,
    stack::{Functions, LOG, Stack, StackOptions, UPLOADS},
    workspace::{FUNCTIONS, Workspace},
};

/// Far more than any sample takes. cargo-lambda itself would wait for ever for a function that ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// The publisher goes first, while nothing waits for it. `setup` makes what the others need.
const ORDER: [&str; 6] =
    ["event-publisher", "setup", "tower-persister", "manifest-importer", "manifest-exporter", "upstream-consumer"];

/// They take back what the exporter's samples need.
const LAST: [&str; 2] = ["unentitle.json", "delete-distributor.json"];

/// `cargo xtask samples`
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Invoke what `sam build` has left in this folder (`.aws-sam/build`) instead of debug builds
    #[arg(long, value_name = "FOLDER")]
    built: Option<PathBuf>,
}

/// Plays every sample on an empty database. Fails when one is missing in the document or answers otherwise.
pub async fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let (progress, begun) = (Progress::stderr(), Instant::now());
    let samples = in_order(workspace)?;
    let functions = options.built.clone().map_or(Functions::Fixed, Functions::Built);
    let dir = workspace.target("samples");
    let stack_options = StackOptions { dir: dir.clone(), port: None, functions, kafka: None, empty: true };
    let stack = Stack::start(workspace, &stack_options, progress).await?;
    prepare(workspace, &stack, progress).await?;
    let mut log = Log(File::open(dir.join(LOG))?);
    let mut wrong = 0;
    for played in samples.chunk_by(|one, next| one.function == next.function) {
        let begun = Instant::now();
        for sample in played {
            log.skip()?;
            let answer = invoke(workspace, &stack, sample).await?;
            let against = sample.objections(answer.as_ref(), &log.kinds()?);
            wrong += usize::from(!against.is_empty());
            for objection in against {
                progress.note(&format!("WRONG {}/{}: {objection}", sample.function, sample.file));
            }
        }
        progress.done(&played[0].function, &format!("{} samples", played.len()), begun.elapsed());
    }
    let plain = plain_paths(&stack).await;
    tokio::task::spawn_blocking(move || drop(stack)).await?;
    plain?;
    ensure!(
        wrong == 0,
        "{wrong} samples did not do what events/README.md says; the log is {}",
        dir.join(LOG).display()
    );
    progress.done("samples", &format!("{} did what events/README.md says", samples.len()), begun.elapsed());
    Ok(ExitCode::SUCCESS)
}

/// Uploads the archives that the events in `events/` announce, and creates the owner that they are for. Archives are made
/// anew, so that they are those of this checkout.
pub async fn prepare(workspace: &Workspace, stack: &Stack, progress: Progress) -> Result<()> {
    let begun = Instant::now();
    let made = tokio::task::spawn_blocking(|| [samples(), manifest_samples()].concat()).await?;
    let count = made.len();
    for (key, bytes) in made {
        stack.s3.put(UPLOADS, key, bytes).await?;
    }
    let owner = workspace.root().join("events/setup/create-owner.json");
    let command = fs::read(&owner).with_context(|| format!("cannot read {}", owner.display()))?;
    stack.expect_answer("setup", command).await?;
    progress.done("samples", &format!("{count} files and an owner, for the files in events/"), begun.elapsed());
    Ok(())
}

/// The samples that the document tells of, which must be those that there are, in the order in which they are played.
fn in_order(workspace: &Workspace) -> Result<Vec<Sample>> {
    let text = fs::read_to_string(workspace.root().join("events/README.md"))?;
    let mut samples = documented(&text)?;
    let told: BTreeSet<String> = samples.iter().map(|sample| format!("{}/{}", sample.function, sample.file)).collect();
    ensure!(told.len() == samples.len(), "events/README.md tells of a sample twice");
    let mut there = BTreeSet::new();
    for function in FUNCTIONS {
        for entry in fs::read_dir(workspace.root().join("events").join(function))? {
            there.insert(format!("{function}/{}", entry?.file_name().to_string_lossy()));
        }
    }
    let differing: Vec<&String> = told.symmetric_difference(&there).collect();
    ensure!(differing.is_empty(), "not both in events/ and in a table of its README: {differing:?}");
    let place = |sample: &Sample| {
        let function = ORDER.iter().position(|function| *function == sample.function);
        (LAST.contains(&sample.file.as_str()), function)
    };
    // Stable: within a function it is the document's order.
    samples.sort_by_key(place);
    Ok(samples)
}

/// What a function answers to its sample; `Err` has the error's text if the invocation fails.
async fn invoke(workspace: &Workspace, stack: &Stack, sample: &Sample) -> Result<Result<Value, String>> {
    let url = stack.functions.url();
    let port = url.rsplit_once(':').context("the functions' URL has no port")?.1;
    let mut command = Command::from(stack.cargo_lambda.invocation()?);
    // A failing function is no reason to ask again: the sample might then tell of the second time.
    command.args(["--invoke-address", "127.0.0.1", "--invoke-port", port, "--retry-attempts", "1", "--data-file"]);
    command.arg(format!("events/{}/{}", sample.function, sample.file)).arg(&sample.function);
    command.current_dir(workspace.root()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.with_context(|| format!("{}/{}: no answer", sample.function, sample.file))??;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let Ok(answer) = serde_json::from_str(&text) else {
        bail!("{}/{}: the answer is not JSON: {text}", sample.function, sample.file);
    };
    Ok(Ok(answer))
}

/// Whether `cargo lambda watch` leads plain paths, as gateways have them, to the function that answers them.
async fn plain_paths(stack: &Stack) -> Result<()> {
    // What a path answers that leads nowhere else: 401, as nobody says who asks.
    for (path, status) in [
        ("/candlepin/openapi.json", 200),
        ("/candlepin/owners/5318290/upstream_consumers", 401),
        ("/candlepin/consumers/3b1f0f52-6f0a-4d7c-9c55-0f1f2f6a8d31/export", 401),
        ("/lambda-url/upstream-consumer/candlepin/openapi.json", 200),
    ] {
        let answer = http_client::get(&format!("{}{path}", stack.functions.url()), &[]).await?;
        ensure!(answer.status == status, "{path} answers {}, and should {status}", answer.status);
    }
    Ok(())
}

/// The functions' log, from where it was read last.
struct Log(File);

impl Log {
    fn skip(&mut self) -> Result<()> {
        self.0.seek(SeekFrom::End(0))?;
        Ok(())
    }

    /// The kinds that new lines give as reasons why records ended as they did. A function writes them before it answers.
    fn kinds(&mut self) -> Result<BTreeSet<String>> {
        let mut text = Vec::new();
        self.0.read_to_end(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let ends = lines.filter(|line| line["outcome"].is_string());
        Ok(ends.filter_map(|line| Some(line["error_kind"].as_str()?.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use longshore::settings::Settings;

    use super::*;

    #[test]
    fn what_is_set_for_running_by_hand_is_a_setting() {
        let events = Workspace::locate().unwrap().root().join("events");
        let known = |name: &str| name.starts_with("AWS_") || Settings::VARIABLES.iter().any(|each| each.0 == name);
        let by_function: Value = serde_json::from_str(&fs::read_to_string(events.join("env.json")).unwrap()).unwrap();
        let variables = by_function.as_object().unwrap().values().flat_map(|each| each.as_object().unwrap().keys());
        let shell = fs::read_to_string(events.join("local.env")).unwrap();
        let set = shell.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
        for name in variables.map(String::as_str).chain(set.map(|(name, _)| name)) {
            assert!(known(name), "{name}");
        }
    }

    #[test]
    fn every_sample_is_in_a_table_and_has_something_to_be_compared_with() {
        let samples = in_order(&Workspace::locate().unwrap()).unwrap();
        assert!(samples.len() > 60);
        assert_eq!(samples[0].function, "event-publisher");
        assert_eq!(samples[samples.len() - 1].file, "delete-distributor.json");
    }
}
