//! Worlds whose function reaches its database through a proxy, and what must hold once it was interrupted.

use crate::World;
use crate::database::database_server;
use longshore_devkit::proxy::Proxy;
use std::time::{Duration, Instant};

/// How long a server may take to notice that a client is gone.
const PATIENCE: Duration = Duration::from_secs(10);

impl World {
    /// A world with further settings, and the proxy between its function and its database. The world's own
    /// connection does not go through it.
    pub async fn through_proxy(settings: &[(&str, &str)]) -> (Self, Proxy) {
        let proxy = Proxy::start(database_server()).await.unwrap();
        let port = proxy.address().port().to_string();
        let mut all = vec![("DATABASE_PORT", port.as_str())];
        all.extend(settings);
        (Self::with(&all).await, proxy)
    }

    /// Waits until a query's one value is true.
    ///
    /// # Panics
    /// It is not after ten seconds.
    pub async fn eventually(&self, sql: &str) {
        let begun = Instant::now();
        while !self.value::<bool>(sql).await {
            assert!(begun.elapsed() < PATIENCE, "still not true: {sql}");
        }
    }

    /// Nothing of an interrupted refresh is left: no session at work, no lock, no staged row.
    pub async fn nothing_is_left(&self) {
        self.eventually(
            "SELECT count(*) = 0 FROM pg_stat_activity
             WHERE application_name = 'longshore' AND datname = current_database() AND state <> 'idle'",
        )
        .await;
        self.eventually(
            "SELECT count(*) = 0 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
             WHERE l.locktype = 'advisory' AND d.datname = current_database() AND l.pid <> pg_backend_pid()",
        )
        .await;
        for table in ["credential_types", "credentials", "inventories", "offerings", "nodes", "plans", "ids"] {
            let staged: i64 = self.value(&format!("SELECT count(*) FROM staged_{table}")).await;
            assert_eq!(staged, 0, "staged_{table}");
        }
    }

    /// All rows of the inventory, archived ones included.
    pub async fn objects(&self) -> i64 {
        let tables = ["credential_types", "credentials", "inventories", "offerings", "offering_nodes", "plans"];
        let counts = tables.map(|table| format!("(SELECT count(*) FROM service_{table})"));
        self.value(&format!("SELECT {}", counts.join(" + "))).await
    }
}
