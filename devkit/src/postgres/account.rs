//! Which user the server runs as, and where that user can keep its data.

use std::{
    fs::{self, DirBuilder},
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// An unprivileged user. PostgreSQL refuses to run as root.
#[derive(Debug, Clone)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// The user to become; `None` when the caller is not root and stays who it is.
    pub(super) fn of_server() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            if let (Some(uid), Some(gid)) = (id("-u", name), id("-g", name)) {
                return Ok(Some(Self { uid, gid }));
            }
        }
        bail!("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it as")
    }

    /// Makes `command` run as the account. The standard library drops the supplementary groups with it.
    pub(super) fn apply(account: Option<&Self>, command: &mut Command) {
        if let Some(account) = account {
            command.uid(account.uid).gid(account.gid);
        }
    }

    /// Makes the account the owner of a file or directory.
    pub(super) fn give(account: Option<&Self>, path: &Path) -> Result<()> {
        let Some(account) = account else { return Ok(()) };
        chown(path, Some(account.uid), Some(account.gid))
            .with_context(|| format!("cannot change the owner of {}", path.display()))
    }

    /// Whether the account may enter a directory: one closed directory above it is enough to keep it out.
    fn reaches(&self, dir: &Path) -> bool {
        let mut test = Command::new("test");
        test.arg("-x").arg(dir).current_dir("/").stderr(Stdio::null());
        test.uid(self.uid).gid(self.gid).status().is_ok_and(|status| status.success())
    }
}

fn id(flag: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([flag, name]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The directory that the server owns: `dir/server`, or one in the system's temporary directory that `dir/location`
/// names, when the account cannot reach `dir` (below `/root`, say).
pub(super) fn home(dir: &Path, account: Option<&Account>) -> Result<PathBuf> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let dir = dir.canonicalize()?;
    let home = match account {
        Some(account) if !account.reaches(&dir) => elsewhere(&dir, account)?,
        _ => dir.join("server"),
    };
    if !home.is_dir() {
        DirBuilder::new().mode(0o700).create(&home).with_context(|| format!("cannot make {}", home.display()))?;
        Account::give(account, &home)?;
    }
    Ok(home)
}

/// A directory with a name that nobody could have prepared for us; later the same one again.
fn elsewhere(dir: &Path, account: &Account) -> Result<PathBuf> {
    let location = dir.join("location");
    if let Ok(path) = fs::read_to_string(&location) {
        // Cleaned up, or taken by somebody else meanwhile: begin anew.
        if fs::symlink_metadata(path.trim()).is_ok_and(|found| found.is_dir() && found.uid() == account.uid) {
            return Ok(PathBuf::from(path.trim()));
        }
    }
    let path = std::env::temp_dir().join(format!("longshore-postgres-{}", uuid::Uuid::new_v4().simple()));
    fs::write(&location, path.display().to_string()).with_context(|| format!("cannot write {}", location.display()))?;
    Ok(path)
}
