//! cargo-lambda: found or installed, and its local emulation of Lambda for all functions of a workspace.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::File,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use hyper::Method;

pub use crate::http_client::Response;
use crate::{
    http_client,
    pip::{self, Dependencies},
    process::{Leash, Signal, own_group, signal},
    system::tail,
};

/// The version that is installed when there is none.
const VERSION: &str = "1.9.2";

/// `cargo`, without what another cargo has set for the program that it runs (that is us): build scripts look at some
/// of these variables, and would run again each time that a developer and we build in turn.
#[must_use]
pub fn cargo() -> Command {
    const SET_FOR_PROGRAMS: [&str; 7] = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_CFG_",
        "OUT_DIR",
    ];
    let mut cargo = Command::new("cargo");
    #[expect(clippy::disallowed_methods, reason = "names are removed, no setting is read")]
    for (name, _) in std::env::vars_os() {
        let set = name
            .to_str()
            .is_some_and(|name| name == "CARGO" || SET_FOR_PROGRAMS.iter().any(|set| name.starts_with(set)));
        if set {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// cargo-lambda, ready to run.
#[derive(Debug, Clone)]
pub struct CargoLambda {
    /// Where we installed it; `None`: it is on the search path.
    bin: Option<PathBuf>,
}

/// What [`CargoLambda::watch`] runs.
#[derive(Debug, Clone, Copy)]
pub struct WatchOptions<'a> {
    /// The root of the workspace; each of its binaries is a function.
    pub workspace: &'a Path,
    /// The port on 127.0.0.1 for invocations.
    pub port: u16,
    /// The environment of every function, beside what we have ourselves. Nothing of ours whose name begins with `AWS_`
    /// is passed on: a developer's profile or session must not meet the local servers.
    pub env: &'a BTreeMap<String, String>,
    /// What cargo-lambda and the functions print. Emptied at the start.
    pub log: &'a Path,
    /// Who builds and starts the functions.
    pub start: Start,
}

/// Who builds and starts the functions of a [`Watch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// cargo-lambda, and a function anew when a source file of it changes.
    Reloading,
    /// cargo-lambda.
    Once,
    /// Somebody else, who tells them their [`Watch::runtime_api`].
    Elsewhere,
}

impl CargoLambda {
    /// The one that we installed below `tools`, else the one on the search path.
    #[must_use]
    pub fn find(tools: &Path) -> Option<Self> {
        let bin = tools.join("cargo-lambda/bin");
        if bin.join("cargo-lambda").is_file() {
            return Some(Self { bin: Some(bin) });
        }
        let installed =
            Command::new("cargo").args(["lambda", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        installed.is_ok_and(|status| status.success()).then_some(Self { bin: None })
    }

    /// Installs it from PyPI below `tools` (about 10 s). Its dependency, the Zig compiler, is left out: only building for
    /// another platform needs it.
    ///
    /// # Errors
    /// No Python with `venv` or `pip`, or PyPI cannot be reached.
    pub fn install(tools: &Path) -> Result<Self> {
        pip::install(&[&format!("cargo-lambda=={VERSION}")], Dependencies::None, &tools.join("cargo-lambda"))?;
        Self::find(tools).context("cargo-lambda was installed, but it is not where it should be")
    }

    /// `cargo lambda invoke`, which is to be told more.
    ///
    /// # Errors
    /// The search path cannot be extended by where cargo-lambda is.
    pub fn invocation(&self) -> Result<Command> {
        let mut command = cargo();
        command.args(["lambda", "invoke"]);
        self.put_on_path(&mut command)?;
        Ok(command)
    }

    fn put_on_path(&self, command: &mut Command) -> Result<()> {
        if let Some(bin) = &self.bin {
            command.env("PATH", with_first(bin)?);
        }
        Ok(())
    }

    /// Starts `cargo lambda watch` and blocks until it answers. A function is built and started by its first
    /// invocation, with `cargo run --bin`: `cargo build --bin` in the same workspace makes that quick.
    ///
    /// # Errors
    /// The port is taken, or it ended; the end of its log is part of the text.
    pub fn watch(&self, options: WatchOptions<'_>) -> Result<Watch> {
        let log = File::create(options.log).with_context(|| format!("cannot write {}", options.log.display()))?;
        let mut command = cargo();
        command.args(["lambda", "watch", "--color", "never", "-A", "127.0.0.1", "-P", &options.port.to_string()]);
        match options.start {
            Start::Reloading => &mut command,
            Start::Once => command.arg("--ignore-changes"),
            Start::Elsewhere => command.arg("--only-lambda-apis"),
        };
        #[expect(clippy::disallowed_methods, reason = "names are removed, no setting is read")]
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        // Not as `--env-file`: its parser refuses a value with an equals sign, and every database URL has one.
        command.envs(options.env);
        self.put_on_path(&mut command)?;
        command.current_dir(options.workspace).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut leash = Leash::new("TERM")?;
        let child = own_group(&mut command).spawn().context("cannot start `cargo lambda watch`")?;
        leash.hold(child.id())?;
        let mut watch = Watch { port: options.port, child, _leash: leash };
        watch
            .wait_until_listening()
            .with_context(|| format!("`cargo lambda watch` did not start:\n{}", tail(options.log)))?;
        Ok(watch)
    }
}

/// A running `cargo lambda watch`. Dropped, it stops with all its functions.
#[derive(Debug)]
pub struct Watch {
    port: u16,
    child: Child,
    _leash: Leash,
}

impl Watch {
    /// `http://127.0.0.1:port`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a function that cargo-lambda does not start itself is told as `AWS_LAMBDA_RUNTIME_API`.
    #[must_use]
    pub fn runtime_api(&self, function: &str) -> String {
        format!("{}/.rt/{function}", self.url())
    }

    /// Invokes a function and waits for its answer. A handler's error is an answer with status 500.
    ///
    /// # Errors
    /// cargo-lambda gave no answer.
    pub async fn invoke(&self, function: &str, payload: impl Into<Bytes>) -> Result<Response> {
        invoke(&self.url(), function, payload).await
    }

    /// Where a function that answers HTTP is reached: its function URL, without the path.
    #[must_use]
    pub fn function_url(&self, function: &str) -> String {
        format!("{}/lambda-url/{function}", self.url())
    }

    fn wait_until_listening(&mut self) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}");
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("it does not listen on port {} after 30 s", self.port)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Asked politely it stops its functions too; killed it could not.
        signal(self.child.id(), Signal::TERM);
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() > Duration::from_secs(5) {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Invokes a function at the address of a `cargo lambda watch`. A handler's error is an answer with status 500.
///
/// # Errors
/// Nobody answers there.
pub async fn invoke(functions_url: &str, function: &str, payload: impl Into<Bytes>) -> Result<Response> {
    let url = format!("{functions_url}/2015-03-31/functions/{function}/invocations");
    http_client::send(Method::POST, &url, &[("content-type", "application/json")], payload.into()).await
}

/// The search path with `bin` in front.
fn with_first(bin: &Path) -> Result<OsString> {
    #[expect(clippy::disallowed_methods, reason = "a program's search path, not a setting")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs = vec![bin.as_os_str().to_owned()];
    dirs.extend(std::env::split_paths(&path).map(PathBuf::into_os_string));
    std::env::join_paths(dirs.iter().map(OsStr::new)).context("the search path cannot be extended")
}
