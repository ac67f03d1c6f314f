//! The commands of this repository: `cargo xtask --help`.

mod bench;
mod demo;
mod inspect;
mod loopback;
mod poll;
mod progress;
mod replay;
mod samples;
mod stack;
mod table;
mod test;
mod up;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about = "The commands of this repository", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the local stack: PostgreSQL, S3 and the functions; Ctrl-C stops it
    Up(up::Options),
    /// Stop the local stack
    Down,
    /// Show what the functions do with a Tower's archives and a consumer's manifests, on a stack of its own
    Demo(demo::Options),
    /// Read a Kafka topic and invoke a function with its records, as Lambda's event source mapping does; Ctrl-C ends it
    Poll(poll::Options),
    /// Hand to a function again what it has not done: batches that were given up, records that were rejected
    Replay(replay::Options),
    /// Invoke the functions with each file in events/, on a stack of its own, and compare with events/README.md
    Samples(samples::Options),
    /// Run every test, on a PostgreSQL of their own
    Test {
        /// Passed on to `cargo test`, like `-- -p longshore -- --nocapture`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Say what a Tower archive, a manifest or a data bundle holds, and whether it would be refused
    Inspect(inspect::Options),
    /// Measure what is promised, against the least that it could cost on this machine
    Bench(bench::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(code) => code,
        Err(error) => {
            // The causes, without the trace that `Debug` prints where RUST_BACKTRACE is set.
            progress::write_line(std::io::stderr(), &format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode> {
    let workspace = Workspace::locate()?;
    match command {
        Command::Up(options) => up::up(&workspace, &options).await,
        Command::Down => up::down(&workspace).await,
        Command::Demo(options) => demo::run(&workspace, &options).await,
        Command::Poll(options) => poll::run(&options).await,
        Command::Replay(options) => replay::run(&options).await,
        Command::Samples(options) => samples::run(&workspace, &options).await,
        Command::Test { arguments } => test::run(&workspace, &arguments).await,
        Command::Inspect(options) => inspect::run(&options),
        Command::Bench(options) => bench::run(&workspace, &options).await,
    }
}
