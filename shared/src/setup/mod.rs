//! The function `setup` below its handler: migrations, tenants and sources, owners and who may do what for them, the hosted
//! side, keys. Every command may be repeated.

mod access;
mod certificates;
mod command;
mod deployment;
mod hosted;
mod inventory;
mod owners;
mod replay;
mod rules;
mod status;

pub use command::Command;

use deployment::Request;
use replay::Wanted;

use crate::aws::Aws;
use crate::clock::Clock;
use crate::db::{Connector, DbError, MigrateError, Migrated, Pool, migrate};
use crate::failure::Classified;
use crate::hosted::{Authorities, HostedError};
use crate::keyring::{Keys, RotateError};
use crate::outbox::Wakeup;
use crate::replay::Functions;
use crate::settings::{ReplaySettings, Settings};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

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
    /// What was kept could not be read.
    #[error("what was kept cannot be read: {0}")]
    Storage(String),
    /// CloudFormation could not be told how the deployment's migration went.
    #[error("CloudFormation could not be told: {0}")]
    Deployment(String),
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
            Self::Storage(_) => "Storage",
            Self::Deployment(_) => "Deployment",
        }
    }
    fn is_transient(&self) -> bool {
        match self {
            Self::Command(_) | Self::Argument(_) => false,
            Self::Storage(_) | Self::Deployment(_) => true,
            Self::Migrate(error) => error.is_transient(),
            Self::Database(error) => error.is_transient(),
            Self::Hosted(error) => error.is_transient(),
        }
    }
}

/// The function below its handler.
#[derive(Debug)]
pub struct Setup {
    pool: Pool,
    keys: Keys,
    authorities: Authorities,
    clock: Clock,
    wakeup: Wakeup,
    s3: aws_sdk_s3::Client,
    functions: Functions,
    replays: ReplaySettings,
    local_development: bool,
    /// How long before the end of an invocation a long command stops.
    margin: Duration,
}

impl Setup {
    /// Reads nothing and connects to nothing yet. `connections`: how many commands may be carried out side by side.
    pub fn new(settings: Settings, aws: &Aws, clock: Clock, connections: usize) -> Self {
        let keys = Keys::new(settings.import.keys, aws);
        let authorities = Authorities::new(settings.authority, aws, &clock);
        let wakeup = Wakeup::new(settings.wake_queue.as_deref(), aws);
        let pool = Pool::new(Connector::new(settings.database, aws.clone(), clock.clone()), connections);
        Self {
            pool,
            keys,
            authorities,
            wakeup,
            s3: aws.s3(),
            functions: Functions::new(aws, clock.clone()),
            replays: settings.replay,
            local_development: settings.local_development,
            clock,
            margin: settings.deadline_margin,
        }
    }

    /// Reads a payload and carries the command out, or what CloudFormation asks. `remaining`: the time until the invocation is
    /// ended.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub async fn handle(&self, payload: &str, remaining: Option<Duration>) -> Result<Value, SetupError> {
        let deadline = remaining.map(|remaining| Instant::now() + remaining.saturating_sub(self.margin));
        if let Some(request) = Request::parse(payload) {
            let answer = self.deploy(&request, deadline).await;
            self.pool.settle().await;
            return answer;
        }
        let command = Command::parse(payload)?;
        let has_events = command.has_events();
        let answer = self.run(command, deadline).await;
        if has_events && answer.is_ok() {
            self.wakeup.due();
        }
        tokio::join!(self.pool.settle(), self.wakeup.send());
        answer
    }

    async fn migrate(&self) -> Result<Migrated, SetupError> {
        let mut session = self.pool.get().await?;
        let migrated = migrate(&mut session).await?;
        tracing::info!(applied = migrated.applied.len(), version = migrated.version, "database migrated");
        Ok(migrated)
    }

    async fn run(&self, command: Command, deadline: Option<Instant>) -> Result<Value, SetupError> {
        let (pool, clock) = (&self.pool, &self.clock);
        match command {
            Command::Migrate {} => Ok(json!(self.migrate().await?)),
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
            Command::RetryParked {} => self.retry_parked().await,
            Command::CheckCertificates {} => self.check_certificates().await,
            Command::ListFailures { prefix, after } => {
                let wanted = Wanted { prefix: &prefix, function: None, after: after.as_deref() };
                self.list_failures(&wanted, deadline).await
            }
            Command::Replay { prefix, function, after } => {
                let wanted = Wanted { prefix: &prefix, function: function.as_deref(), after: after.as_deref() };
                self.replay(&wanted, deadline).await
            }
            Command::Status {} => self.status().await,
            Command::Help {} => Ok(command::help()),
        }
    }
}

fn required(argument: &str, value: &str) -> Result<String, SetupError> {
    let value = value.trim();
    if value.is_empty() { Err(SetupError::Argument(format!("{argument} is empty"))) } else { Ok(value.into()) }
}
