//! The migrations, embedded and versioned. Safe to run twice and at once.

use super::upgrade::{Upgraded, set_aside, take_over};
use super::{DbError, Session};
use crate::failure::Classified;
use refinery_core::{Migration, Runner};
use tokio_postgres::GenericClient;
use tokio_postgres::types::Type;

/// Each migration once, in order. `{inventory}`, `{candlepin}` and `{longshore}` stand for the schemas of the settings.
const MIGRATIONS: [(&str, &str); 5] = [
    ("V1__catalog_inventory", include_str!("migrations/V1__catalog_inventory.sql")),
    ("V2__longshore", include_str!("migrations/V2__longshore.sql")),
    ("V3__candlepin", include_str!("migrations/V3__candlepin.sql")),
    ("V4__hosted", include_str!("migrations/V4__hosted.sql")),
    ("V5__events", include_str!("migrations/V5__events.sql")),
];

/// The version that [`migrate`] brings a database to.
pub const LATEST_VERSION: i64 = MIGRATIONS.len() as i64;

/// Why the database could not be brought up to date.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// A migration failed, or the history in the database is not ours.
    #[error("migration failed")]
    Migration(#[source] Box<refinery_core::Error>),
    /// A newer release has migrated it.
    #[error(
        "the database is at version {found}, and this release knows {LATEST_VERSION} of them: migrate with the newer one"
    )]
    Newer {
        /// The version that it is at.
        found: i64,
    },
    /// Candlepin's tables of before have to be moved, and the place for them is taken.
    #[error(
        "schema {candlepin} holds Candlepin's tables of before, which are moved into schema {aside}, and that is not \
         empty: rename it, or drop it, and migrate again"
    )]
    InTheWay {
        /// Where they are.
        candlepin: String,
        /// Where they should go.
        aside: String,
    },
}

impl Classified for MigrateError {
    fn kind(&self) -> &'static str {
        "Migration"
    }
    fn is_transient(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_transient())
    }
}

/// What [`migrate`] did.
#[derive(Debug, serde::Serialize)]
pub struct Migrated {
    /// Migrations applied now, such as `V2__longshore`; empty when there was nothing to do.
    pub applied: Vec<String>,
    /// The version that the database is at.
    pub version: i64,
    /// What was taken over from a database of before the association design, where it was one until now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgraded: Option<Upgraded>,
}

/// Brings the database up to date.
///
/// Needs a role that may create schemas and tables, or schemas that exist and belong to it. Others that migrate at
/// the same moment wait for the lock. It is a session lock, the one place where an RDS Proxy connection gets pinned:
/// the runner opens transactions of its own.
///
/// Candlepin's own tables of before are moved aside first, and taken over at the end; killed in between, the next call
/// goes on.
///
/// # Errors
/// See [`MigrateError`]. A migration that fails leaves no trace.
pub async fn migrate(session: &mut Session) -> Result<Migrated, MigrateError> {
    let settings = session.settings();
    let schemas = [
        ("{inventory}", settings.inventory_schema.clone()),
        ("{candlepin}", settings.candlepin_schema.clone()),
        ("{longshore}", settings.longshore_schema.clone()),
    ];
    let history = history_of(session);
    session.begin(); // dropped half-way, the connection is closed and the lock with it
    let lock = "SELECT pg_advisory_lock(hashtextextended('longshore migrations', 0))";
    session.simple_query(lock).await.map_err(DbError::from)?;
    for (_, schema) in &schemas {
        create_schema(&**session, schema).await?;
    }
    let found = version_in(&**session, &history).await?;
    if found > LATEST_VERSION {
        return Err(MigrateError::Newer { found });
    }
    set_aside(session).await?;
    let applied = run(session, &schemas, history).await?;
    let upgraded = take_over(session).await?;
    let unlock = "SELECT pg_advisory_unlock(hashtextextended('longshore migrations', 0))";
    session.simple_query(unlock).await.map_err(DbError::from)?;
    session.done();
    Ok(Migrated { applied, version: LATEST_VERSION, upgraded })
}

/// Runs the migrations that have not been applied, and returns their names.
async fn run(session: &mut Session, schemas: &[(&str, String)], history: String) -> Result<Vec<String>, MigrateError> {
    let migrations = MIGRATIONS
        .iter()
        .map(|(name, sql)| {
            let sql = schemas.iter().fold((*sql).to_owned(), |sql, (name, schema)| sql.replace(name, schema));
            Migration::unapplied(name, &sql).map_err(|error| MigrateError::Migration(Box::new(error)))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut runner = Runner::new(&migrations);
    runner.set_migration_table_name(history);
    let report = runner.run_async(&mut **session).await.map_err(|error| MigrateError::Migration(Box::new(error)))?;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}

/// The version that the database is at; 0 before the first migration.
///
/// # Errors
/// The database failed.
pub async fn version(session: &Session) -> Result<i64, DbError> {
    version_in(&**session, &history_of(session)).await
}

/// Where the migrations that were applied are: by its whole name, because others have a table of that name too.
fn history_of(session: &Session) -> String {
    format!("{}.migrations", session.settings().longshore_schema)
}

async fn version_in(client: &impl GenericClient, history: &str) -> Result<i64, DbError> {
    let sql = "SELECT to_regclass($1) IS NOT NULL";
    let found: bool = client.query_typed_one(sql, &[(&history, Type::TEXT)]).await?.get(0);
    if !found {
        return Ok(0);
    }
    let sql = format!("SELECT coalesce(max(version), 0)::bigint FROM {history}");
    Ok(client.query_typed_one(&sql, &[]).await?.get(0))
}

/// `CREATE SCHEMA IF NOT EXISTS` wants the right to create schemas even where the schema exists.
pub(super) async fn create_schema(client: &impl GenericClient, schema: &str) -> Result<(), DbError> {
    let found = client.query_opt("SELECT FROM pg_namespace WHERE nspname = $1", &[&schema]).await?;
    if found.is_none() {
        client.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
    }
    Ok(())
}
