//! Other processes: which are there, how they are signalled, and how they end when we do.

use std::{
    fs,
    io::Write,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

/// The name of the program that a process runs; `None` when there is no such process, or when it has ended and only
/// waits for its parent to notice.
#[must_use]
pub fn program(pid: u32) -> Option<String> {
    if !Path::new("/proc/self/stat").exists() {
        return program_from_ps(pid);
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // `pid (name) state ..`, where the name may hold spaces and parentheses.
    let (_, rest) = stat.split_once('(')?;
    let (name, rest) = rest.rsplit_once(')')?;
    (!rest.trim_start().starts_with('Z')).then(|| name.to_owned())
}

/// macOS has no `/proc`.
fn program_from_ps(pid: u32) -> Option<String> {
    let output = Command::new("ps").args(["-o", "stat=,comm=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (state, path) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| path.trim().rsplit('/').next().unwrap_or_default().to_owned())
}

/// Signals a process. That it is gone already is not an error: each caller wants it to be.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Takes a command out of the terminal's process group: Ctrl-C is for us, and we stop our children in order.
pub fn own_group(command: &mut Command) -> &mut Command {
    command.process_group(0)
}

/// Learns a process id, waits for the end of its input (a pipe that only we hold), then signals. Ctrl-C reaches the
/// whole process group of a terminal, so it must not end the watcher.
const WATCH: &str =
    r#"trap "" INT TERM HUP; read -r pid; while read -r _; do :; done; kill -s "$1" "$pid" 2>/dev/null"#;

/// Ends a process that we started when this process ends, however it ends: `kill -9` included. Dropped, it lets go
/// without a signal: whoever drops it has stopped the process.
///
/// Linux could do this with the parent-death signal, but that signal is tied to the thread that started the process
/// and is lost when the process changes its user. A pipe has neither trap, and works on macOS too.
#[derive(Debug)]
pub(crate) struct Leash {
    watcher: Child,
}

impl Leash {
    /// Will send `signal` (a name without `SIG`) to the process that [`Self::hold`] names. Made before that process,
    /// so that its start-up has the machine for itself.
    pub(crate) fn new(signal: &str) -> Result<Self> {
        let watcher = own_group(&mut Command::new("sh"))
            .args(["-c", WATCH, "leash", signal])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start `sh`, which stops our servers if we are killed")?;
        Ok(Self { watcher })
    }

    /// Names the process.
    pub(crate) fn hold(&mut self, pid: u32) -> Result<()> {
        let pipe = self.watcher.stdin.as_mut().context("the watcher has no input")?;
        writeln!(pipe, "{pid}").context("the watcher has ended")
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        // Killed before its pipe closes, so it signals nobody. A failure means that it is gone already.
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
    }
}
