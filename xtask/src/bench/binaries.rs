//! The functions as they are deployed, and the floor's reader compiled in the same way.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use longshore_devkit::cargo_lambda;
use tokio::process::Command;

use crate::workspace::Workspace;

/// The folder of the release binaries.
#[derive(Debug, Clone)]
pub struct Binaries(PathBuf);

impl Binaries {
    /// Builds these packages; their binaries have the same names. The first time takes minutes.
    pub async fn build(workspace: &Workspace, packages: &[&str]) -> Result<Self> {
        let mut cargo = Command::from(cargo_lambda::cargo());
        cargo.args(["build", "--release"]).current_dir(workspace.root()).kill_on_drop(true);
        for package in packages {
            cargo.args(["--package", package]);
        }
        let status = cargo.status().await.context("cannot start `cargo`")?;
        ensure!(status.success(), "the release binaries could not be built");
        Ok(Self(workspace.target("release")))
    }

    /// The path of one.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The size of one in bytes.
    pub fn size(&self, name: &str) -> Result<u64> {
        let path: &Path = &self.path(name);
        Ok(std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len())
    }
}
