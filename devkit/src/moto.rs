//! moto: the API of AWS in a process of its own. What it holds is in its memory, and it checks signatures and permissions.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::{
    aws_client::AwsClient,
    pip::{self, Dependencies},
    process::{Leash, own_group},
    s3::Credentials,
    system::tail,
};

/// moto, and those of what it asks for whose next version may change what it does.
const PINS: [&str; 5] = ["moto[server]==5.2.5", "boto3==1.44.8", "botocore==1.44.8", "flask==3.1.3", "werkzeug==3.1.9"];

/// What is there when that version is installed. `pip` installs what a package asks for before the package.
const INSTALLED: &str = "moto-5.2.5.dist-info";

/// Calls that nobody need be permitted: those of [`Moto::administrator`].
const UNCHECKED: &str = "3";

/// What the log says when requests are taken, before the address.
const LISTENS: &str = "Running on ";

/// A running server. Killed when dropped.
#[derive(Debug)]
pub struct Moto {
    endpoint: String,
    child: Child,
    _leash: Leash,
}

impl Moto {
    /// Starts it on a free port of 127.0.0.1 and blocks until it listens. Where it is missing, it is installed from PyPI
    /// below `tools` first (about a minute). `log` is emptied.
    ///
    /// # Errors
    /// No Python with `venv` or `pip`, PyPI cannot be reached, or the server ended; then the end of its log is part of the
    /// text.
    pub fn start(tools: &Path, log: &Path) -> Result<Self> {
        let dir = tools.join("moto");
        if pip::package(&dir, INSTALLED).is_none() {
            pip::install(&PINS, Dependencies::All, &dir)?;
        }
        fs::create_dir_all(log.parent().context("the log is in no folder")?)?;
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = pip::python(&dir);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
        command.env("INITIAL_NO_AUTH_ACTION_COUNT", UNCHECKED).env("PYTHONUNBUFFERED", "1");
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let mut leash = Leash::new("KILL")?;
        let child = own_group(&mut command).spawn().context("cannot start moto")?;
        leash.hold(child.id())?;
        let mut moto = Self { endpoint: String::new(), child, _leash: leash };
        moto.endpoint = moto.wait_for_address(log).with_context(|| format!("moto did not start:\n{}", tail(log)))?;
        Ok(moto)
    }

    /// `http://127.0.0.1:port`
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A user who may do everything. Once only: nobody else is permitted anything before.
    ///
    /// # Errors
    /// moto refused.
    pub async fn administrator(&self) -> Result<Credentials> {
        let nobody = AwsClient::new(&self.endpoint, Credentials::random());
        let policy =
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
        nobody.create_user("administrator", &policy).await
    }

    fn wait_for_address(&mut self, log: &Path) -> Result<String> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}");
            }
            let text = fs::read_to_string(log).unwrap_or_default();
            // A line that has its end: the address is whole.
            let said = text.lines().filter_map(|line| line.split_once(LISTENS)).map(|(_, address)| address.trim());
            if let Some(address) = said.into_iter().next().filter(|_| text.ends_with('\n')) {
                return Ok(address.to_owned());
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("it does not listen after 60 s")
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Nothing of it is kept, so it need not end in order. A failure means that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
