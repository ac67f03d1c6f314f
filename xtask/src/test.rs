//! `test`: every test of the workspace, on a PostgreSQL and an AWS of their own.

use std::{process::ExitCode, time::Instant};

use anyhow::{Context, Result};
use longshore_devkit::{cargo_lambda, moto::Moto, postgres::Cluster};
use tokio::{
    process::Command,
    signal::unix::{SignalKind, signal},
    task::spawn_blocking,
};

use crate::{progress::Progress, workspace::Workspace};

/// Runs `cargo test`. Its exit code is ours.
///
/// The tests find in their environment:
/// * `LONGSHORE_TEST_DATABASE_URL`: the database `postgres`, as superuser; each test makes databases of its own
/// * `LONGSHORE_TEST_BIN_DIR`: the folder of the functions' debug binaries
/// * `LONGSHORE_TEST_AWS_ENDPOINT`, `LONGSHORE_TEST_AWS_ACCESS_KEY_ID`, `LONGSHORE_TEST_AWS_SECRET_ACCESS_KEY`: moto, and a
///   user of it who may do everything
pub async fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let progress = Progress::stderr();
    // Ctrl-C ends `cargo test`, which shares our terminal; the database stops after it.
    let _interrupts = signal(SignalKind::interrupt())?;
    let dir = workspace.target("test/postgres");
    let begun = Instant::now();
    let cluster = async { spawn_blocking(move || Cluster::start(&dir)).await?.context("PostgreSQL") };
    let (tools, log) = (workspace.target("tools"), workspace.target("test/moto.log"));
    let moto = async { spawn_blocking(move || Moto::start(&tools, &log)).await?.context("moto") };
    let (cluster, moto, ()) = tokio::try_join!(cluster, moto, workspace.build_functions())?;
    let administrator = moto.administrator().await.context("moto")?;
    // Nothing here outlives the machine, and making and dropping a database for each test waits for the disk a lot.
    let client = crate::stack::connect_to(&cluster, "postgres").await?;
    client.batch_execute("ALTER SYSTEM SET fsync = off").await?;
    client.batch_execute("SELECT pg_reload_conf()").await?;
    // Left by the last run: its last tests', or all, if somebody wanted to look at them. The migrated one may be older
    // than the migrations.
    for prefix in ["test_", "longshore_test_"] {
        cluster.drop_databases(prefix).await?;
    }
    progress.done("PostgreSQL", &cluster.address().to_string(), begun.elapsed());
    progress.done("moto", moto.endpoint(), begun.elapsed());

    let mut cargo = Command::from(cargo_lambda::cargo());
    cargo.arg("test").current_dir(workspace.root());
    // Cargo would ignore the packages that somebody names beside `--workspace`.
    let names_packages = |argument: &String| argument.starts_with("-p") || argument.starts_with("--package");
    if !arguments.iter().take_while(|argument| *argument != "--").any(names_packages) {
        cargo.arg("--workspace");
    }
    cargo.args(arguments);
    cargo.env("LONGSHORE_TEST_DATABASE_URL", cluster.url("postgres"));
    cargo.env("LONGSHORE_TEST_BIN_DIR", workspace.bin());
    cargo.env("LONGSHORE_TEST_AWS_ENDPOINT", moto.endpoint());
    cargo.env("LONGSHORE_TEST_AWS_ACCESS_KEY_ID", &administrator.access_key_id);
    cargo.env("LONGSHORE_TEST_AWS_SECRET_ACCESS_KEY", &administrator.secret_access_key);
    let status = cargo.status().await.context("cannot start `cargo test`")?;
    spawn_blocking(move || cluster.stop()).await?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}
