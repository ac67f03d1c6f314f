//! `replay`: what a function has not done, out of files, handed to it again.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use longshore::{
    aws::Aws,
    clock::Clock,
    failure::Chain,
    replay::{Again, Functions, Invoked},
};

use crate::{
    progress::{Progress, write_line},
    table::{Cell, Table, colour_on_stdout},
};

/// `cargo xtask replay`
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Batches that Lambda or `cargo xtask poll` gave up and records that were rejected: files, or folders of them
    #[arg(required = true, value_name = "FILE_OR_DIR")]
    paths: Vec<PathBuf>,
    /// The function that they are handed to; unless given, the one that the file names, which rejected records do not
    #[arg(long)]
    function: Option<String>,
    /// Where functions are invoked, as `cargo lambda watch` has it
    #[arg(long, default_value = "http://127.0.0.1:9000")]
    endpoint: String,
    /// Invoke functions in AWS instead, with the credentials and the region of the environment
    #[arg(long, conflicts_with = "endpoint")]
    lambda: bool,
    /// How long a function may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 840)]
    timeout: u64,
    /// Only say what there is
    #[arg(long)]
    list: bool,
}

/// A document, and what became of it.
struct Outcome {
    done: bool,
    cell: Cell,
}

/// Hands documents to functions, in the order of their names. Fails with code 1 when one is not done.
pub async fn run(options: &Options) -> Result<ExitCode> {
    let files = files(&options.paths)?;
    ensure!(!files.is_empty(), "there is no file");
    let aws =
        if options.lambda { Aws::from_env().await } else { Aws::local(&options.endpoint, "local", "local").await };
    let functions = Functions::new(&aws, Clock::system());
    let (mut table, mut failed) = (Table::new(&["file", "function", ">records", "topics", "given up for", "now"]), 0);
    for file in &files {
        let read = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let again = match Again::read(&read) {
            Ok(again) => again,
            Err(error) => {
                failed += 1;
                table.row([name.into(), "".into(), "".into(), "".into(), "".into(), Cell::bad(error.to_string())]);
                continue;
            }
        };
        let function = options.function.clone().or_else(|| again.function.clone());
        let outcome = hand_over(&functions, function.as_deref(), &again, options).await;
        failed += u32::from(!outcome.done);
        table.row([
            name.into(),
            function.unwrap_or_default().into(),
            Cell::count(again.records as u64),
            again.topics.join(", ").into(),
            again.why.unwrap_or_default().into(),
            outcome.cell,
        ]);
    }
    write_line(std::io::stdout(), table.render(colour_on_stdout()).trim_end());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn hand_over(functions: &Functions, function: Option<&str>, again: &Again, options: &Options) -> Outcome {
    if options.list {
        return Outcome { done: true, cell: Cell::dim("listed only") };
    }
    let Some(function) = function else {
        return Outcome { done: false, cell: Cell::bad("it names no function: --function does") };
    };
    let begun = Instant::now();
    let invoked = functions.invoke(function, &again.event, Duration::from_secs(options.timeout)).await;
    Progress::stderr().done(function, &format!("{} records", again.records), begun.elapsed());
    match invoked {
        Ok(Invoked::Answered { failed: 0 }) => Outcome { done: true, cell: Cell::good("done") },
        Ok(Invoked::Answered { failed }) => Outcome { done: false, cell: Cell::bad(format!("{failed} to come again")) },
        Ok(Invoked::Failed(what)) => Outcome { done: false, cell: Cell::bad(what) },
        Err(error) => Outcome { done: false, cell: Cell::bad(Chain(&error).to_string()) },
    }
}

/// The files that are named, and those in folders that are named, each folder's by name: Lambda's sort by time, ours by offset.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(below(path)?);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = || format!("cannot read {}", folder.display());
    let entries: std::io::Result<Vec<_>> = std::fs::read_dir(folder).with_context(unreadable)?.collect();
    let mut paths: Vec<PathBuf> = entries.with_context(unreadable)?.iter().map(std::fs::DirEntry::path).collect();
    paths.sort();
    files(&paths)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use longshore_devkit::http_server::{HttpServer, Reply};
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        options: Options,
    }

    async fn typed(arguments: &[&str]) -> ExitCode {
        run(&Typed::parse_from([&["replay"], arguments].concat()).options).await.unwrap()
    }

    /// A folder with a batch that `poll` gave up below it, and a record that was rejected.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let event =
            json!({"eventSource": "aws:kafka", "records": {"t-0": [{"topic": "t", "partition": 0, "offset": 1}]}});
        let batch = json!({"requestContext": {"functionArn": "arn:aws:lambda:local:000000000000:function:f"}, "payload": event.to_string()});
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/batch.json"), batch.to_string()).unwrap();
        let rejected = json!({"topic": "t", "partition": 0, "offset": 2, "kind": "Message"});
        std::fs::write(folder.path().join("rejected.json"), rejected.to_string()).unwrap();
        folder
    }

    fn paths(server: &HttpServer) -> Vec<String> {
        server.take_requests().into_iter().map(|request| request.path).collect()
    }

    #[tokio::test]
    async fn each_document_goes_to_its_function_or_to_the_one_that_is_named() {
        let server = HttpServer::start(|_| Reply::ok(r#"{"batchItemFailures":[]}"#)).await.unwrap();
        let (folder, endpoint) = (folder(), server.url(""));
        let folder = folder.path().to_str().unwrap();
        let invocations = |function: &str| format!("/2015-03-31/functions/{function}/invocations");
        // What was rejected does not say by whom.
        assert_eq!(typed(&[folder, "--endpoint", &endpoint]).await, ExitCode::FAILURE);
        assert_eq!(paths(&server), [invocations("f")]);
        assert_eq!(typed(&[folder, "--endpoint", &endpoint, "--function", "g"]).await, ExitCode::SUCCESS);
        assert_eq!(paths(&server), [invocations("g"), invocations("g")]);
        assert_eq!(typed(&[folder, "--endpoint", &endpoint, "--list"]).await, ExitCode::SUCCESS);
        assert!(paths(&server).is_empty());
    }

    #[tokio::test]
    async fn what_is_to_come_again_is_not_done() {
        let answer = r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"t-0","offset":1}}]}"#;
        let server = HttpServer::start(move |_| Reply::ok(answer)).await.unwrap();
        let folder = folder();
        let file = folder.path().join("a/batch.json");
        assert_eq!(typed(&[file.to_str().unwrap(), "--endpoint", &server.url("")]).await, ExitCode::FAILURE);
    }
}
