//! Programs from PyPI, for machines that have Python and no package manager that we may use.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::system;

/// Installs a package without its dependencies. In a virtual environment (`dir/bin`, `dir/lib/python3.*/site-packages`)
/// or, where Python has no `venv`, straight into `dir`. `requirement` is like `name==1.2.3`.
///
/// # Errors
/// No Python with `venv` or `pip`, PyPI cannot be reached, or it has no build for this machine.
pub(crate) fn install(requirement: &str, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let outcome = install_in_venv(requirement, dir).or_else(|error| {
        install_as_target(requirement, dir).or_else(|_| {
            // Debian's Python comes with neither.
            if !system::can_install() {
                return Err(error);
            }
            system::install("python3-venv")?;
            install_in_venv(requirement, dir)
        })
    });
    outcome.with_context(|| format!("cannot install {requirement} from PyPI; it needs `python3` with `venv` or `pip`"))
}

/// A package's own folder below the `dir` of [`install`], when it is there.
pub(crate) fn package(dir: &Path, name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir(dir.join("lib")).into_iter().flatten().flatten();
    let mut places = versions.map(|python| python.path().join("site-packages")).chain([dir.to_owned()]);
    Some(places.find(|place| place.join(name).is_dir())?.join(name))
}

fn install_in_venv(requirement: &str, dir: &Path) -> Result<()> {
    system::run(Command::new("python3").args(["-m", "venv"]).arg(dir))?;
    system::run(&mut pip_install(&dir.join("bin/python"), requirement))
}

fn install_as_target(requirement: &str, dir: &Path) -> Result<()> {
    system::run(pip_install(Path::new("python3"), requirement).arg("--upgrade").arg("--target").arg(dir))
}

fn pip_install(python: &Path, requirement: &str) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--no-deps", requirement]);
    command
}
