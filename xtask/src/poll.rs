//! `poll`: a Kafka topic and a function, without an AWS account in between. What Lambda's event source mapping does with them.

mod answer;
mod batch;
mod discard;
mod function;
mod options;
mod partition;
mod policy;
mod poller;
mod report;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use anyhow::Result;
use longshore::aws::Aws;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

pub use self::options::Options;
use self::poller::poll;
use crate::progress::Progress;

/// Reads and invokes until Ctrl-C. A second one does not wait for the function.
pub async fn run(options: &Options) -> Result<ExitCode> {
    let progress = Progress::stderr();
    let (stop, stopped) = watch::channel(false);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let hurry = async {
        for wish in ["waiting for what is with the function; once more to leave it", "left"] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            progress.note(wish);
            stop.send_replace(true);
        }
    };
    let read = async {
        let kafka = event_publisher::connect(&options.kafka()?, &Aws::from_env().await).await?;
        let (source, job) = (options.source(), options.job());
        progress.note(&format!(
            "reading {} as {}, for {} at {}; Ctrl-C ends",
            source.topics.join(", "),
            source.group,
            job.function,
            options.endpoint()
        ));
        poll(&kafka, source, job, stopped).await
    };
    tokio::select! {
        read = read => read.map(|()| ExitCode::SUCCESS),
        () = hurry => Ok(ExitCode::FAILURE),
    }
}
