//! The system's package manager, commands whose output is part of their error, logs.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// Runs a command to its end without input.
///
/// # Errors
/// It cannot be started, or it failed: the text is what it printed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} ended with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Whether packages may be installed: by root, with `apt-get`. Nobody is asked for a password.
pub(crate) fn can_install() -> bool {
    let apt = Command::new("apt-get").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    rustix::process::geteuid().is_root() && apt.is_ok_and(|status| status.success())
}

/// Installs a package of Debian or Ubuntu.
///
/// # Errors
/// `apt-get` failed.
pub(crate) fn install(package: &str) -> Result<()> {
    for arguments in [["update", "--quiet"].as_slice(), &["install", "--yes", "--no-install-recommends", package]] {
        run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    Ok(())
}

/// The last lines of a log, for an error's text.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
