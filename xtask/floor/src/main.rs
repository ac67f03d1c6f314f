//! The least that reading an archive can cost: it is expanded, and every JSON entry is parsed and thrown away. And the
//! least that writing one can cost: its files are compressed, and that is thrown away.
//!
//! A program of its own, because it is measured and so has to be compiled as the functions are. Prints
//! `{"seconds", "entries", "json_bytes"}` for one pass over the archive in memory, after one to warm up.

mod deflate;
mod manifest;

use std::io::{Read, Write};
use std::path::Path;
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
    let mut arguments = std::env::args_os().skip(1);
    let usage = "usage: bench-floor ARCHIVE.tar.gz | MANIFEST.zip PUBLIC_KEY.der | --deflate FILES";
    let first = arguments.next().context(usage)?;
    let second = arguments.next().map(|path| load(Path::new(&path))).transpose()?;
    if first == "--deflate" {
        let files = second.context(usage)?;
        return measure(|| deflate::compress(&files));
    }
    let archive = load(Path::new(&first))?;
    measure(|| match &second {
        Some(key) => manifest::read(&archive, key),
        None => read(&archive),
    })
}

/// One pass to warm up, and one that counts.
fn measure(pass: impl Fn() -> Result<Seen>) -> Result<serde_json::Value> {
    pass()?;
    let begun = Instant::now();
    let Seen { entries, json_bytes } = pass()?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok(serde_json::json!({"seconds": seconds, "entries": entries, "json_bytes": json_bytes}))
}

fn load(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// How many JSON entries there are, and their bytes.
#[derive(Debug, Default)]
struct Seen {
    entries: u64,
    json_bytes: u64,
}

impl Seen {
    /// Parses a JSON entry.
    fn parse(&mut self, json: &[u8]) -> Result<()> {
        serde_json::from_slice::<IgnoredAny>(json)?;
        self.entries += 1;
        self.json_bytes += json.len() as u64;
        Ok(())
    }
}

/// One pass over a tar.gz, through one buffer.
fn read(archive: &[u8]) -> Result<Seen> {
    let mut archive = tar::Archive::new(MultiGzDecoder::new(archive));
    let (mut buffer, mut seen) = (Vec::new(), Seen::default());
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.path_bytes().ends_with(b".json") {
            continue;
        }
        buffer.clear();
        entry.read_to_end(&mut buffer)?;
        seen.parse(&buffer)?;
    }
    Ok(seen)
}
