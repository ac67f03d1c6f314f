//! The local stack: what the functions need, and the functions.

mod import;

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

pub use self::import::TRUSTED;

use anyhow::{Context, Result, anyhow, bail, ensure};
use bytes::Bytes;
use longshore_devkit::{
    built,
    cargo_lambda::{CargoLambda, Start, Watch, WatchOptions},
    postgres::{Cluster, Installation},
    s3::{Credentials, REGION, S3Server},
};
use tokio::task::spawn_blocking;
use tokio_postgres::{Client, NoTls};

use crate::{
    progress::Progress,
    workspace::{FUNCTIONS, Workspace},
};

/// Where the uploads of the ingress service would lie.
pub const UPLOADS: &str = "longshore-uploads";
/// Where exported manifests go.
pub const EXPORTS: &str = "longshore-exports";
/// Where rejected records go.
pub const REJECTED: &str = "longshore-rejected";
/// The database of the functions.
pub const DATABASE: &str = "longshore";

/// What the functions print, in a stack's directory.
pub const LOG: &str = "functions.log";

/// An event without a record: the function starts, and does nothing.
const NO_RECORDS: &str = r#"{"eventSource":"aws:kafka","bootstrapServers":"","records":{}}"#;

/// A request that needs no database.
const A_REQUEST: &str = include_str!("../../events/upstream-consumer/openapi.json");

/// What [`Stack::start`] starts.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// Holds all data, logs and the file `env`. One stack at a time can use it.
    pub dir: PathBuf,
    /// The port for invocations, when it is free.
    pub port: Option<u16>,
    /// What the functions are.
    pub functions: Functions,
    /// The brokers that events are published to, if there are any.
    pub kafka: Option<String>,
    /// Whether what an earlier stack in `dir` has left in the database is dropped.
    pub empty: bool,
}

/// What the functions of a stack are.
#[derive(Debug, Clone)]
pub enum Functions {
    /// Those of this checkout, built for debugging; a change of a source file builds and starts its function anew.
    Reloading,
    /// The same, whatever changes.
    Fixed,
    /// What `sam build` has left in this folder.
    Built(PathBuf),
}

/// A running stack. Dropped, it stops: the functions first, the database last.
#[derive(Debug)]
pub struct Stack {
    /// What the functions' environment holds, and where to reach everything.
    pub env: BTreeMap<String, String>,
    /// Those that `sam build` has built, if it is those.
    _built: Option<built::Functions>,
    /// The functions under `cargo lambda watch`.
    pub functions: Watch,
    /// What they are invoked with.
    pub cargo_lambda: CargoLambda,
    /// The S3 server, with the buckets [`UPLOADS`] and [`REJECTED`].
    pub s3: S3Server,
    /// The PostgreSQL server, with the database [`DATABASE`].
    pub cluster: Cluster,
    env_file: PathBuf,
    _lock: StackLock,
}

impl Stack {
    /// Starts everything, waits until every function has answered, and migrates the database.
    ///
    /// # Errors
    /// The directory is in use by another stack, or something did not start.
    pub async fn start(workspace: &Workspace, options: &StackOptions, progress: Progress) -> Result<Self> {
        let lock = StackLock::take(&options.dir)?;
        let (cluster, s3, cargo_lambda, ()) = tokio::try_join!(
            start_postgres(options.dir.join("postgres"), options.empty, progress),
            start_s3(options.dir.join("s3"), progress),
            find_cargo_lambda(workspace.target("tools"), progress),
            build(workspace, &options.functions, progress),
        )?;
        let port = free_port(options.port)?;
        let mut env = environment(&cluster, &s3, port);
        import::prepare(&options.dir, &mut env)?;
        if let Some(brokers) = &options.kafka {
            env.insert("LONGSHORE_KAFKA_BROKERS".to_owned(), brokers.clone());
            env.insert("LONGSHORE_KAFKA_SECURITY".to_owned(), "plaintext".to_owned());
        }
        let env_file = options.dir.join("env");
        write_env(&env_file, &env)?;

        let begun = Instant::now();
        let (root, log) = (workspace.root().to_owned(), options.dir.join(LOG));
        let (start, variables, watching) = (options.functions.start(), env.clone(), cargo_lambda.clone());
        let functions = spawn_blocking(move || {
            watching.watch(WatchOptions { workspace: &root, port, env: &variables, log: &log, start })
        })
        .await??;
        let built = options.functions.run_built(&functions, &env, &options.dir)?;
        let stack = Self { env, _built: built, functions, cargo_lambda, s3, cluster, env_file, _lock: lock };
        tokio::try_join!(
            stack.expect_answer("setup", r#"{"command":"migrate"}"#),
            stack.expect_answer("tower-persister", NO_RECORDS),
            stack.expect_answer("manifest-importer", NO_RECORDS),
            stack.expect_answer("manifest-exporter", NO_RECORDS),
            stack.expect_answer("upstream-consumer", A_REQUEST),
        )
        .with_context(|| format!("see {}", workspace.shown(&options.dir.join(LOG))))?;
        progress.done("functions", &stack.functions.url(), begun.elapsed());
        Ok(stack)
    }

    /// Invokes a function once and insists on success. cargo-lambda itself would wait for ever for a function that ends
    /// while it starts.
    pub async fn expect_answer(&self, function: &str, payload: impl Into<Bytes>) -> Result<()> {
        let answer = tokio::time::timeout(Duration::from_secs(60), self.functions.invoke(function, payload)).await;
        let answer = answer.map_err(|_| anyhow!("`{function}` did not answer within a minute"))??;
        let body = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status.is_success(), "`{function}` answered {}: {body}", answer.status);
        Ok(())
    }
}

impl Functions {
    fn start(&self) -> Start {
        match self {
            Self::Reloading => Start::Reloading,
            Self::Fixed => Start::Once,
            Self::Built(_) => Start::Elsewhere,
        }
    }

    fn run_built(&self, watch: &Watch, env: &BTreeMap<String, String>, dir: &Path) -> Result<Option<built::Functions>> {
        let Self::Built(folder) = self else { return Ok(None) };
        let artifacts = built::artifacts(folder, &FUNCTIONS)?;
        built::Functions::start(&artifacts, |name| watch.runtime_api(name), env, &dir.join(LOG)).map(Some)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Nobody should find the addresses of servers that are gone.
        let _ = fs::remove_file(&self.env_file);
    }
}

/// Holds a stack's directory for as long as it lives. The system lets go of it however the process ends.
#[derive(Debug)]
pub struct StackLock {
    _file: File,
}

impl StackLock {
    fn take(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        if let Some(pid) = Self::holder(dir)? {
            bail!("the stack is running already, as process {pid}; `cargo xtask down` stops it");
        }
        let mut file = open(dir)?;
        file.try_lock().context("another stack is starting")?;
        file.set_len(0)?;
        write!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }

    /// The process that runs the stack of a directory.
    pub fn holder(dir: &Path) -> Result<Option<u32>> {
        if !dir.join("lock").exists() {
            return Ok(None);
        }
        match open(dir)?.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(dir.join("lock"))?;
                Ok(Some(pid.trim().parse().context("the lock of the stack names no process")?))
            }
            Err(TryLockError::Error(error)) => Err(error).context("cannot look at the lock of the stack"),
        }
    }
}

fn open(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
    file.with_context(|| format!("cannot open {}", path.display()))
}

async fn start_postgres(dir: PathBuf, empty: bool, progress: Progress) -> Result<Cluster> {
    let begun = Instant::now();
    let cluster = spawn_blocking(move || {
        if Installation::find().is_none() {
            progress.note("PostgreSQL is missing, installing it");
        }
        Cluster::start(&dir)
    })
    .await?
    .context("PostgreSQL")?;
    if !cluster.database_exists(DATABASE).await? {
        cluster.create_database(DATABASE, None).await?;
    } else if empty {
        // Dropping the database itself would cost a checkpoint.
        let schemas = "DROP SCHEMA IF EXISTS longshore, candlepin CASCADE;
                       DROP SCHEMA public CASCADE; CREATE SCHEMA public";
        connect(&cluster).await?.batch_execute(schemas).await?;
    }
    progress.done("PostgreSQL", &cluster.address().to_string(), begun.elapsed());
    Ok(cluster)
}

async fn start_s3(dir: PathBuf, progress: Progress) -> Result<S3Server> {
    let begun = Instant::now();
    let s3 = S3Server::start(&dir, Credentials::random()).await.context("S3")?;
    for bucket in [UPLOADS, EXPORTS, REJECTED] {
        s3.create_bucket(bucket)?;
    }
    progress.done("S3", s3.endpoint(), begun.elapsed());
    Ok(s3)
}

async fn find_cargo_lambda(tools: PathBuf, progress: Progress) -> Result<CargoLambda> {
    spawn_blocking(move || {
        if let Some(found) = CargoLambda::find(&tools) {
            return Ok(found);
        }
        progress.note("cargo-lambda is missing, installing it from PyPI");
        CargoLambda::install(&tools)
    })
    .await?
}

async fn build(workspace: &Workspace, functions: &Functions, progress: Progress) -> Result<()> {
    let begun = Instant::now();
    if let Functions::Built(folder) = functions {
        built::artifacts(folder, &FUNCTIONS)?;
        return Ok(());
    }
    workspace.build_functions().await?;
    progress.done("build", "debug", begun.elapsed());
    Ok(())
}

/// A connection to the functions' database, as superuser. Driven in the background until it is dropped.
pub async fn connect(cluster: &Cluster) -> Result<Client> {
    connect_to(cluster, DATABASE).await
}

/// A connection to any database of a cluster.
pub async fn connect_to(cluster: &Cluster, database: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(&cluster.url(database), NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The wished port, unless somebody has it.
fn free_port(wished: Option<u16>) -> Result<u16> {
    let wished = wished.and_then(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
    let listener = match wished {
        Some(listener) => listener,
        None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free TCP port on 127.0.0.1")?,
    };
    Ok(listener.local_addr()?.port())
}

fn environment(cluster: &Cluster, s3: &S3Server, port: u16) -> BTreeMap<String, String> {
    let keys = s3.credentials();
    let variables = [
        ("DATABASE_URL", cluster.url(DATABASE)),
        ("FUNCTIONS_URL", format!("http://127.0.0.1:{port}")),
        ("S3_ENDPOINT_URL", s3.endpoint().to_owned()),
        ("S3_BUCKET", UPLOADS.to_owned()),
        ("AWS_ENDPOINT_URL_S3", s3.endpoint().to_owned()),
        ("AWS_ACCESS_KEY_ID", keys.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key.clone()),
        ("AWS_REGION", REGION.to_owned()),
        ("LONGSHORE_ALLOWED_BUCKETS", UPLOADS.to_owned()),
        ("LONGSHORE_ALLOWED_HOSTS", "127.0.0.1".to_owned()),
        ("LONGSHORE_TASK_HOSTS", "127.0.0.1".to_owned()),
        ("LONGSHORE_LOCAL_DEVELOPMENT", "true".to_owned()),
        ("LONGSHORE_EXPORT_TARGET", format!("s3://{EXPORTS}/manifests")),
        // Nobody but this machine reaches the functions, and there is no authorizer before them.
        ("LONGSHORE_TRUST_IDENTITY_HEADER", "true".to_owned()),
        ("LONGSHORE_REJECTION_TARGET", format!("s3://{REJECTED}/records")),
        ("LONGSHORE_FAILURE_TARGET", format!("s3://{REJECTED}")),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The contents of a stack's file `env`.
///
/// # Errors
/// There is no such file: the stack is not running.
pub fn read_env(dir: &Path) -> Result<BTreeMap<String, String>> {
    let path = dir.join("env");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let variables = text.lines().filter_map(|line| line.split_once('='));
    Ok(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// `KEY=VALUE` lines, which a shell can read. For the owner's eyes only: there are passwords.
fn write_env(path: &Path, env: &BTreeMap<String, String>) -> Result<()> {
    let text: String = env.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    import::write_secret(path, &text)
}
