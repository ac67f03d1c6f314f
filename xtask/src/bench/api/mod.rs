//! The functions behind the API: requests through the handler beside the bare query, and exports.

mod requests;

use anyhow::Result;
use serde_json::json;
use tokio::task::spawn_blocking;

use self::requests::Requests;
use super::{Options, binaries::Binaries, database, export, machine, outcome::Outcome};
use crate::{progress::Progress, workspace::Workspace};

/// Measures everything.
pub async fn measure(workspace: &Workspace, options: &Options, progress: Progress) -> Result<Outcome> {
    progress.note("building the functions as they are deployed; the first time takes minutes");
    let binaries = Binaries::build(workspace, &["setup", requests::BINARY]).await?;
    let dir = workspace.target("bench");
    let cluster = database::start_cluster(&dir, options.explain).await?;
    let mut outcome = Outcome::default();
    outcome.title.push(format!("HTTP, {}", options.describe()));
    options.report(&mut outcome);
    let requests = Requests::prepare(&cluster, &binaries, &dir, options, progress).await?;
    requests.measure(&binaries, options.runs, progress).await?.report(&mut outcome);
    outcome.fact("machine", json!(machine::facts(&requests.client).await?));
    drop(requests);
    spawn_blocking(move || cluster.stop()).await?;
    outcome.add(export::measure(workspace, options, progress).await?);
    Ok(outcome)
}
