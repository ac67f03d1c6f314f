//! The function `setup` below its handler: migrations, tenants and sources, owners and who may import for them. Every
//! command may be repeated.

mod access;
mod hosted;
mod inventory;
mod owners;
mod rules;
mod status;

use crate::aws::Aws;
use crate::candlepin::Permission;
use crate::clock::Clock;
use crate::db::{Connector, DbError, MigrateError, Pool, migrate};
use crate::failure::Classified;
use crate::hosted::{Authorities, HostedError, NewDistributor, NewPool, NewProduct, Wanted};
use crate::keyring::{Keys, RotateError};
use crate::settings::Settings;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

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
    /// Creates an owner of the Candlepin tables, or finds it and updates its display name.
    CreateOwner {
        /// Its key.
        owner: String,
        /// A name for people; a new owner without one is called by its key.
        #[serde(default)]
        display_name: Option<String>,
    },
    /// Lists the owners.
    ListOwners {},
    /// Says whose the manifests of an upstream consumer are.
    RegisterUpstreamConsumer {
        /// The consumer's uuid.
        uuid: String,
        /// The owner's key.
        owner: String,
    },
    /// Takes that back.
    UnregisterUpstreamConsumer {
        /// The consumer's uuid.
        uuid: String,
    },
    /// Lets an organisation or an IAM principal do more for an owner than its own owner may.
    Grant {
        /// The organisation, as identities name it, or the ARN of an IAM role or user.
        org: String,
        /// The owner's key.
        owner: String,
        /// What it may do.
        #[serde(default)]
        permission: Permission,
    },
    /// Takes that back.
    Revoke {
        /// The organisation, as identities name it, or the ARN of an IAM role or user.
        org: String,
        /// The owner's key.
        owner: String,
        /// What it may do no more.
        #[serde(default)]
        permission: Permission,
    },
    /// Lists who may do what for which owner.
    ListGrants {},
    /// Replaces the rules that all owners share, whatever API they are of.
    ReplaceRules {
        /// Their text. The first line says the version.
        rules: String,
    },
    /// Makes a product of an owner, or changes it.
    CreateProduct(NewProduct),
    /// Makes a pool, or changes it.
    CreatePool(NewPool),
    /// Lists an owner's pools.
    ListPools {
        /// The owner's key.
        owner: String,
    },
    /// Makes a distributor, or finds it.
    CreateDistributor(NewDistributor),
    /// Lists the distributors.
    ListDistributors {
        /// Those of this owner only: its key.
        #[serde(default)]
        owner: Option<String>,
    },
    /// Deletes a distributor with all that it has.
    DeleteDistributor {
        /// The distributor's uuid.
        uuid: String,
    },
    /// Takes a quantity from a pool for a distributor.
    Entitle(Wanted),
    /// Takes an entitlement back.
    Unentitle {
        /// Its id.
        entitlement: String,
    },
    /// Lists a distributor's entitlements.
    ListEntitlements {
        /// The distributor's uuid.
        consumer: String,
    },
    /// Seals stored private keys again, with the current key.
    RotateKeys {},
    /// Tells how things stand.
    Status {},
    /// Lists the commands.
    Help {},
}

/// Each command with its arguments and what it does.
const HELP: &[(&str, &str, &str)] = &[
    ("migrate", "", "bring the database up to date"),
    ("create-tenant", "external_tenant, [name]", "create a tenant, or find it"),
    ("create-source", "external_tenant, uid, [name], [enabled]", "create a source, or update its name and state"),
    ("create-owner", "owner, [display_name]", "create an owner, or update its display name"),
    ("list-owners", "", "list the owners, with their upstream consumers and their newest imports"),
    ("register-upstream-consumer", "uuid, owner", "say whose the manifests of an upstream consumer are"),
    ("unregister-upstream-consumer", "uuid", "take that back"),
    (
        "grant",
        "org, owner, [permission]",
        "let an organisation, or an IAM role or user by its ARN, do something for an owner: import (unless another is \
         named), read, read-keys, undo, export, or admin for all of them; its own owner it may read and import for",
    ),
    ("revoke", "org, owner, [permission]", "take that back"),
    ("list-grants", "", "list who may do what for which owner"),
    (
        "replace-rules",
        "rules",
        "replace the rules that all owners share by this text, whatever API it is of; a manifest replaces them only by \
         higher ones of the same API",
    ),
    (
        "create-product",
        "owner, product, name, [multiplier], [attributes], [provided], [derived], [content]",
        "make a product of an owner, or change what is given; content is a list of {id, type, label, name, [vendor], [url], \
         [gpg_url], [required_tags], [release], [arches], [metadata_expire], [modified_product_ids], [enabled]}",
    ),
    (
        "create-pool",
        "owner, product, quantity, [start], [end], [contract], [account], [order], [id]",
        "make a pool (quantity -1: without limit), or change the one of this id",
    ),
    ("list-pools", "owner", "list an owner's pools, with what is taken from them"),
    (
        "create-distributor",
        "owner, name, [uuid], [type]",
        "make a consumer that passes entitlements on, with its identity certificate, or find it",
    ),
    ("list-distributors", "[owner]", "list the distributors, with the ends of their identity certificates"),
    ("delete-distributor", "uuid", "delete a distributor with its entitlements, certificates and keys"),
    (
        "entitle",
        "consumer, pool, quantity, [id]",
        "take a quantity from a pool for a distributor; the same id again gives the same entitlement",
    ),
    ("unentitle", "entitlement", "take an entitlement back"),
    ("list-entitlements", "consumer", "list what a distributor has, with serial numbers"),
    (
        "rotate-keys",
        "",
        "seal the stored private keys again with the current key of LONGSHORE_KEYS; again, if the answer is not complete",
    ),
    ("status", "", "tell how things stand: versions, numbers, failures, what waits, keys and authority"),
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
    /// The hosted side did not do it.
    #[error(transparent)]
    Hosted(#[from] HostedError),
}

impl From<RotateError> for SetupError {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::Database(error) => Self::Database(error),
            RotateError::Keys(error) => HostedError::from(error).into(),
        }
    }
}

impl Classified for SetupError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Command(_) | Self::Argument(_) => "Command",
            Self::Migrate(error) => error.kind(),
            Self::Database(error) => error.kind(),
            Self::Hosted(error) => error.kind(),
        }
    }
    fn is_transient(&self) -> bool {
        match self {
            Self::Command(_) | Self::Argument(_) => false,
            Self::Migrate(error) => error.is_transient(),
            Self::Database(error) => error.is_transient(),
            Self::Hosted(error) => error.is_transient(),
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

/// The function below its handler.
#[derive(Debug)]
pub struct Setup {
    pool: Pool,
    keys: Keys,
    authorities: Authorities,
    clock: Clock,
    /// How long before the end of an invocation a long command stops.
    margin: Duration,
}

impl Setup {
    /// Reads nothing and connects to nothing yet. `connections`: how many commands may be carried out side by side.
    pub fn new(settings: Settings, aws: &Aws, clock: Clock, connections: usize) -> Self {
        let keys = Keys::new(settings.import.keys, aws);
        let authorities = Authorities::new(settings.authority, aws, &clock);
        let pool = Pool::new(Connector::new(settings.database, aws.clone(), clock.clone()), connections);
        Self { pool, keys, authorities, clock, margin: settings.deadline_margin }
    }

    /// Reads a payload and carries the command out. `remaining`: the time until the invocation is ended.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub async fn handle(&self, payload: &str, remaining: Option<Duration>) -> Result<Value, SetupError> {
        let deadline = remaining.map(|remaining| Instant::now() + remaining.saturating_sub(self.margin));
        let answer = self.run(Command::parse(payload)?, deadline).await;
        self.pool.settle().await;
        answer
    }

    async fn run(&self, command: Command, deadline: Option<Instant>) -> Result<Value, SetupError> {
        let (pool, clock) = (&self.pool, &self.clock);
        match command {
            Command::Migrate {} => {
                let mut session = pool.get().await?;
                let migrated = migrate(&mut session).await?;
                tracing::info!(applied = migrated.applied.len(), version = migrated.version, "database migrated");
                Ok(json!(migrated))
            }
            Command::CreateTenant { external_tenant, name } => {
                let external_tenant = required("external_tenant", &external_tenant)?;
                let id = inventory::create_tenant(pool, &external_tenant, name.as_deref()).await?;
                Ok(json!({ "tenant_id": id }))
            }
            Command::CreateSource { external_tenant, uid, name, enabled } => {
                let uid = required("uid", &uid)?;
                let source = inventory::create_source(pool, &external_tenant, &uid, name.as_deref(), enabled).await?;
                let missing = || format!("no tenant {external_tenant}; create-tenant makes one");
                source.ok_or_else(|| SetupError::Argument(missing()))
            }
            Command::CreateOwner { owner, display_name } => {
                owners::create_owner(pool, clock, &owner, display_name.as_deref()).await
            }
            Command::ListOwners {} => owners::list_owners(pool).await,
            Command::RegisterUpstreamConsumer { uuid, owner } => access::register(pool, clock, &uuid, &owner).await,
            Command::UnregisterUpstreamConsumer { uuid } => access::unregister(pool, &uuid).await,
            Command::Grant { org, owner, permission } => access::grant(pool, clock, &org, &owner, permission).await,
            Command::Revoke { org, owner, permission } => access::revoke(pool, &org, &owner, permission).await,
            Command::ListGrants {} => access::list_grants(pool).await,
            Command::ReplaceRules { rules } => rules::replace(pool, clock, &rules).await,
            Command::CreateProduct(product) => self.create_product(&product).await,
            Command::CreatePool(wanted) => self.create_pool(&wanted).await,
            Command::ListPools { owner } => self.list_pools(&owner).await,
            Command::CreateDistributor(wanted) => self.create_distributor(&wanted).await,
            Command::ListDistributors { owner } => self.list_distributors(owner.as_deref()).await,
            Command::DeleteDistributor { uuid } => self.delete_distributor(&uuid).await,
            Command::Entitle(wanted) => self.entitle(&wanted).await,
            Command::Unentitle { entitlement } => self.unentitle(&entitlement).await,
            Command::ListEntitlements { consumer } => self.list_entitlements(&consumer).await,
            Command::RotateKeys {} => self.rotate_keys(deadline).await,
            Command::Status {} => self.status().await,
            Command::Help {} => Ok(help()),
        }
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
                payload[argument] = if argument == "quantity" { 1.into() } else { "x".into() };
            }
            assert!(Command::parse(&payload.to_string()).is_ok(), "{payload}");
        }
    }

    #[test]
    fn a_command_that_is_unknown_is_answered_with_those_that_are_in_the_help() {
        let told = Command::parse(r#"{"command":"drop"}"#).unwrap_err().to_string();
        let known: Vec<&str> = told.split('`').skip(3).step_by(2).collect();
        let listed: Vec<&str> = HELP.iter().map(|(name, _, _)| *name).collect();
        assert_eq!(known, listed);
    }

    #[test]
    fn a_grant_is_for_imports_unless_it_says_otherwise() {
        let grant = |rest: &str| Command::parse(&format!(r#"{{"command":"grant","org":"1","owner":"acme"{rest}}}"#));
        assert_eq!(grant("").unwrap(), grant(r#","permission":"import""#).unwrap());
        let error = grant(r#","permission":"everything""#).unwrap_err();
        assert_eq!(error.kind(), "Command");
        assert!(error.to_string().contains("unknown variant `everything`, expected one of `import`"), "{error}");
    }
}
