//! What the platform was told, as text that a test compares.

use crate::World;
use serde_json::Value;

/// An identity as it comes with messages: `{"identity":{"org_id":"5318290","account_number":"540155"}}`.
pub const IDENTITY: &str = "eyJpZGVudGl0eSI6eyJvcmdfaWQiOiI1MzE4MjkwIiwiYWNjb3VudF9udW1iZXIiOiI1NDAxNTUifX0=";

impl World {
    /// Statuses of each request in the order in which they are published: `request | source | status | text`.
    pub async fn statuses(&self) -> String {
        self.list(
            "SELECT concat_ws(' | ', request_id, event_data ->> 'source', event_data ->> 'status', event_data ->> 'status_msg')
             FROM outbox WHERE family = 'payload-status' ORDER BY key, id",
        )
        .await
    }

    /// The messages of a family, in the order in which they are published.
    pub async fn messages(&self, family: &str) -> Vec<Value> {
        let sql = "SELECT event_data FROM outbox WHERE family = $1 ORDER BY id";
        self.client().query(sql, &[&family]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }
}
