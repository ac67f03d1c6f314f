//! The function `setup` below its handler: migrations, tenants and sources. Every command may be repeated.

use crate::db::{DbError, MigrateError, Pool, migrate};
use crate::failure::Classified;
use crate::settings::Settings;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_postgres::types::Type;

/// What `setup` can be asked to do, by direct invocation.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Command {
    /// Brings the database up to date.
    Migrate {},
    /// Creates a tenant, or finds it.
    CreateTenant {
        /// The org id, or the account number of those that have none.
        external_tenant: String,
        /// A name for people.
        #[serde(default)]
        name: Option<String>,
    },
    /// Creates a source of a tenant, or finds it and updates name and state.
    CreateSource {
        /// The tenant that it belongs to.
        external_tenant: String,
        /// The reporter's uid.
        uid: String,
        /// A name for people.
        #[serde(default)]
        name: Option<String>,
        /// Whether it is refreshed; a new one is unless this says otherwise.
        #[serde(default)]
        enabled: Option<bool>,
    },
    /// Lists the commands.
    Help {},
}

/// Each command with its arguments and what it does.
const HELP: [(&str, &str, &str); 4] = [
    ("migrate", "", "bring the database up to date"),
    ("create-tenant", "external_tenant, [name]", "create a tenant, or find it"),
    ("create-source", "external_tenant, uid, [name], [enabled]", "create a source, or update its name and state"),
    ("help", "", "list the commands and the settings"),
];

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The payload is no command.
    #[error("no such command ({0}); {{\"command\": \"help\"}} lists them")]
    Command(String),
    /// An argument is missing or wrong.
    #[error("{0}")]
    Argument(String),
    /// The migrations failed.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl Classified for SetupError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Command(_) | Self::Argument(_) => "Command",
            Self::Migrate(error) => error.kind(),
            Self::Database(error) => error.kind(),
        }
    }
    fn is_transient(&self) -> bool {
        match self {
            Self::Command(_) | Self::Argument(_) => false,
            Self::Migrate(error) => error.is_transient(),
            Self::Database(error) => error.is_transient(),
        }
    }
}

impl Command {
    /// Reads a payload.
    ///
    /// # Errors
    /// [`SetupError::Command`] with what is wrong.
    pub fn parse(payload: &str) -> Result<Self, SetupError> {
        serde_json::from_str(payload).map_err(|error| SetupError::Command(error.to_string()))
    }
}

/// Carries out a command and returns what there is to tell.
///
/// # Errors
/// See [`SetupError`].
pub async fn run(command: Command, pool: &Pool) -> Result<Value, SetupError> {
    match command {
        Command::Migrate {} => {
            let mut session = pool.get().await?;
            let migrated = migrate(&mut session).await?;
            tracing::info!(applied = migrated.applied.len(), version = migrated.version, "database migrated");
            Ok(json!(migrated))
        }
        Command::CreateTenant { external_tenant, name } => {
            let id = create_tenant(pool, &required("external_tenant", &external_tenant)?, name.as_deref()).await?;
            Ok(json!({ "tenant_id": id }))
        }
        Command::CreateSource { external_tenant, uid, name, enabled } => {
            let uid = required("uid", &uid)?;
            let source = create_source(pool, &external_tenant, &uid, name.as_deref(), enabled).await?;
            source.ok_or_else(|| SetupError::Argument(format!("no tenant {external_tenant}; create-tenant makes one")))
        }
        Command::Help {} => Ok(help()),
    }
}

fn required(argument: &str, value: &str) -> Result<String, SetupError> {
    let value = value.trim();
    if value.is_empty() { Err(SetupError::Argument(format!("{argument} is empty"))) } else { Ok(value.into()) }
}

fn help() -> Value {
    let commands: Vec<Value> = HELP
        .iter()
        .map(|(name, arguments, what)| json!({"command": name, "arguments": arguments, "does": what}))
        .collect();
    let settings: Vec<Value> = Settings::VARIABLES
        .iter()
        .map(|(name, default, what)| json!({"variable": name, "default": default.trim_matches('`'), "sets": what}))
        .collect();
    json!({"commands": commands, "settings": settings})
}

async fn create_tenant(pool: &Pool, external_tenant: &str, name: Option<&str>) -> Result<i64, DbError> {
    let sql = "INSERT INTO tenants AS t (external_tenant, name) VALUES ($1, $2)
               ON CONFLICT (external_tenant) DO UPDATE SET name = coalesce(excluded.name, t.name)
               RETURNING id";
    let row = pool.get().await?.query_typed_one(sql, &[(&external_tenant, Type::TEXT), (&name, Type::TEXT)]).await?;
    Ok(row.get(0))
}

/// `None` when there is no such tenant.
async fn create_source(
    pool: &Pool,
    external_tenant: &str,
    uid: &str,
    name: Option<&str>,
    enabled: Option<bool>,
) -> Result<Option<Value>, DbError> {
    let sql = "INSERT INTO sources AS s (tenant_id, uid, name, enabled)
               SELECT id, $2, coalesce($3, $2), coalesce($4, true) FROM tenants WHERE external_tenant = $1
               ON CONFLICT (tenant_id, uid) DO UPDATE
                 SET name = coalesce($3, s.name), enabled = coalesce($4, s.enabled)
               RETURNING tenant_id, id, enabled";
    let row = pool
        .get()
        .await?
        .query_typed_opt(
            sql,
            &[(&external_tenant, Type::TEXT), (&uid, Type::TEXT), (&name, Type::TEXT), (&enabled, Type::BOOL)],
        )
        .await?;
    Ok(row.map(|row| {
        json!({"tenant_id": row.get::<_, i64>(0), "source_id": row.get::<_, i64>(1), "enabled": row.get::<_, Option<bool>>(2)})
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_strictly_and_all_are_in_the_help() {
        assert_eq!(Command::parse(r#"{"command":"migrate"}"#).unwrap(), Command::Migrate {});
        for bad in
            ["{}", r#"{"command":"drop"}"#, r#"{"command":"create-tenant"}"#, r#"{"command":"migrate","x":1}"#, "["]
        {
            assert_eq!(Command::parse(bad).unwrap_err().kind(), "Command", "{bad}");
        }
        for (name, arguments, _) in HELP {
            let mut payload = json!({ "command": name });
            for argument in arguments.split(", ").filter(|argument| !argument.is_empty() && !argument.starts_with('['))
            {
                payload[argument] = "x".into();
            }
            assert!(Command::parse(&payload.to_string()).is_ok(), "{payload}");
        }
    }
}
