//! What the outbox tells the world.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use tokio_postgres::Client;

use crate::table::counted;

/// What becomes of objects.
const KINDS: [&str; 3] = ["CREATED", "MODIFIED", "DELETED"];

/// Events by target and type: `("POOL", "CREATED")`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Events(BTreeMap<(String, String), i64>);

impl Events {
    /// All that owners' imports have written so far.
    pub async fn read(client: &Client) -> Result<Self> {
        let sql = "SELECT target, type, count(*) FROM longshore.outbox WHERE key LIKE 'owner/%' GROUP BY target, type";
        let rows = client.query(sql, &[]).await?;
        Ok(Self(rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect()))
    }

    /// Those that are new.
    pub fn since(self, before: &Self) -> Self {
        let new = |(key, count)| {
            let count = count - before.0.get(&key).copied().unwrap_or_default();
            (count != 0).then_some((key, count))
        };
        Self(self.0.into_iter().filter_map(new).collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are, and how many of what people wait for.
    pub fn sentence(&self) -> String {
        let of = |target: &str| {
            let counts = KINDS.map(|kind| (kind.to_lowercase(), self.count(target, kind)));
            let kinds: Vec<String> =
                counts.iter().filter(|(_, count)| *count > 0).map(|(kind, count)| format!("{count} {kind}")).collect();
            (!kinds.is_empty()).then(|| format!("{}s {}", target.to_lowercase(), kinds.join(", ")))
        };
        let told: Vec<String> = ["SUBSCRIPTION", "POOL", "PRODUCT"].into_iter().filter_map(of).collect();
        let all = self.0.values().sum::<i64>().unsigned_abs();
        format!("{} in the outbox: {}", counted(all, "event"), told.join("; "))
    }

    /// Insists on these numbers of created, modified and deleted, by target; and on one event of the import itself.
    pub fn compare(&self, expected: &[(&str, [i64; 3])]) -> Result<()> {
        for (target, numbers) in expected {
            let found = KINDS.map(|kind| self.count(target, kind));
            ensure!(
                found == *numbers,
                "events of {target} created, modified, deleted: {found:?} instead of {numbers:?}"
            );
        }
        ensure!(self.count("IMPORT", "CREATED") == 1, "the import has no event of its own");
        Ok(())
    }

    fn count(&self, target: &str, kind: &str) -> i64 {
        self.0.get(&(target.to_owned(), kind.to_owned())).copied().unwrap_or_default()
    }
}
