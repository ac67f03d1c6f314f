//! `inspect`: what an archive holds, read as the functions read it.

mod manifest;
mod tower;

use std::{
    fmt,
    fs::File,
    io::{Read, stdin},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use longshore::{
    archive::Limits,
    failure::Classified,
    manifest::{Kind, read::is_data_bundle},
};
use serde::Serialize;

/// `cargo xtask inspect`
#[derive(Debug, clap::Args)]
pub struct Options {
    /// A Tower archive, a manifest or a data bundle, whatever it is called; `-` reads it from stdin
    file: PathBuf,
    /// Print JSON, with every row
    #[arg(long)]
    json: bool,
    /// Show every row of a manifest's lists, not only the first 20
    #[arg(long)]
    all: bool,
    /// A certificate whose signature of a manifest counts: a PEM file or a directory of them; may be repeated
    #[arg(long, value_name = "FILE_OR_DIR")]
    trust: Vec<PathBuf>,
    /// The detached signature of a data bundle; FILE.sig unless given
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
}

/// Reads an archive and prints what it holds. Fails with code 1 when it would be refused.
pub fn run(options: &Options) -> Result<ExitCode> {
    // Manifests have the same limit.
    let limit = Limits::default().compressed_bytes;
    let archive = load(&options.file, limit)?;
    if Kind::of(&archive) == Some(Kind::Manifest) || is_data_bundle(&archive, &Limits::for_manifests()) {
        manifest::run(Bytes::from(archive), options)
    } else {
        Ok(tower::run(&archive, options.json))
    }
}

/// The file's bytes; of one that is over the limit, just enough to tell.
fn load(file: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let reading = match file.to_str() {
        Some("-") => stdin().lock().take(limit + 1).read_to_end(&mut bytes),
        _ => File::open(file).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)),
    };
    reading.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(bytes)
}

/// Why a function would refuse an archive.
#[derive(Debug, Serialize)]
pub struct Refused {
    kind: &'static str,
    error: String,
}

impl Refused {
    fn new(error: &dyn Classified, text: String) -> Self {
        Self { kind: error.kind(), error: text }
    }

    fn check_size(archive: &[u8], limits: &Limits) -> Result<(), Self> {
        if archive.len() as u64 <= limits.compressed_bytes {
            return Ok(());
        }
        let error = format!("compressed bytes over the limit of {}", limits.compressed_bytes);
        Err(Self { kind: "ArchiveTooLarge", error })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused ({}): {}", self.kind, self.error)
    }
}
