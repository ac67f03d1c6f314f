//! Whose archive it is: the tenant and the source of a message.

use super::message::{Form, Message};
use crate::db::{DbError, Session};
use crate::failure::Classified;
use crate::message::{Announcement, Claim};
use tokio_postgres::types::Type;
use uuid::Uuid;

/// `tenants.id`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TenantId(pub i64);

/// `sources.id`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceId(pub i64);

/// A source that a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    pub tenant: TenantId,
    pub source: SourceId,
    pub enabled: bool,
    /// Whether the task that the message names led here; only then is it the tenant's own.
    pub by_task: bool,
}

/// What may be created for a first message.
#[derive(Debug, Clone, Copy)]
pub(super) struct MayCreate {
    pub tenants: bool,
    pub sources: bool,
}

/// Why no source was found. Texts hold no account numbers and no identities.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The message names no tenant at all.
    #[error("neither the identity nor the message names a tenant")]
    NoTenant,
    /// There is no such tenant, and none was created.
    #[error("the tenant is unknown, and {0}")]
    UnknownTenant(&'static str),
    /// The identity belongs to another tenant than the message names.
    #[error("message and identity name different tenants")]
    TenantMismatch,
    /// The source exists and belongs to somebody else.
    #[error("source {0} belongs to another tenant")]
    ForeignSource(i64),
    /// No lookup found a source.
    #[error("no source found; tried {0}")]
    NoSource(String),
}

impl Classified for ResolveError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Database(error) => error.kind(),
            Self::NoTenant | Self::UnknownTenant(_) | Self::TenantMismatch | Self::ForeignSource(_) => "Tenant",
            Self::NoSource(_) => "Source",
        }
    }
    fn is_transient(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_transient())
    }
}

/// Finds the source of a message, or creates it where that is allowed.
pub(super) async fn resolve(session: &Session, message: &Message, may: MayCreate) -> Result<Target, ResolveError> {
    match &message.form {
        Form::Persister { tenant, source } => by_ids(session, *tenant, *source, &message.announced.identity).await,
        Form::Ingress { category, reporter } => {
            by_claims(session, message, category.as_ref(), reporter.as_deref(), may).await
        }
    }
}

/// The persister form names both rows.
async fn by_ids(session: &Session, tenant: i64, source: i64, identity: &Claim) -> Result<Target, ResolveError> {
    let found = session
        .query_typed_opt("SELECT external_tenant FROM tenants WHERE id = $1", &[(&tenant, Type::INT8)])
        .await
        .map_err(DbError::from)?;
    let Some(row) = found else { return Err(ResolveError::UnknownTenant("the message names it by its id")) };
    let external: String = row.get(0);
    // By the one number that stands for the identity's tenant: org ids and account numbers look alike.
    if identity.tenant().is_some_and(|named| named != external) {
        return Err(ResolveError::TenantMismatch);
    }
    let tenant = TenantId(tenant);
    let found = source_where(session, "s.id = $1", tenant, &source, Type::INT8).await?;
    found.ok_or_else(|| ResolveError::NoSource(format!("source_id {source}")))
}

async fn by_claims(
    session: &Session,
    message: &Message,
    category: Option<&Uuid>,
    reporter: Option<&str>,
    may: MayCreate,
) -> Result<Target, ResolveError> {
    let Announcement { identity, claim, .. } = &message.announced;
    if identity.contradicts(claim) {
        return Err(ResolveError::TenantMismatch);
    }
    let external = identity.tenant().or(claim.tenant()).ok_or(ResolveError::NoTenant)?;
    let tenant = match find_tenant(session, external).await? {
        Some(tenant) => tenant,
        None if !may.tenants => return Err(ResolveError::UnknownTenant("creating tenants is turned off")),
        // A tenant without a source would only be a trace of somebody else's mistake.
        None if reporter.is_none() || !may.sources => {
            return Err(ResolveError::UnknownTenant("the message names no source to create with it"));
        }
        None => create_tenant(session, external).await?,
    };
    let mut tried = Vec::new();
    if let Some(task) = category {
        let by_task = "s.id = (SELECT t.source_id FROM tasks t WHERE t.id = $1 AND t.tenant_id = $2)";
        if let Some(target) = source_where(session, by_task, tenant, task, Type::UUID).await? {
            return Ok(Target { by_task: true, ..target });
        }
        tried.push("the task of category");
    }
    if let Some(reporter) = reporter {
        if let Some(target) =
            source_where(session, "s.uid = $1 AND s.tenant_id = $2", tenant, &reporter, Type::TEXT).await?
        {
            return Ok(target);
        }
        if may.sources {
            return create_source(session, tenant, reporter).await;
        }
        // A message that names its source is never taken for another one's.
        tried.push("metadata.reporter, which is unknown, and creating sources is turned off");
        return Err(ResolveError::NoSource(tried.join(", ")));
    }
    tried.push("metadata.reporter, which is empty");
    only_enabled_source(session, tenant, tried).await
}

async fn find_tenant(session: &Session, external: &str) -> Result<Option<TenantId>, DbError> {
    let sql = "SELECT id FROM tenants WHERE external_tenant = $1";
    let row = session.query_typed_opt(sql, &[(&external, Type::TEXT)]).await?;
    Ok(row.map(|row| TenantId(row.get(0))))
}

async fn create_tenant(session: &Session, external: &str) -> Result<TenantId, DbError> {
    let sql = "INSERT INTO tenants (external_tenant) VALUES ($1)
               ON CONFLICT (external_tenant) DO UPDATE SET external_tenant = excluded.external_tenant
               RETURNING id";
    let row = session.query_typed_one(sql, &[(&external, Type::TEXT)]).await?;
    let tenant = TenantId(row.get(0));
    tracing::info!(tenant_id = tenant.0, "tenant created");
    Ok(tenant)
}

async fn create_source(session: &Session, tenant: TenantId, uid: &str) -> Result<Target, ResolveError> {
    let sql = "INSERT INTO sources (tenant_id, uid, name, enabled) VALUES ($1, $2, $2, true)
               ON CONFLICT (tenant_id, uid) DO UPDATE SET uid = excluded.uid
               RETURNING id, enabled IS NOT FALSE";
    let row =
        session.query_typed_one(sql, &[(&tenant.0, Type::INT8), (&uid, Type::TEXT)]).await.map_err(DbError::from)?;
    let target = Target { tenant, source: SourceId(row.get(0)), enabled: row.get(1), by_task: false };
    tracing::info!(source_id = target.source.0, "source created");
    Ok(target)
}

/// One source by a condition over `s` and `$1`. `$2` is the tenant; a source of another tenant is an error.
async fn source_where(
    session: &Session,
    condition: &str,
    tenant: TenantId,
    value: &(dyn tokio_postgres::types::ToSql + Sync),
    value_type: Type,
) -> Result<Option<Target>, ResolveError> {
    let sql = format!("SELECT s.id, s.enabled IS NOT FALSE, s.tenant_id = $2 FROM sources s WHERE {condition}");
    let row =
        session.query_typed_opt(&sql, &[(value, value_type), (&tenant.0, Type::INT8)]).await.map_err(DbError::from)?;
    let Some(row) = row else { return Ok(None) };
    if row.get(2) {
        Ok(Some(Target { tenant, source: SourceId(row.get(0)), enabled: row.get(1), by_task: false }))
    } else {
        Err(ResolveError::ForeignSource(row.get(0)))
    }
}

async fn only_enabled_source(
    session: &Session,
    tenant: TenantId,
    mut tried: Vec<&'static str>,
) -> Result<Target, ResolveError> {
    let sql = "SELECT id FROM sources WHERE tenant_id = $1 AND enabled LIMIT 2";
    let rows = session.query_typed(sql, &[(&tenant.0, Type::INT8)]).await.map_err(DbError::from)?;
    match rows.as_slice() {
        [only] => Ok(Target { tenant, source: SourceId(only.get(0)), enabled: true, by_task: false }),
        [] => {
            tried.push("the tenant's only enabled source, but none is enabled");
            Err(ResolveError::NoSource(tried.join(", ")))
        }
        _ => {
            tried.push("the tenant's only enabled source, but several are enabled");
            Err(ResolveError::NoSource(tried.join(", ")))
        }
    }
}
