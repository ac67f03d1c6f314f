//! A stage for owners: the commands of `setup`, at a time that the test moves, and what an import asks.

use crate::database;
use longshore::aws::Aws;
use longshore::candlepin::{OwnerError, Resolved, ordering_key, resolve};
use longshore::clock::Clock;
use longshore::db::{Connector, Pool};
use longshore::failure::Classified;
use longshore::settings::Settings;
use longshore::setup::Setup;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use time::OffsetDateTime;
use tokio_postgres::Client;

/// 2026-01-01T00:00:00Z
const BEGINNING: i64 = 1_767_225_600;

/// A migrated database and `setup` on it, at a time that the test moves.
pub struct OwnerStage {
    pool: Pool,
    setup: Setup,
    /// A connection to look at the database with.
    pub client: Client,
    /// What the clock says, in seconds since 1970.
    pub seconds: Arc<AtomicI64>,
}

impl OwnerStage {
    /// A new one, at the beginning of 2026.
    pub async fn set() -> Self {
        let url = database::fresh_database().await;
        let seconds = Arc::new(AtomicI64::new(BEGINNING));
        let now = seconds.clone();
        let clock = Clock::from_fn(move || OffsetDateTime::from_unix_timestamp(now.load(Ordering::Relaxed)).unwrap());
        let client = database::connect(&url).await;
        let settings = Settings::read(|name| (name == "DATABASE_URL").then(|| url.clone())).unwrap();
        let aws = Aws::from_env().await;
        let pool = Pool::new(Connector::new(settings.database.clone(), aws.clone(), Clock::system()), 4);
        Self { pool, setup: Setup::new(settings, &aws, clock, 4), client, seconds }
    }

    /// What the command answers, or its error with its kind.
    pub async fn run(&self, command: Value) -> String {
        let answer = self.setup.handle(&command.to_string(), None).await;
        answer.map_or_else(|error| format!("{}: {error}", error.kind()), |answer| answer.to_string())
    }

    /// Makes an owner and returns its id.
    pub async fn owner(&self, key: &str) -> String {
        let answer = self.run(json!({"command": "create-owner", "owner": key})).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Makes owners.
    pub async fn owners<const N: usize>(&self, keys: [&str; N]) {
        for key in keys {
            self.owner(key).await;
        }
    }

    /// Registers a consumer for an owner.
    pub async fn register(&self, uuid: &str, owner: &str) -> String {
        self.run(json!({"command": "register-upstream-consumer", "uuid": uuid, "owner": owner})).await
    }

    /// Lets an organisation import for an owner.
    pub async fn grant(&self, org: &str, owner: &str) -> String {
        self.run(json!({"command": "grant", "org": org, "owner": owner})).await
    }

    /// Links an owner to a consumer, as an import does.
    pub async fn link(&self, uuid: &str, owner: &str) {
        let sql = format!(
            "INSERT INTO cp_upstream_consumer (id, uuid, name, owner_id, type_id)
               SELECT 'row-{uuid}', '{uuid}', 'Name of {uuid}', id, '1006' FROM cp_owner WHERE account = '{owner}';
             UPDATE cp_owner SET upstream_id = 'row-{uuid}' WHERE account = '{owner}'"
        );
        self.client.batch_execute(&sql).await.unwrap();
    }

    /// Puts an import into an owner's history.
    pub async fn imported(&self, owner: &str, status: i32, created: &str) {
        let sql = format!(
            "INSERT INTO cp_import_record (id, owner_id, status, created)
             SELECT replace(gen_random_uuid()::text, '-', ''), id, {status}, '{created}'
             FROM cp_owner WHERE account = '{owner}'"
        );
        self.client.batch_execute(&sql).await.unwrap();
    }

    /// The owner of a manifest.
    ///
    /// # Errors
    /// See [`OwnerError`].
    pub async fn resolve(&self, uuid: Option<&str>, named: Option<&str>, org: &str) -> Result<Resolved, OwnerError> {
        resolve(&*self.pool.get().await.unwrap(), uuid, named, org).await
    }

    /// `key | lookup | warning`, or the error.
    pub async fn told(&self, uuid: Option<&str>, named: Option<&str>, org: &str) -> String {
        match self.resolve(uuid, named, org).await {
            Ok(Resolved { owner, by, warning }) => {
                let parts = [Some(owner.key), Some(format!("{by:?}")), warning];
                parts.into_iter().flatten().collect::<Vec<_>>().join(" | ")
            }
            Err(error) => {
                assert_eq!((error.kind(), error.is_transient()), ("Owner", false));
                error.to_string()
            }
        }
    }

    /// What records of an organisation have in common.
    pub async fn ordering_key(&self, org: &str) -> String {
        ordering_key(&*self.pool.get().await.unwrap(), org).await.unwrap()
    }
}
