//! `test`: every test of the workspace, on a PostgreSQL of their own.

use std::{process::ExitCode, time::Instant};

use anyhow::{Context, Result};
use longshore_devkit::{cargo_lambda, postgres::Cluster};
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
pub async fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let progress = Progress::stderr();
    // Ctrl-C ends `cargo test`, which shares our terminal; the database stops after it.
    let _interrupts = signal(SignalKind::interrupt())?;
    let dir = workspace.target("test/postgres");
    let begun = Instant::now();
    let cluster = async { spawn_blocking(move || Cluster::start(&dir)).await?.context("PostgreSQL") };
    let (cluster, ()) = tokio::try_join!(cluster, workspace.build_functions())?;
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
    let status = cargo.status().await.context("cannot start `cargo test`")?;
    spawn_blocking(move || cluster.stop()).await?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}
