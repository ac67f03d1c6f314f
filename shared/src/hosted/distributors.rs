//! Distributors: consumers of a manifest type, which take entitlements in order to pass them on.

use super::HostedError;
use super::authority::Authority;
use super::certificates::{self, Issued};
use super::consumption::revoke;
use super::entitlements::given_back;
use super::key_pair::{KeyPair, PublicKey};
use super::key_pair_context;
use super::owner::{Owner, locked};
use crate::candlepin::{identity_digest, identity_key_context, new_id};
use crate::clock::{Clock, to_timestamp};
use crate::keyring::{Keyring, Sealed};
use serde::{Deserialize, Serialize};
use time::{Duration, PrimitiveDateTime};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{GenericClient, Row, Transaction};
use uuid::Uuid;

/// The type of a distributor that nobody gave one.
const DEFAULT_TYPE: &str = "candlepin";

/// How long before its end an identity is renewed: whoever asks once a quarter is never without one.
const RENEWED_BEFORE: Duration = Duration::days(120);

/// A distributor that is to be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDistributor {
    /// The key of the owner whose entitlements it takes.
    pub owner: String,
    /// Its name, which no other distributor of the owner has.
    pub name: String,
    /// Identifies it everywhere; one of chance if it is not given.
    #[serde(default)]
    pub uuid: Option<String>,
    /// The label of a consumer type that is for manifests; `candlepin` if it is not given.
    #[serde(default, rename = "type")]
    pub type_label: Option<String>,
}

/// A distributor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Distributor {
    /// The key of its owner.
    pub owner: String,
    /// Identifies it everywhere.
    pub uuid: String,
    /// For people.
    pub name: String,
    /// The label of its consumer type.
    #[serde(rename = "type")]
    pub type_label: String,
    /// The serial number of its identity certificate.
    pub identity_serial: i64,
    /// When that ends: `2026-03-05T10:20:30Z`.
    pub identity_expires: Option<String>,
    /// Its entitlements.
    pub entitlements: i64,
}

impl Distributor {
    fn of(row: &Row) -> Self {
        Self {
            owner: row.get("owner"),
            uuid: row.get("uuid"),
            name: row.get("name"),
            type_label: row.get("type_label"),
            identity_serial: row.get("identity_serial"),
            identity_expires: row.get("identity_expires"),
            entitlements: row.get("entitlements"),
        }
    }
}

/// Makes a distributor with a key pair and an identity certificate, or finds the one of this name and renews its
/// certificate where that is about to end or of another authority. The keys stay.
///
/// # Errors
/// When there is no such owner or type, the type is not for manifests, or the uuid is somebody else's.
pub async fn create_distributor(
    transaction: &Transaction<'_>,
    wanted: &NewDistributor,
    authority: &Authority,
    keyring: &Keyring,
    clock: &Clock,
) -> Result<Distributor, HostedError> {
    let owner = locked(transaction, &wanted.owner).await?;
    if let Some(found) = find(transaction, &owner, wanted).await? {
        let renewed = renew(transaction, &owner, &found, authority, keyring, clock).await?;
        return if renewed { again(transaction, &owner, wanted).await } else { Ok(found) };
    }
    let label = wanted.type_label.as_deref().unwrap_or(DEFAULT_TYPE);
    let kind = manifest_type(transaction, label).await?;
    let uuid = wanted.uuid.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let pair = KeyPair::generate().await?;
    let identity = certificates::identity(authority, &pair.public, &owner.key, &uuid, &wanted.name, clock.now())?;
    let maker = Maker { transaction, keyring, pair: &pair, clock };
    let key_pair = maker.key_pair().await?;
    let certificate = maker.identity(&identity).await?;
    let sql = "INSERT INTO cp_consumer
                 (id, uuid, name, owner_id, type_id, consumer_idcert_id, keypair_id, content_access_mode, created, updated)
               VALUES ($1, $2, $3, $4, $5, $6, $7, 'entitlement', $8, $8)";
    let values: [(&(dyn ToSql + Sync), Type); 8] = [
        (&new_id(), Type::TEXT),
        (&uuid, Type::TEXT),
        (&wanted.name, Type::TEXT),
        (&owner.id, Type::TEXT),
        (&kind, Type::TEXT),
        (&certificate, Type::TEXT),
        (&key_pair, Type::TEXT),
        (&clock.timestamp(), Type::TIMESTAMP),
    ];
    transaction.execute_typed(sql, &values).await?;
    again(transaction, &owner, wanted).await
}

/// What has just been written.
async fn again(
    transaction: &Transaction<'_>,
    owner: &Owner,
    wanted: &NewDistributor,
) -> Result<Distributor, HostedError> {
    let made = find(transaction, owner, wanted).await?;
    made.ok_or_else(|| HostedError::refused(format!("distributor {} is not there after all", wanted.name)))
}

/// Issues a distributor's identity certificate anew, for the same keys, where the one that it has is of another authority or
/// about to end. False where it is neither.
async fn renew(
    transaction: &Transaction<'_>,
    owner: &Owner,
    found: &Distributor,
    authority: &Authority,
    keyring: &Keyring,
    clock: &Clock,
) -> Result<bool, HostedError> {
    let sql = "SELECT i.id, i.cert, i.privatekey, i.privatekey_key_id, i.serial_id, s.expiration, k.publickey
               FROM cp_consumer c
               JOIN cp_id_cert i ON i.id = c.consumer_idcert_id
               JOIN cp_cert_serial s ON s.id = i.serial_id
               JOIN cp_key_pair k ON k.id = c.keypair_id
               WHERE c.uuid = $1";
    let row = transaction.query_typed_one(sql, &[(&found.uuid, Type::TEXT)]).await?;
    let ends: Option<PrimitiveDateTime> = row.get("expiration");
    let soon = to_timestamp(clock.now() + RENEWED_BEFORE);
    if authority.has_issued(row.get("cert")) && ends.is_some_and(|ends| ends > soon) {
        return Ok(false);
    }
    let public = PublicKey::from_spki(row.get::<_, Option<&[u8]>>("publickey").unwrap_or_default())?;
    let issued = certificates::identity(authority, &public, &owner.key, &found.uuid, &found.name, clock.now())?;
    let id: &str = row.get("id");
    let sealed = Sealed { key_id: row.get("privatekey_key_id"), bytes: row.get("privatekey") };
    let key = keyring.open_text(&identity_key_context(id), &sealed)?;
    let sql = "WITH serial AS (
                 INSERT INTO cp_cert_serial (id, x509_serial, expiration, created, updated)
                 VALUES ($1, $1, $2, $3, $3) RETURNING id
               ),
               renewed AS (
                 UPDATE cp_id_cert SET cert = $4, digest = $5, serial_id = (SELECT id FROM serial), updated = $3
                 WHERE id = $6
               )
               DELETE FROM cp_cert_serial WHERE id = $7";
    let values: [(&(dyn ToSql + Sync), Type); 7] = [
        (&issued.serial, Type::INT8),
        (&issued.expires, Type::TIMESTAMP),
        (&clock.timestamp(), Type::TIMESTAMP),
        (&issued.pem.as_bytes(), Type::BYTEA),
        (&identity_digest(&issued.pem, key.expose()), Type::BYTEA),
        (&id, Type::TEXT),
        (&row.get::<_, i64>("serial_id"), Type::INT8),
    ];
    transaction.execute_typed(sql, &values).await?;
    Ok(true)
}

/// The distributor of this name, which must be what is wanted.
async fn find(
    transaction: &Transaction<'_>,
    owner: &Owner,
    wanted: &NewDistributor,
) -> Result<Option<Distributor>, HostedError> {
    let found = list_distributors(transaction, Some(&owner.key)).await?;
    let Some(found) = found.into_iter().find(|found| found.name == wanted.name) else {
        let sql = "SELECT EXISTS (SELECT FROM cp_consumer WHERE uuid = $1)";
        let taken: bool = transaction.query_typed_one(sql, &[(&wanted.uuid, Type::TEXT)]).await?.get(0);
        return match &wanted.uuid {
            Some(uuid) if taken => Err(HostedError::refused(format!("uuid {uuid} is another consumer's"))),
            _ => Ok(None),
        };
    };
    let differs = |wanted: &Option<String>, found: &str| wanted.as_ref().is_some_and(|wanted| wanted != found);
    if differs(&wanted.uuid, &found.uuid) || differs(&wanted.type_label, &found.type_label) {
        let problem = format!(
            "owner {} has a distributor {} already, with uuid {} and type {}",
            owner.key, found.name, found.uuid, found.type_label
        );
        return Err(HostedError::refused(problem));
    }
    Ok(Some(found))
}

async fn manifest_type(transaction: &Transaction<'_>, label: &str) -> Result<String, HostedError> {
    let sql = "SELECT t.id, t.manifest,
                      ARRAY(SELECT label::text FROM cp_consumer_type WHERE manifest ORDER BY label) AS fit
               FROM (SELECT) one LEFT JOIN cp_consumer_type t ON t.label = $1";
    let row = transaction.query_typed_one(sql, &[(&label, Type::TEXT)]).await?;
    match row.get::<_, Option<String>>("id") {
        Some(id) if row.get::<_, Option<bool>>("manifest") == Some(true) => Ok(id),
        found => {
            let fit = row.get::<_, Vec<String>>("fit").join(", ");
            let problem = if found.is_some() { "is not for manifests" } else { "is not known" };
            Err(HostedError::refused(format!("consumer type {label} {problem}; these are for manifests: {fit}")))
        }
    }
}

/// Writes what belongs to a new consumer.
struct Maker<'a> {
    transaction: &'a Transaction<'a>,
    keyring: &'a Keyring,
    pair: &'a KeyPair,
    clock: &'a Clock,
}

impl Maker<'_> {
    async fn key_pair(&self) -> Result<String, HostedError> {
        let id = new_id();
        let sealed = self.keyring.seal(&key_pair_context(&id), self.pair.private.expose().as_bytes())?;
        let sql = "INSERT INTO cp_key_pair (id, privatekey, privatekey_key_id, publickey, created, updated)
                   VALUES ($1, $2, $3, $4, $5, $5)";
        let values: [(&(dyn ToSql + Sync), Type); 5] = [
            (&id, Type::TEXT),
            (&sealed.bytes, Type::BYTEA),
            (&sealed.key_id, Type::TEXT),
            (&self.pair.public.to_spki()?, Type::BYTEA),
            (&self.clock.timestamp(), Type::TIMESTAMP),
        ];
        self.transaction.execute_typed(sql, &values).await?;
        Ok(id)
    }

    async fn identity(&self, issued: &Issued) -> Result<String, HostedError> {
        let id = new_id();
        let sealed = self.keyring.seal(&identity_key_context(&id), self.pair.private.expose().as_bytes())?;
        let sql = "WITH serial AS (
                     INSERT INTO cp_cert_serial (id, x509_serial, expiration, created, updated)
                     VALUES ($1, $1, $2, $3, $3) RETURNING id
                   )
                   INSERT INTO cp_id_cert (id, cert, privatekey, privatekey_key_id, digest, serial_id, created, updated)
                   SELECT $4, $5, $6, $7, $8, id, $3, $3 FROM serial";
        let digest = identity_digest(&issued.pem, self.pair.private.expose());
        let values: [(&(dyn ToSql + Sync), Type); 8] = [
            (&issued.serial, Type::INT8),
            (&issued.expires, Type::TIMESTAMP),
            (&to_timestamp(self.clock.now()), Type::TIMESTAMP),
            (&id, Type::TEXT),
            (&issued.pem.as_bytes(), Type::BYTEA),
            (&sealed.bytes, Type::BYTEA),
            (&sealed.key_id, Type::TEXT),
            (&digest, Type::BYTEA),
        ];
        self.transaction.execute_typed(sql, &values).await?;
        Ok(id)
    }
}

/// All distributors, or those of an owner, by owner and name.
///
/// # Errors
/// The database failed.
pub async fn list_distributors(
    client: &impl GenericClient,
    owner: Option<&str>,
) -> Result<Vec<Distributor>, HostedError> {
    let sql = "SELECT o.account AS owner, c.uuid, c.name, t.label AS type_label, s.x509_serial AS identity_serial,
                      to_char(s.expiration, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS identity_expires,
                      (SELECT count(*) FROM cp_entitlement e WHERE e.consumer_id = c.id) AS entitlements
               FROM cp_consumer c
               JOIN cp_owner o ON o.id = c.owner_id
               JOIN cp_consumer_type t ON t.id = c.type_id
               JOIN cp_id_cert i ON i.id = c.consumer_idcert_id
               JOIN cp_cert_serial s ON s.id = i.serial_id
               WHERE $1::text IS NULL OR o.account = $1
               ORDER BY o.account COLLATE \"C\", c.name COLLATE \"C\"";
    let rows = client.query_typed(sql, &[(&owner, Type::TEXT)]).await?;
    Ok(rows.iter().map(Distributor::of).collect())
}

/// Deletes a distributor with its entitlements, certificates and keys. False if there is none.
///
/// # Errors
/// The database failed.
pub async fn delete_distributor(transaction: &Transaction<'_>, uuid: &str, clock: &Clock) -> Result<bool, HostedError> {
    let sql = "SELECT c.id, c.consumer_idcert_id, c.keypair_id, o.account
               FROM cp_consumer c JOIN cp_owner o ON o.id = c.owner_id WHERE c.uuid = $1";
    let Some(row) = transaction.query_typed_opt(sql, &[(&uuid, Type::TEXT)]).await? else { return Ok(false) };
    let consumer: String = row.get("id");
    let owner = locked(transaction, row.get("account")).await?;
    let sql = "SELECT id FROM cp_entitlement WHERE consumer_id = $1";
    let held = transaction.query_typed(sql, &[(&consumer, Type::TEXT)]).await?;
    let held: Vec<String> = held.iter().map(|row| row.get(0)).collect();
    let pools = revoke(transaction, &held).await?;
    given_back(transaction, &owner, &pools, clock).await?;
    let sql = "WITH consumer AS (DELETE FROM cp_consumer WHERE id = $1 RETURNING id),
               identity AS (DELETE FROM cp_id_cert WHERE id = $2 RETURNING serial_id),
               pair AS (DELETE FROM cp_key_pair WHERE id = $3),
               serial AS (DELETE FROM cp_cert_serial WHERE id IN (SELECT serial_id FROM identity))
               SELECT count(*) FROM consumer";
    let values: [(&(dyn ToSql + Sync), Type); 3] = [
        (&consumer, Type::TEXT),
        (&row.get::<_, &str>("consumer_idcert_id"), Type::TEXT),
        (&row.get::<_, &str>("keypair_id"), Type::TEXT),
    ];
    Ok(transaction.query_typed_one(sql, &values).await?.get::<_, i64>(0) > 0)
}
