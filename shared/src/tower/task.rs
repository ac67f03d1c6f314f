//! Telling the task API how a refresh goes. It never decides anything: a task API that is down neither loses nor
//! repeats a refresh.

use super::merge::Stats;
use super::message::{Message, TaskRef};
use crate::failure::Chain;
use crate::fetch;
use crate::settings::TaskSettings;
use reqwest::{Client, StatusCode, Url};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// A client of the task API.
#[derive(Debug)]
pub(super) struct Tasks {
    settings: TaskSettings,
    client: OnceLock<Client>,
}

/// What is told.
pub(super) enum Progress<'a> {
    Running,
    Completed { message: &'a str, stats: &'a Stats },
    Failed { error: &'a str },
}

impl Progress<'_> {
    fn body(&self) -> Value {
        match self {
            Self::Running => json!({"state": "running", "status": "ok", "message": "Reading the archive"}),
            Self::Completed { message, stats } => json!({
                "state": "completed", "status": "ok", "message": message, "output": {"stats": stats_by_key(stats)},
            }),
            Self::Failed { error } => json!({
                "state": "completed", "status": "error", "message": error, "output": {"errors": [error]},
            }),
        }
    }
}

/// Statistics as the task API has them: each table with its adds, updates and deletes.
pub(super) fn stats_by_key(stats: &Stats) -> Map<String, Value> {
    let entry = |(table, done): (&super::Table, &super::merge::TableStats)| {
        let counts = json!({"adds": done.adds, "updates": done.updates, "deletes": done.deletes});
        (table.stats_key().to_owned(), counts)
    };
    stats.iter().map(entry).collect()
}

impl Tasks {
    pub fn new(settings: TaskSettings) -> Self {
        Self { settings, client: OnceLock::new() }
    }

    /// Tells the task of `message`, if it has one. A failure is logged and forgotten.
    pub async fn tell(&self, message: &Message, progress: Progress<'_>) {
        let Some(task) = &message.task else { return };
        if let Err(why) = self.patch(task, message, &progress).await {
            tracing::warn!(error = why, "the task API was not told");
        }
    }

    async fn patch(&self, task: &TaskRef, message: &Message, progress: &Progress<'_>) -> Result<(), String> {
        let Some(url) = self.url(task)? else { return Ok(()) };
        let mut request = self
            .client()?
            .patch(url)
            .timeout(self.settings.timeout)
            .header("content-type", "application/json")
            .body(progress.body().to_string());
        if let Some(identity) = &message.announced.forwarded_identity {
            request = request.header("x-rh-identity", identity);
        }
        if let Some(request_id) = message.request_id() {
            request = request.header("x-rh-insights-request-id", request_id);
        }
        let response = request.send().await.map_err(|error| Chain(&error.without_url()).to_string())?;
        match response.status() {
            StatusCode::NO_CONTENT => Ok(()),
            other => Err(format!("it answered {}", other.as_u16())),
        }
    }

    /// Where to tell it. Only listed hosts: an identity goes along. `None` when no task API is set for task ids.
    fn url(&self, task: &TaskRef) -> Result<Option<Url>, String> {
        let text = match (task, &self.settings.api_url) {
            (TaskRef::Url(url), _) => url.clone(),
            (TaskRef::Id(id), Some(base)) => format!("{}/tasks/{id}", base.trim_end_matches('/')),
            (TaskRef::Id(_), None) => return Ok(None),
        };
        let url = Url::parse(&text).map_err(|_| "the task's URL is damaged".to_owned())?;
        let host = url.host_str().unwrap_or_default();
        let listed = matches!(task, TaskRef::Id(_)) || self.settings.hosts.iter().any(|allowed| allowed == host);
        if listed && matches!(url.scheme(), "http" | "https") {
            Ok(Some(url))
        } else {
            Err(format!("its host {host} is not in LONGSHORE_TASK_HOSTS"))
        }
    }

    fn client(&self) -> Result<&Client, String> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Internal, so on private addresses; the hosts are listed by name.
        let client = fetch::client(self.settings.timeout, true).map_err(|error| error.to_string())?;
        Ok(self.client.get_or_init(|| client))
    }
}
