//! The distributor whose manifest it is.

use super::ExportError;
use super::certificate::Certificate;
use crate::candlepin::{Permission, identity_key_context};
use crate::db::DbError;
use crate::hosted::key_pair_context;
use crate::http::Caller;
use crate::http::access::{self, Asked};
use crate::keyring::{Keys, Sealed};
use crate::secret::Secret;
use serde_json::Value;
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{GenericClient, Row};

/// A consumer that a caller may export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub id: String,
    pub uuid: String,
    pub name: String,
    pub owner_id: String,
    pub owner_key: String,
}

/// Finds a consumer whose owner `caller` may export for. Its archive carries private keys, so not even one's own owner may
/// be exported without a grant.
pub(super) async fn find(client: &impl GenericClient, uuid: &str, caller: &Caller) -> Result<Found, ExportError> {
    let sql = include_str!("sql/find_consumer.sql");
    let row = client.query_typed_opt(sql, &[(&uuid, Type::TEXT), (&caller.name(), Type::TEXT)]).await?;
    let decided = access::decide(caller, Asked::Consumer(uuid), Permission::Export, row.as_ref());
    let (Ok(_), Some(row)) = (decided, row) else { return Err(ExportError::not_allowed(uuid)) };
    if !row.get::<_, bool>("manifest") {
        return Err(ExportError::NotADistributor { uuid: row.get("uuid"), label: row.get("label") });
    }
    Ok(Found {
        id: row.get("id"),
        uuid: row.get("uuid"),
        name: row.get("name"),
        owner_id: row.get("owner_id"),
        owner_key: row.get("account"),
    })
}

/// A distributor with everything that its manifest says of it, private keys included. Without `Debug`.
pub(super) struct Distributor {
    pub id: String,
    pub uuid: String,
    pub name: String,
    pub content_access_mode: Option<String>,
    pub created: Option<String>,
    pub updated: Option<String>,
    /// As other files show them.
    pub kind: Value,
    pub owner: Value,
    pub identity: Certificate,
    pub identity_key: Secret,
    /// That of all entitlement certificates.
    pub key: Secret,
}

impl Distributor {
    /// Reads it, and opens its keys.
    pub async fn load(client: &impl GenericClient, uuid: &str, keys: &Keys) -> Result<Self, ExportError> {
        let row = client.query_typed_opt(include_str!("sql/consumer.sql"), &[(&uuid, Type::TEXT)]).await?;
        // Deleted since its rights were looked at.
        let row = row.ok_or_else(|| ExportError::not_allowed(uuid))?;
        let unfit = |problem| ExportError::unfit("consumer", uuid, problem);
        let identity = Certificate::of(&row).ok_or_else(|| unfit("it has no identity certificate"))?;
        let sealed = sealed(&row, "privatekey", "privatekey_key_id");
        let sealed = sealed.ok_or_else(|| unfit("its identity certificate has no private key here"))?;
        let identity_key = keys.open_text(&identity_key_context(&identity.id), &sealed).await?;
        let sealed = self::sealed(&row, "key_sealed", "key_sealed_by");
        let sealed = sealed.ok_or_else(|| unfit("its key pair has no private key here"))?;
        let key = keys.open_text(&key_pair_context(row.get("key_id")), &sealed).await?;
        Ok(Self {
            id: row.get("id"),
            uuid: row.get("uuid"),
            name: row.get("name"),
            content_access_mode: row.get("content_access_mode"),
            created: row.get("created"),
            updated: row.get("updated"),
            kind: row.get::<_, Json<Value>>("type").0,
            owner: row.get::<_, Json<Value>>("owner").0,
            identity,
            identity_key,
            key,
        })
    }
}

fn sealed(row: &Row, bytes: &str, key_id: &str) -> Option<Sealed> {
    Some(Sealed { bytes: row.get::<_, Option<Vec<u8>>>(bytes)?, key_id: row.get::<_, Option<String>>(key_id)? })
}

/// Whether there is a content delivery network of that label.
pub(super) async fn has_cdn(client: &impl GenericClient, label: &str) -> Result<bool, DbError> {
    let sql = "SELECT EXISTS (SELECT FROM cp_cdn WHERE label = $1)";
    Ok(client.query_typed_one(sql, &[(&label, Type::TEXT)]).await?.get(0))
}
