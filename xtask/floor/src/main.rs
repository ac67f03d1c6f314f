//! The least that reading an archive can cost: it is expanded, and every JSON entry is parsed and thrown away.
//!
//! A program of its own, because it is measured and so has to be compiled as the functions are. Prints
//! `{"seconds", "entries", "json_bytes"}` for one pass over the archive in memory, after one to warm up.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use flate2::bufread::MultiGzDecoder;
use serde::de::IgnoredAny;

fn main() -> ExitCode {
    match run() {
        Ok(line) => match writeln!(std::io::stdout(), "{line}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<serde_json::Value> {
    let path = std::env::args_os().nth(1).context("usage: bench-floor ARCHIVE")?;
    let archive = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    read(&archive)?;
    let begun = Instant::now();
    let (entries, json_bytes) = read(&archive)?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok(serde_json::json!({"seconds": seconds, "entries": entries, "json_bytes": json_bytes}))
}

/// One pass, through one buffer. Returns how many JSON entries there are, and their bytes.
fn read(archive: &[u8]) -> Result<(u64, u64)> {
    let mut archive = tar::Archive::new(MultiGzDecoder::new(archive));
    let (mut buffer, mut entries, mut bytes) = (Vec::new(), 0, 0);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.path_bytes().ends_with(b".json") {
            continue;
        }
        buffer.clear();
        entry.read_to_end(&mut buffer)?;
        serde_json::from_slice::<IgnoredAny>(&buffer)?;
        entries += 1;
        bytes += buffer.len() as u64;
    }
    Ok((entries, bytes))
}
