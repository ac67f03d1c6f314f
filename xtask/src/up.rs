//! `up` and `down`: the local stack for a developer.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader, stdout},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use longshore_devkit::process::{Signal, signal};
use tokio::signal::unix::{SignalKind, signal as listen};

use crate::{
    loopback::Loopback,
    progress::{Progress, write_line},
    samples::prepare,
    stack::{Functions, Stack, StackLock, StackOptions, read_env},
    workspace::Workspace,
};

/// cargo-lambda's own port, so that `cargo lambda invoke` finds the functions.
const PORT: u16 = 9000;

/// What the background process writes to stdout when all is healthy.
const READY: &str = "ready";

/// `cargo xtask up`
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Return when everything is healthy, and leave it running
    #[arg(long)]
    detach: bool,
    /// Run what `sam build` has left in this folder (`.aws-sam/build`) instead of debug builds
    #[arg(long, value_name = "FOLDER")]
    built: Option<PathBuf>,
    /// This is the process that `--detach` leaves running
    #[arg(long, hide = true)]
    in_background: bool,
}

/// Starts the stack and keeps it until Ctrl-C or `down`.
pub async fn up(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let dir = workspace.target("local");
    if options.detach {
        let progress = Progress::stderr();
        let (shown, log, built) = (workspace.clone(), dir.join("up.log"), options.built.clone());
        tokio::task::spawn_blocking(move || detach(&shown, built.as_deref(), &log, progress)).await??;
        write_line(stdout(), &endpoints(workspace, &dir, &read_env(&dir)?));
        return Ok(ExitCode::SUCCESS);
    }
    let progress = if options.in_background { Progress::relay() } else { Progress::stderr() };
    let functions = options.built.clone().map_or(Functions::Reloading, Functions::Built);
    let stack_options = StackOptions { dir: dir.clone(), port: Some(PORT), functions, kafka: None, empty: false };
    let stop = Stop::listen(options.in_background)?;
    let begun = Instant::now();
    let stack = tokio::select! {
        stack = Stack::start(workspace, &stack_options, progress) => stack?,
        () = stop.requested() => return Ok(ExitCode::FAILURE),
    };
    prepare(workspace, &stack, progress).await?;
    let _loopback = Loopback::open(port(&stack.env).unwrap_or(PORT)).await;
    progress.done("healthy", "", begun.elapsed());
    if options.in_background {
        write_line(stdout(), READY);
    } else {
        write_line(stdout(), &endpoints(workspace, &dir, &stack.env));
        progress.note("Ctrl-C stops everything");
    }
    stop.requested().await;
    let begun = Instant::now();
    tokio::task::spawn_blocking(move || drop(stack)).await?;
    progress.done("stopped", "", begun.elapsed());
    Ok(ExitCode::SUCCESS)
}

/// Stops the stack, wherever it was started.
pub async fn down(workspace: &Workspace) -> Result<ExitCode> {
    let (dir, progress, begun) = (workspace.target("local"), Progress::stderr(), Instant::now());
    let Some(pid) = StackLock::holder(&dir)? else {
        progress.note("the stack is not running");
        return Ok(ExitCode::SUCCESS);
    };
    signal(pid, Signal::TERM);
    while StackLock::holder(&dir)? == Some(pid) {
        if begun.elapsed() > Duration::from_secs(30) {
            // Its servers stop when they notice that it is gone.
            signal(pid, Signal::KILL);
            bail!("process {pid} did not stop within 30 s, so it was killed");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    progress.done("stopped", "", begun.elapsed());
    Ok(ExitCode::SUCCESS)
}

/// Starts this program again, in the background, and shows its progress until all is healthy.
fn detach(workspace: &Workspace, built: Option<&Path>, log: &Path, progress: Progress) -> Result<()> {
    fs::create_dir_all(workspace.target("local"))?;
    let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["up", "--in-background"]).current_dir(workspace.root());
    if let Some(folder) = built {
        command.arg("--built").arg(folder.canonicalize().with_context(|| format!("there is no {}", folder.display()))?);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(output).process_group(0);
    let mut child = KilledUnlessReady(Some(command.spawn().context("cannot start the background process")?));
    let lines =
        child.0.as_mut().and_then(|child| child.stdout.take()).context("the background process has no output")?;
    for line in BufReader::new(lines).lines() {
        let line = line?;
        if line == READY {
            child.0 = None;
            return Ok(());
        }
        progress.show_relayed(&line);
    }
    bail!("the stack did not start:\n{}", fs::read_to_string(log).unwrap_or_default().trim_end())
}

/// An interrupted `up --detach` leaves nothing half started.
struct KilledUnlessReady(Option<Child>);

impl Drop for KilledUnlessReady {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            signal(child.id(), Signal::TERM);
            let _ = child.wait();
        }
    }
}

/// Where everything is, aligned, with what a person wants to do next.
fn endpoints(workspace: &Workspace, dir: &Path, env: &BTreeMap<String, String>) -> String {
    const SHOWN: [&str; 6] =
        ["DATABASE_URL", "FUNCTIONS_URL", "S3_ENDPOINT_URL", "S3_BUCKET", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let file = |name: &str| workspace.shown(&dir.join(name));
    let mut lines: Vec<(&str, String)> =
        SHOWN.iter().map(|name| (*name, env.get(*name).cloned().unwrap_or_default())).collect();
    lines.extend([("all of these", file("env")), ("the functions' log", file("functions.log"))]);
    lines.push(("try it", invocation(env, "tower-persister", "full")));
    lines.push(("", invocation(env, "manifest-importer", "manifest")));
    let installed = workspace.target("tools/cargo-lambda/bin");
    if installed.is_dir() {
        lines.push(("with this on PATH", workspace.shown(&installed)));
    }
    lines.iter().map(|(name, value)| format!("{name:<22} {value}")).collect::<Vec<_>>().join("\n")
}

/// How to invoke a function with a sample. cargo-lambda knows its own port, and finds the IPv6 loopback address.
fn invocation(env: &BTreeMap<String, String>, function: &str, sample: &str) -> String {
    let port = port(env).filter(|port| *port != PORT).map_or_else(String::new, |port| format!(" --invoke-port {port}"));
    format!("cargo lambda invoke{port} {function} --data-file events/{function}/{sample}.json")
}

fn port(env: &BTreeMap<String, String>) -> Option<u16> {
    env.get("FUNCTIONS_URL")?.rsplit_once(':')?.1.parse().ok()
}

/// The signals that end the stack.
struct Stop(tokio::sync::watch::Receiver<bool>);

impl Stop {
    /// A background process outlives the terminal that it was started from.
    fn listen(in_background: bool) -> Result<Self> {
        let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        let mut hang_up = listen(SignalKind::hangup())?;
        let (tell, told) = tokio::sync::watch::channel(false);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => break,
                    _ = terminate.recv() => break,
                    _ = hang_up.recv() => if !in_background { break },
                }
            }
            tell.send_replace(true);
        });
        Ok(Self(told))
    }

    async fn requested(&self) {
        // The sender goes only after it has told.
        let _ = self.0.clone().wait_for(|requested| *requested).await;
    }
}
