//! A private PostgreSQL server: its own data, its own port, its own password. It never touches another one.

mod account;
mod installation;
#[cfg(test)]
mod tests;
mod tls;

use std::{
    fs::{self, OpenOptions},
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tokio_postgres::NoTls;

use self::account::Account;
pub use self::installation::Installation;
use crate::{
    process::{Leash, Signal, own_group, program, signal},
    system::{self, tail},
};

/// The superuser of the cluster.
const USER: &str = "postgres";

/// What differs from PostgreSQL's defaults. `fsync`, `synchronous_commit` and autovacuum stay on as in production, or
/// measurements would mean nothing. Whoever needs speed more than that turns them off on its own server, as
/// `cargo xtask test` does with `fsync`: its tests kill functions and connections, never the machine.
const SETTINGS: [&str; 6] = [
    "listen_addresses=127.0.0.1",
    // The path of a Unix socket may have 107 bytes only, and nothing here needs one.
    "unix_socket_directories=",
    "shared_buffers=256MB",
    "max_wal_size=2GB",
    "max_connections=200",
    "log_line_prefix=%m [%p] %d ",
];

/// How often a state is looked at that only polling shows.
const POLL: Duration = Duration::from_millis(5);

/// A running PostgreSQL server with its data in a directory of ours. Stops when dropped.
///
/// It asks for a password (random, SCRAM), although it listens on the loopback interface only: other people may be on
/// this machine, and a superuser of PostgreSQL can run programs. Functions also connect as they do in production.
#[derive(Debug)]
pub struct Cluster {
    port: u16,
    password: String,
    server: Option<(Child, Leash)>,
}

impl Cluster {
    /// Starts the server of `dir`; makes the cluster the first time (about 1 s, later 0.1 s). Blocks until it accepts
    /// connections. Installs PostgreSQL when there is none, see [`Installation::install`].
    ///
    /// Called by root, the server runs as `postgres` or `nobody`; when that user cannot reach `dir`, the data lies in
    /// the system's temporary directory and `dir/location` says where.
    ///
    /// # Errors
    /// No PostgreSQL; `dir` cannot be written, is in use or was made by another major version; the server did not
    /// start (the end of its log is part of the error).
    pub fn start(dir: &Path) -> Result<Self> {
        Self::start_with(dir, |_, _| Ok(Vec::new()))
    }

    /// As [`Self::start`], with TLS offered beside plain connections: a certificate and its key, both PEM.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_tls(dir: &Path, certificate: &str, key: &str) -> Result<Self> {
        Self::start_with(dir, |home, account| tls::settings(home, account, certificate, key))
    }

    /// `settings` makes further settings, given the server's directory and the user who runs it.
    fn start_with(dir: &Path, settings: impl FnOnce(&Path, Option<&Account>) -> Result<Vec<String>>) -> Result<Self> {
        let installation = match Installation::find() {
            Some(installation) => installation,
            None => Installation::install()?,
        };
        let account = Account::of_server()?;
        let home = account::home(dir, account.as_ref())?;
        let password = initialise(&installation, account.as_ref(), &home)?;
        let settings = settings(&home, account.as_ref())?;
        wait_for_predecessor(&home)?;
        let launch = || Self::launch(&installation, account.as_ref(), &home, &settings, &password);
        match launch() {
            // Somebody took the port between our look and the server's.
            Err(error) if format!("{error:#}").contains("Address already in use") => launch(),
            outcome => outcome,
        }
    }

    fn launch(
        installation: &Installation,
        account: Option<&Account>,
        home: &Path,
        settings: &[String],
        password: &str,
    ) -> Result<Self> {
        let port = free_port()?;
        let log = home.join("server.log");
        let mut command = installation.command("postgres");
        command.arg("-D").arg(home.join("data")).arg("-p").arg(port.to_string());
        for setting in SETTINGS.into_iter().chain(settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        let output =
            OpenOptions::new().create(true).append(true).open(&log).context("cannot write the server's log")?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).current_dir(home);
        Account::apply(account, &mut command);
        let mut leash = Leash::new("INT")?;
        let server = own_group(&mut command).spawn().context("cannot start `postgres`")?;
        leash.hold(server.id())?;
        let mut cluster = Self { port, password: password.to_owned(), server: Some((server, leash)) };
        cluster
            .wait_until_ready(home)
            .with_context(|| format!("PostgreSQL did not start; the end of its log:\n{}", tail(&log)))?;
        Ok(cluster)
    }

    /// The server writes `ready` into its pid file when it accepts connections; `pg_ctl` waits in the same way.
    fn wait_until_ready(&mut self, home: &Path) -> Result<()> {
        let Some((server, _)) = &mut self.server else { bail!("the server was stopped") };
        let pid = server.id().to_string();
        let begun = Instant::now();
        // A server that was killed replays its log first, which can take a while.
        while begun.elapsed() < Duration::from_secs(60) {
            if let Some(status) = server.try_wait()? {
                bail!("the server ended with {status}");
            }
            let file = fs::read_to_string(home.join("data/postmaster.pid")).unwrap_or_default();
            let mut lines = file.lines();
            if lines.next() == Some(&pid) && lines.nth(6).is_some_and(|status| status.trim() == "ready") {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        bail!("the server was not ready after a minute")
    }

    /// `postgres://..` for the superuser and one database, without TLS. Holds the password: not for logs.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{database}?sslmode=disable", self.password, self.port)
    }

    /// `postgres://..` for the superuser and one database by a name of this machine, with TLS. Not for logs either.
    #[must_use]
    pub fn tls_url(&self, host: &str, database: &str) -> String {
        format!("postgres://{USER}:{}@{host}:{}/{database}?sslmode=verify-full", self.password, self.port)
    }

    /// The TCP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it listens, for a [`crate::proxy::Proxy`] in front of it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Makes a database, a copy of `template` when one is given. Nobody may be connected to the template.
    ///
    /// # Errors
    /// It exists already, or the template does not.
    pub async fn create_database(&self, name: &str, template: Option<&str>) -> Result<()> {
        let template = template.map(|name| format!(" TEMPLATE {}", identifier(name))).unwrap_or_default();
        self.execute(&format!("CREATE DATABASE {}{template}", identifier(name)))
            .await
            .with_context(|| format!("cannot create the database `{name}`"))
    }

    /// Whether there is a database of that name.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn database_exists(&self, name: &str) -> Result<bool> {
        let (client, connection) = tokio_postgres::connect(&self.url("postgres"), NoTls).await?;
        let connection = tokio::spawn(connection);
        let found = client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]).await;
        drop(client);
        connection.await??;
        Ok(found?.is_some())
    }

    /// Removes the databases whose names begin with `prefix`.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn drop_databases(&self, prefix: &str) -> Result<()> {
        let (client, connection) = tokio_postgres::connect(&self.url("postgres"), NoTls).await?;
        let connection = tokio::spawn(connection);
        let rows = client.query("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", &[&prefix]).await;
        drop(client);
        connection.await??;
        for row in rows? {
            self.drop_database(row.get(0)).await?;
        }
        Ok(())
    }

    /// Removes a database, with whoever is connected to it. One that is not there is no error.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        self.execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(name)))
            .await
            .with_context(|| format!("cannot drop the database `{name}`"))
    }

    async fn execute(&self, statement: &str) -> Result<()> {
        let (client, connection) = tokio_postgres::connect(&self.url("postgres"), NoTls).await?;
        let connection = tokio::spawn(connection);
        let outcome = client.batch_execute(statement).await;
        drop(client);
        connection.await??;
        Ok(outcome?)
    }

    /// Stops the server in order: connections are ended, data is written. Blocks until it is gone.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        let Some((mut server, leash)) = self.server.take() else { return };
        // INT: a fast shutdown. QUIT: at once, with recovery at the next start.
        for (wish, patience) in [(Signal::INT, 20), (Signal::QUIT, 5)] {
            signal(server.id(), wish);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(patience) {
                if !matches!(server.try_wait(), Ok(None)) {
                    return drop(leash);
                }
                thread::sleep(POLL);
            }
        }
        let _ = server.kill();
        let _ = server.wait();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// Makes the cluster in `home/data` unless it is there. Returns the password of the superuser.
fn initialise(installation: &Installation, account: Option<&Account>, home: &Path) -> Result<String> {
    let (data, password_file) = (home.join("data"), home.join("password"));
    if let Ok(version) = fs::read_to_string(data.join("PG_VERSION")) {
        ensure!(
            version.trim() == installation.major().to_string(),
            "{} was made by PostgreSQL {}, and this is {}: delete it to start anew",
            home.display(),
            version.trim(),
            installation.major()
        );
        return fs::read_to_string(&password_file).context("the cluster's password is gone");
    }
    let password = uuid::Uuid::new_v4().simple().to_string();
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&password_file)?;
    std::io::Write::write_all(&mut file, password.as_bytes())?;
    Account::give(account, &password_file)?;

    // Made under another name first: an interrupted `initdb` must not look like a cluster.
    let unfinished = home.join("data.new");
    if let Err(error) = fs::remove_dir_all(&unfinished) {
        ensure!(error.kind() == ErrorKind::NotFound, "cannot remove {}: {error}", unfinished.display());
    }
    let mut initdb = installation.command("initdb");
    initdb.arg("-D").arg(&unfinished).arg("--pwfile").arg(&password_file);
    initdb.args(["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"]);
    Account::apply(account, &mut initdb);
    system::run(initdb.current_dir(home)).context("cannot make a cluster")?;
    fs::rename(&unfinished, &data)?;
    Ok(password)
}

/// A server whose owner was killed shuts itself down; it may need a moment. One that stays belongs to somebody.
fn wait_for_predecessor(home: &Path) -> Result<()> {
    let begun = Instant::now();
    loop {
        let file = fs::read_to_string(home.join("data/postmaster.pid")).unwrap_or_default();
        let pid = file.lines().next().and_then(|pid| pid.trim().parse().ok());
        // After a reboot the number may belong to any program.
        let Some(pid) = pid.filter(|pid| program(*pid).is_some_and(|name| name.starts_with("postgres"))) else {
            return Ok(());
        };
        if begun.elapsed() > Duration::from_secs(5) {
            bail!("{} is in use by another PostgreSQL server, process {pid}", home.display());
        }
        thread::sleep(POLL);
    }
}

/// A port that nobody listens on at this moment.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free TCP port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
