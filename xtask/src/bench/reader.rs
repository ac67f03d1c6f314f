//! The floor's reader: a program of its own, compiled as the functions are.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::binaries::Binaries;

/// Its name.
pub const BINARY: &str = "bench-floor";

/// What reading an archive costs at least.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    /// One pass over the archive in memory.
    pub took: Duration,
    /// The JSON in it.
    pub json_bytes: u64,
}

/// Compresses files, each alone, that lie one behind the other in one file, their length before each (four bytes,
/// little-endian).
pub async fn deflate(binaries: &Binaries, files: &Path) -> Result<Read> {
    run(binaries, &[Path::new("--deflate"), files]).await
}

/// Reads an archive that lies in a file. `key`: a file with the public key whose signature it has.
pub async fn read(binaries: &Binaries, archive: &Path, key: Option<&Path>) -> Result<Read> {
    run(binaries, &[Some(archive), key].into_iter().flatten().collect::<Vec<_>>()).await
}

async fn run(binaries: &Binaries, arguments: &[&Path]) -> Result<Read> {
    let reader = binaries.path(BINARY);
    let output = Command::new(&reader).args(arguments).kill_on_drop(true).output().await;
    let output = output.with_context(|| format!("cannot start {}", reader.display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let seconds = printed["seconds"].as_f64().context("the floor's reader printed no time")?;
    let json_bytes = printed["json_bytes"].as_u64().unwrap_or_default();
    Ok(Read { took: Duration::from_secs_f64(seconds), json_bytes })
}
