//! The Lambda runtime API for one function process: what the service does around a function, without containers.
//!
//! An invocation that ends in a crash or runs out of time is an error at once, as on Lambda.

mod logs;
mod server;

use std::{
    net::Ipv4Addr,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use tokio::{net::TcpListener, process::Command, sync::watch, task::AbortHandle};

use self::{logs::Logs, server::Api};
use crate::process::{Leash, Signal, signal};

/// The result of one invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// What the handler returned, or the error object (`errorType`, `errorMessage`) that it failed with: both JSON.
    pub result: Result<Vec<u8>, Vec<u8>>,
    /// From handing out the event to receiving the answer.
    pub took: Duration,
}

/// A running function. Killed when dropped.
#[derive(Debug)]
pub struct Function {
    pid: u32,
    started: Instant,
    api: Arc<Api>,
    logs: Arc<Logs>,
    exited: watch::Receiver<Option<ExitStatus>>,
    serving: AbortHandle,
    _leash: Leash,
}

/// Ends a function's process from anywhere, see [`Function::killer`].
#[derive(Debug, Clone)]
pub struct Killer {
    pid: u32,
    exited: watch::Receiver<Option<ExitStatus>>,
}

impl Killer {
    /// Sends SIGKILL. Nothing happens when the process has ended.
    pub fn kill(&self) {
        if self.exited.borrow().is_none() {
            signal(self.pid, Signal::KILL);
        }
    }
}

impl Function {
    /// Starts a function's binary with Lambda's own variables and `env`; nothing else is inherited but `PATH`. Needs a
    /// Tokio runtime with I/O and time.
    ///
    /// # Errors
    /// The binary cannot be started.
    pub async fn spawn(binary: &Path, env: &[(String, String)]) -> Result<Self> {
        Self::spawn_with_log(binary, env, |_| ()).await
    }

    /// As [`Self::spawn`]; `sink` sees each line that the process prints, on stdout and stderr, as it comes.
    ///
    /// # Errors
    /// The binary cannot be started.
    pub async fn spawn_with_log(
        binary: &Path,
        env: &[(String, String)],
        sink: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free TCP port on 127.0.0.1")?;
        let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let endpoint = listener.local_addr()?.to_string();
        let api = Arc::new(Api::new(&name));
        let serving = tokio::spawn(Arc::clone(&api).serve(listener)).abort_handle();

        let mut command = Command::new(binary);
        inherit_path_only(&mut command);
        command.envs(lambda_environment(&name, &endpoint)).envs(env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.process_group(0);
        let mut leash = Leash::new("KILL")?;
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let pid = child.id().context("the function ended while it was started")?;
        leash.hold(pid)?;
        let logs = Logs::collect(child.stdout.take(), child.stderr.take(), Box::new(sink));
        let (tell, exited) = watch::channel(None);
        tokio::spawn(async move {
            // An error would mean that somebody else has waited for our child.
            if let Ok(status) = child.wait().await {
                tell.send_replace(Some(status));
            }
        });
        Ok(Self { pid, started, api, logs, exited, serving, _leash: leash })
    }

    /// Hands the function one event and waits for its answer. `deadline` is the function's time-out: when it passes the
    /// process is killed.
    ///
    /// # Errors
    /// The process ended, or was killed for its time-out, before it answered. A handler's error is no error here.
    pub async fn invoke(&mut self, payload: &[u8], deadline: Duration) -> Result<Invocation> {
        let answer = self.api.submit(Bytes::copy_from_slice(payload), deadline);
        let begun = Instant::now();
        tokio::select! {
            biased;
            answer = answer => {
                let answer = answer.map_err(|_| anyhow!("the runtime API has stopped"))?;
                Ok(Invocation { result: answer, took: begun.elapsed() })
            }
            error = ended(self.exited.clone(), &self.api, &self.logs) => Err(error.context("the invocation has no answer")),
            () = tokio::time::sleep(deadline) => {
                self.kill().await;
                bail!("Task timed out after {:.2} seconds", deadline.as_secs_f64())
            }
        }
    }

    /// From just before the process was started to its first request for work: the cold start, without the service's
    /// own share. Waits for it.
    ///
    /// # Errors
    /// The process ended before.
    pub async fn time_to_first_next(&self) -> Result<Duration> {
        tokio::select! {
            biased;
            asked = self.api.first_next() => Ok(asked.duration_since(self.started)),
            error = ended(self.exited.clone(), &self.api, &self.logs) => Err(error),
        }
    }

    /// The most physical memory that the process has had, in bytes (`VmHWM`; Linux only).
    ///
    /// # Errors
    /// The process has ended, or there is no `/proc`.
    pub fn peak_rss_bytes(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.pid);
        let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the process has ended")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().context("VmHWM is not a number of kB")?;
        Ok(kib * 1024)
    }

    /// The lines printed so far, on stdout and stderr.
    #[must_use]
    pub fn logs(&self) -> Vec<String> {
        self.logs.lines()
    }

    /// The first line, printed already or later, that `matches`. Lines can arrive after the answer of an invocation.
    ///
    /// # Errors
    /// None within ten seconds.
    pub async fn log_line(&self, matches: impl Fn(&str) -> bool) -> Result<String> {
        self.logs.line(matches).await
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// A handle that kills the process, for example from a [`crate::proxy::Action::CallAndCut`].
    #[must_use]
    pub fn killer(&self) -> Killer {
        Killer { pid: self.pid, exited: self.exited.clone() }
    }

    /// Sends SIGKILL and waits for the end of the process.
    pub async fn kill(&mut self) {
        self.killer().kill();
        // The sender goes only after it has told the status.
        let _ = self.exited.wait_for(Option::is_some).await;
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.killer().kill();
        self.serving.abort();
    }
}

/// Waits for the end of the process and says why it may have ended.
async fn ended(mut exited: watch::Receiver<Option<ExitStatus>>, api: &Api, logs: &Logs) -> anyhow::Error {
    let status = match exited.wait_for(Option::is_some).await {
        Ok(status) => status.map_or_else(String::new, |status| status.to_string()),
        Err(_) => "an unknown status".to_owned(),
    };
    let reported = api.init_error().map(|error| format!("; it reported {error}")).unwrap_or_default();
    let lines = logs.lines();
    let last = lines[lines.len().saturating_sub(10)..].join("\n");
    anyhow!("the function ended with {status}{reported}; its last lines:\n{last}")
}

/// What a developer has set (profiles, proxies, log levels) must not decide how a function behaves.
pub(crate) fn inherit_path_only(command: &mut Command) {
    #[expect(clippy::disallowed_methods, reason = "a program's search path, not a setting")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path);
}

/// The variables that Lambda sets for every function.
pub(crate) fn lambda_environment(name: &str, endpoint: &str) -> [(&'static str, String); 11] {
    [
        ("AWS_LAMBDA_RUNTIME_API", endpoint.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that does what `script` says instead of asking for work.
    async fn script(text: &str) -> (tempfile::TempDir, Function) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("function");
        // Written by another process: a file that any thread's child still has open for writing cannot be run.
        let write = r#"printf '#!/bin/sh\n%s\n' "$1" > "$2" && chmod 755 "$2""#;
        let written = std::process::Command::new("sh").args(["-c", write, "sh", text]).arg(&path).status();
        assert!(written.unwrap().success());
        let function = Function::spawn(&path, &[("SETTING".to_owned(), "given".to_owned())]).await.unwrap();
        (dir, function)
    }

    #[tokio::test]
    async fn a_function_that_ends_is_an_error_at_once_and_its_last_lines_say_why() {
        let (_dir, mut function) = script("echo no such setting >&2; exit 3").await;
        let line = function.log_line(|line| line.contains("setting")).await.unwrap();
        assert_eq!(line, "no such setting");
        let error = function.invoke(b"{}", Duration::from_secs(60)).await.unwrap_err();
        assert!(format!("{error:#}").contains("exit status: 3"), "{error:#}");
        assert!(function.time_to_first_next().await.is_err());
    }

    #[tokio::test]
    async fn a_function_that_is_too_slow_is_killed() {
        let (_dir, mut function) = script("exec sleep 60").await;
        let error = function.invoke(b"{}", Duration::from_millis(20)).await.unwrap_err().to_string();
        assert_eq!(error, "Task timed out after 0.02 seconds");
        assert!(function.exited.borrow().is_some());
    }

    #[tokio::test]
    async fn a_function_s_environment_is_lambda_s_and_the_given_one() {
        let (_dir, function) = script("env").await;
        function.log_line(|line| line == "SETTING=given").await.unwrap();
        function.log_line(|line| line == "AWS_LAMBDA_FUNCTION_NAME=function").await.unwrap();
        assert!(!function.logs().iter().any(|line| line.starts_with("HOME=")));
    }
}
