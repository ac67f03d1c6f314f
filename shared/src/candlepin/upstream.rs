//! The upstream consumer that an owner is linked to: replaced as a whole when anything of it has changed.

use super::globals::new_id;
use super::unload::local_serial;
use crate::db::DbError;
use crate::keyring::{KeyError, Keyring};
use crate::manifest::model::Consumer;
use crate::manifest::{Head, Identity};
use crate::outbox::{Change, Event};
use serde_json::json;
use time::PrimitiveDateTime;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{GenericClient, Transaction};

/// The type of consumers whose manifest does not say one: those of before 2012.
pub(super) const DEFAULT_TYPE: &str = "candlepin";

/// An upstream consumer as it stands in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upstream {
    pub id: String,
    pub uuid: String,
    pub name: String,
    pub type_label: String,
    pub url_web: Option<String>,
    pub url_api: Option<String>,
    pub content_access_mode: Option<String>,
    /// Digest of the identity certificate and its key.
    digest: Option<Vec<u8>>,
    identity: Option<String>,
    /// Its identity certificate, PEM.
    certificate: Option<Vec<u8>>,
}

/// Why it could not be stored.
#[derive(Debug)]
pub(super) enum StoreError {
    Database(DbError),
    Keys(KeyError),
    /// No such consumer type, here or in the manifest.
    UnknownType,
}

impl From<DbError> for StoreError {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Whom an owner is linked to.
pub(super) async fn linked(client: &impl GenericClient, owner: &str) -> Result<Option<Upstream>, DbError> {
    let sql =
        "SELECT u.id, u.uuid, u.name, t.label, u.prefix_url_web, u.prefix_url_api, u.content_access_mode, i.digest,
                      i.id, i.cert
               FROM cp_owner o
               JOIN cp_upstream_consumer u ON u.id = o.upstream_id
               JOIN cp_consumer_type t ON t.id = u.type_id
               LEFT JOIN cp_id_cert i ON i.id = u.consumer_idcert_id
               WHERE o.id = $1";
    let row = client.query_typed_opt(sql, &[(&owner, Type::TEXT)]).await?;
    Ok(row.map(|row| Upstream {
        id: row.get(0),
        uuid: row.get(1),
        name: row.get(2),
        type_label: row.get(3),
        url_web: row.get(4),
        url_api: row.get(5),
        content_access_mode: row.get(6),
        digest: row.get(7),
        identity: row.get(8),
        certificate: row.get(9),
    }))
}

/// Whether an upstream consumer belongs to another owner.
pub(super) async fn is_elsewhere(client: &impl GenericClient, uuid: &str, owner: &str) -> Result<bool, DbError> {
    let sql = "SELECT EXISTS (SELECT FROM cp_upstream_consumer WHERE uuid = $1 AND owner_id <> $2)";
    Ok(client.query_typed_one(sql, &[(&uuid, Type::TEXT), (&owner, Type::TEXT)]).await?.get(0))
}

/// Whom a manifest names that was not imported, for the history.
pub(super) fn named(consumer: &Consumer) -> Upstream {
    Upstream {
        id: new_id(),
        uuid: consumer.uuid.clone(),
        name: consumer.name.clone().unwrap_or_else(|| consumer.uuid.clone()),
        type_label: consumer.type_label.clone().unwrap_or_else(|| DEFAULT_TYPE.into()),
        url_web: consumer.url_web.clone(),
        url_api: consumer.url_api.clone(),
        content_access_mode: consumer.content_access_mode.clone(),
        digest: None,
        identity: None,
        certificate: None,
    }
}

/// What the manifest makes of it. What it does not say, as many of other years or makers do not, stays as it is for the
/// same consumer.
pub(super) fn wanted(head: &Head, before: Option<&Upstream>) -> Upstream {
    let mut consumer = head.consumer.clone();
    let mut digest = brought(head, before).map(digest);
    if let Some(same) = before.filter(|before| before.uuid == consumer.uuid) {
        consumer.name.get_or_insert_with(|| same.name.clone());
        consumer.type_label.get_or_insert_with(|| same.type_label.clone());
        consumer.url_web = consumer.url_web.or_else(|| same.url_web.clone());
        consumer.url_api = consumer.url_api.or_else(|| same.url_api.clone());
        digest = digest.or_else(|| same.digest.clone());
    }
    Upstream { digest, ..named(&consumer) }
}

/// The identity that counts. The certificate that is stored brings nothing where it comes without its key, which must not
/// be lost.
fn brought<'a>(head: &'a Head, before: Option<&Upstream>) -> Option<&'a Identity> {
    let same = before.filter(|before| before.uuid == head.consumer.uuid);
    let stored = same.and_then(|same| same.certificate.as_deref());
    head.identity.as_ref().filter(|brought| {
        brought.key.is_some() || stored.is_none_or(|stored| stored != brought.certificate.text().as_bytes())
    })
}

fn digest(identity: &Identity) -> Vec<u8> {
    let key = identity.key.as_ref().map(|key| key.text().expose());
    identity_digest(identity.certificate.text(), key.unwrap_or_default())
}

/// `cp_id_cert.digest`: of the certificate and its key, both PEM.
pub(crate) fn identity_digest(certificate: &str, key: &str) -> Vec<u8> {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(certificate.as_bytes());
    context.update(key.as_bytes());
    context.finish().as_ref()[..16].to_vec()
}

/// Links the owner to what the manifest says, unless it is linked to just that. Whoever was linked before is deleted,
/// certificate, key and serial number included, unless the same consumer's manifest brings no certificate.
pub(super) async fn store(
    transaction: &Transaction<'_>,
    owner: &str,
    head: &Head,
    keyring: &Keyring,
    now: PrimitiveDateTime,
    events: &mut Vec<Event>,
) -> Result<(), StoreError> {
    let before = linked(transaction, owner).await?;
    let wanted = wanted(head, before.as_ref());
    let changed = before.as_ref().map(|before| differences(before, &wanted));
    match (&before, changed) {
        (Some(_), Some(changed)) if changed.is_empty() => return Ok(()),
        (Some(before), Some(changed)) if before.uuid == wanted.uuid => {
            events.push(event(Change::Modified, &wanted, json!({"uuid": wanted.uuid, "changed": changed})));
        }
        (before, _) => {
            events.extend(before.as_ref().map(|gone| event(Change::Deleted, gone, json!({"uuid": gone.uuid}))));
            events.push(event(Change::Created, &wanted, json!({"uuid": wanted.uuid, "type": wanted.type_label})));
        }
    }
    let brought = brought(head, before.as_ref());
    let mut kept = None;
    if let Some(mut before) = before {
        if before.uuid == wanted.uuid && brought.is_none() {
            kept = before.identity.take();
        }
        unlink(transaction, owner, &before).await?;
    }
    let identity = match brought {
        Some(identity) => Some(store_identity(transaction, identity, keyring, now).await?),
        None => kept,
    };
    link(transaction, owner, &wanted, identity.as_deref(), now).await
}

fn event(change: Change, upstream: &Upstream, data: serde_json::Value) -> Event {
    Event::new(change, "UPSTREAM_CONSUMER", &upstream.name, &upstream.id, data)
}

fn differences(before: &Upstream, wanted: &Upstream) -> Vec<&'static str> {
    let pairs = [
        ("uuid", before.uuid == wanted.uuid),
        ("name", before.name == wanted.name),
        ("type", before.type_label == wanted.type_label),
        ("webUrl", before.url_web == wanted.url_web),
        ("apiUrl", before.url_api == wanted.url_api),
        ("contentAccessMode", before.content_access_mode == wanted.content_access_mode),
        ("idCert", before.digest == wanted.digest),
    ];
    pairs.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

/// Deletes an owner's upstream consumer with all that belongs to it.
pub(super) async fn unlink(transaction: &Transaction<'_>, owner: &str, upstream: &Upstream) -> Result<(), DbError> {
    let unlink = "UPDATE cp_owner SET upstream_id = NULL WHERE id = $1";
    transaction.execute_typed(unlink, &[(&owner, Type::TEXT)]).await?;
    let delete = "DELETE FROM cp_upstream_consumer WHERE id = $1";
    transaction.execute_typed(delete, &[(&upstream.id, Type::TEXT)]).await?;
    let Some(identity) = &upstream.identity else { return Ok(()) };
    let delete = "DELETE FROM cp_id_cert WHERE id = $1 RETURNING serial_id";
    let serial: i64 = transaction.query_typed_one(delete, &[(identity, Type::TEXT)]).await?.get(0);
    let delete = "DELETE FROM cp_cert_serial WHERE id = $1";
    transaction.execute_typed(delete, &[(&serial, Type::INT8)]).await?;
    Ok(())
}

/// Where an identity's key stands once it is sealed, which sealing binds it to.
pub(crate) fn key_context(id: &str) -> String {
    format!("cp_id_cert/{id}")
}

async fn store_identity(
    transaction: &Transaction<'_>,
    identity: &Identity,
    keyring: &Keyring,
    now: PrimitiveDateTime,
) -> Result<String, StoreError> {
    let (id, serial) = (new_id(), local_serial());
    let seal = |key: &crate::manifest::PrivateKey| keyring.seal(&key_context(&id), key.text().expose().as_bytes());
    let sealed = identity.key.as_ref().map(seal).transpose().map_err(StoreError::Keys)?;
    let sql = "WITH serial AS (
                 INSERT INTO cp_cert_serial (id, x509_serial, expiration, created, updated)
                 VALUES ($1, $2, $3, $4, $4) RETURNING id
               )
               INSERT INTO cp_id_cert (id, cert, privatekey, privatekey_key_id, digest, serial_id, created, updated)
               SELECT $5, $6, $7, $8, $9, id, $4, $4 FROM serial";
    let values: [(&(dyn ToSql + Sync), Type); 9] = [
        (&serial, Type::INT8),
        (&identity.serial, Type::INT8),
        (&identity.expires, Type::TIMESTAMP),
        (&now, Type::TIMESTAMP),
        (&id, Type::TEXT),
        (&identity.certificate.text().as_bytes(), Type::BYTEA),
        (&sealed.as_ref().map(|sealed| &sealed.bytes[..]), Type::BYTEA),
        (&sealed.as_ref().map(|sealed| sealed.key_id.as_str()), Type::TEXT),
        (&digest(identity), Type::BYTEA),
    ];
    transaction.execute_typed(sql, &values).await?;
    Ok(id)
}

async fn link(
    transaction: &Transaction<'_>,
    owner: &str,
    upstream: &Upstream,
    identity: Option<&str>,
    now: PrimitiveDateTime,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO cp_upstream_consumer
                 (id, uuid, name, owner_id, type_id, consumer_idcert_id, prefix_url_web, prefix_url_api,
                  content_access_mode, created, updated)
               SELECT $1, $2, $3, $4, t.id, $5, $6, $7, $8, $9, $9 FROM cp_consumer_type t WHERE t.label = $10";
    let values: [(&(dyn ToSql + Sync), Type); 10] = [
        (&upstream.id, Type::TEXT),
        (&upstream.uuid, Type::TEXT),
        (&upstream.name, Type::TEXT),
        (&owner, Type::TEXT),
        (&identity, Type::TEXT),
        (&upstream.url_web, Type::TEXT),
        (&upstream.url_api, Type::TEXT),
        (&upstream.content_access_mode, Type::TEXT),
        (&now, Type::TIMESTAMP),
        (&upstream.type_label, Type::TEXT),
    ];
    if transaction.execute_typed(sql, &values).await? == 0 {
        return Err(StoreError::UnknownType);
    }
    let sql = "UPDATE cp_owner SET upstream_id = $2, updated = $3 WHERE id = $1";
    transaction
        .execute_typed(sql, &[(&owner, Type::TEXT), (&upstream.id, Type::TEXT), (&now, Type::TIMESTAMP)])
        .await?;
    Ok(())
}
