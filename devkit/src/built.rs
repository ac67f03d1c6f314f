//! What `sam build` has built, run beside the runtime API of a `cargo lambda watch` that starts nothing itself.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tokio::{
    process::{Child, Command},
    task::AbortHandle,
};

use crate::{
    process::Leash,
    runtime_api::{inherit_path_only, lambda_environment},
};

/// Before a function that has ended is started again: one that cannot start must not take the machine.
const PAUSE: Duration = Duration::from_millis(500);

/// The file that Lambda starts, of each function, below the folder that `sam build` writes. `sam build` names a folder
/// after the function's logical id in the template, which is the function's name in `CamelCase`.
///
/// # Errors
/// One is not there.
pub fn artifacts(folder: &Path, functions: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    let find = |function: &&str| {
        let file = folder.join(logical_id(function)).join("bootstrap");
        ensure!(file.is_file(), "there is no {}; `sam build` makes it", file.display());
        Ok(((*function).to_owned(), file.canonicalize()?))
    };
    functions.iter().map(find).collect()
}

fn logical_id(function: &str) -> String {
    let capitalised = |word: &str| word[..1].to_uppercase() + &word[1..];
    function.split('-').filter(|word| !word.is_empty()).map(capitalised).collect()
}

/// Running functions, one process each. One that ends is started again. Dropped, they are killed.
#[derive(Debug)]
pub struct Functions(Vec<AbortHandle>);

impl Functions {
    /// Starts them. `runtime_api` tells a function's address by its name. They get Lambda's own variables and `env`, and
    /// nothing of ours but `PATH`; what they print is added to `log`.
    ///
    /// # Errors
    /// One cannot be started.
    pub fn start(
        artifacts: &BTreeMap<String, PathBuf>,
        runtime_api: impl Fn(&str) -> String,
        env: &BTreeMap<String, String>,
        log: &Path,
    ) -> Result<Self> {
        let mut running = Self(Vec::new());
        for (name, file) in artifacts {
            let mut command = Command::new(file);
            inherit_path_only(&mut command);
            command.envs(lambda_environment(name, &runtime_api(name))).envs(env);
            let output = OpenOptions::new().append(true).create(true).open(log);
            let output = output.with_context(|| format!("cannot write {}", log.display()))?;
            let first = spawn(&mut command, &output).with_context(|| format!("cannot start {}", file.display()))?;
            running.0.push(tokio::spawn(keep(command, output, first)).abort_handle());
        }
        Ok(running)
    }
}

impl Drop for Functions {
    fn drop(&mut self) {
        for function in &self.0 {
            function.abort();
        }
    }
}

/// The leash is dropped after the child, which is killed when it is dropped.
fn spawn(command: &mut Command, output: &File) -> Result<(Leash, Child)> {
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output.try_clone()?);
    let mut leash = Leash::new("KILL")?;
    let child = command.process_group(0).kill_on_drop(true).spawn()?;
    leash.hold(child.id().context("it ended while it was started")?)?;
    Ok((leash, child))
}

async fn keep(mut command: Command, output: File, first: (Leash, Child)) {
    let mut running = Some(first);
    loop {
        if let Some((_leash, child)) = &mut running {
            // An error would mean that somebody else has waited for our child.
            let _ = child.wait().await;
        }
        tokio::time::sleep(PAUSE).await;
        running = spawn(&mut command, &output).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_is_found_by_the_function_s_name() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("TowerPersister");
        std::fs::create_dir(&own).unwrap();
        let error = artifacts(folder.path(), &["tower-persister"]).unwrap_err().to_string();
        assert!(error.contains("TowerPersister/bootstrap"), "{error}");
        std::fs::write(own.join("bootstrap"), "").unwrap();
        assert!(artifacts(folder.path(), &["tower-persister"]).unwrap().contains_key("tower-persister"));
        assert!(artifacts(folder.path(), &["tower-persister", "setup"]).is_err());
    }

    #[tokio::test]
    async fn a_function_that_ends_is_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let artifacts = BTreeMap::from([("tower".to_owned(), PathBuf::from("/usr/bin/env"))]);
        let running =
            Functions::start(&artifacts, |name| format!("http://host/{name}"), &BTreeMap::new(), &log).unwrap();
        let starts = || {
            let printed = std::fs::read_to_string(&log).unwrap_or_default();
            printed.matches("AWS_LAMBDA_RUNTIME_API=http://host/tower").count()
        };
        let twice = async {
            while starts() < 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), twice).await.unwrap();
        drop(running);
    }
}
