//! Where things are, and building the functions.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use longshore_devkit::cargo_lambda;
use tokio::process::Command;

/// The functions that the stack runs; each is a binary of the workspace.
pub const FUNCTIONS: [&str; 6] =
    ["setup", "tower-persister", "manifest-importer", "manifest-exporter", "upstream-consumer", "event-publisher"];

/// The checkout that this program was built from.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
    bin: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Finds it from this program's own file, which cargo puts into `target/debug`.
    pub fn locate() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in no workspace")?;
        let program = std::env::current_exe().context("this program has no file")?;
        let bin = program.parent().context("this program lies in no directory")?;
        let target = bin.parent().context("this program lies in no target directory")?;
        Ok(Self { root: root.to_owned(), bin: bin.to_owned(), target: target.to_owned() })
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the debug binaries.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// A folder below `target/`.
    pub fn target(&self, name: &str) -> PathBuf {
        self.target.join(name)
    }

    /// Builds the functions, in the way in which `cargo lambda watch` will: its own build then finds all done. Silent
    /// unless it fails, or has everything to do.
    pub async fn build_functions(&self) -> Result<()> {
        let mut cargo = Command::from(cargo_lambda::cargo());
        cargo.arg("build").current_dir(&self.root).kill_on_drop(true);
        for function in FUNCTIONS {
            cargo.args(["--bin", function]);
        }
        if FUNCTIONS.iter().all(|function| self.bin.join(function).is_file()) {
            cargo.arg("--quiet");
        }
        let status = cargo.status().await.context("cannot start `cargo`")?;
        ensure!(status.success(), "the functions could not be built");
        Ok(())
    }

    /// A path as a person in the root of the workspace would type it.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}
