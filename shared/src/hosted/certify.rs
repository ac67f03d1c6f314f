//! Makes certificates say what is so.

use super::HostedError;
use super::authority::Authority;
use super::certificates::{self, Issued, Product, is_engineering};
use super::key_pair::{KeyPair, PublicKey};
use super::load;
use crate::candlepin::{lock_owner, new_id};
use crate::clock::Clock;
use ring::digest::{SHA256, digest};
use std::collections::{BTreeSet, HashMap};
use time::PrimitiveDateTime;
use tokio_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// Changes whenever certificates are made otherwise than before, so that all are issued anew then.
const FORM: &[u8] = b"longshore entitlement certificate 1";

/// Certificates that are held in memory. One has up to 150 kB.
const BATCH: usize = 32;

/// What was issued.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Certified {
    /// Entitlement certificates.
    pub entitlements: u64,
    /// Product certificates.
    pub products: u64,
}

/// Issues the certificates that a consumer's entitlements lack, replaces those that no longer say the truth (the
/// entitlement, its pool, its products or the authority have changed), and likewise those of the engineering products of its
/// pools, of which the ones that came with a manifest stay. Costs two queries where there is nothing to do; otherwise takes the owner's turn.
///
/// # Errors
/// When there is no such consumer, a product has more content sets than a certificate can name, or the authority does not
/// sign. The transaction is to be rolled back then.
pub async fn certify(
    transaction: &Transaction<'_>,
    consumer_uuid: &str,
    authority: &Authority,
    clock: &Clock,
) -> Result<Certified, HostedError> {
    let (consumer, owner) = find(transaction, consumer_uuid).await?;
    let entitled = Certifier { transaction, consumer: &consumer, authority, now: clock.timestamp() };
    if entitled.all_is_so().await? {
        return Ok(Certified::default());
    }
    // Whoever was first has done it meanwhile: looked at again.
    lock_owner(transaction, &owner).await?;
    let entitlements = entitled.entitlements(None).await?;
    let products = entitled.products(clock).await?;
    Ok(Certified { entitlements, products })
}

/// Whether [`certify`] would have nothing to do, as a snapshot sees it.
///
/// # Errors
/// When there is no such consumer.
pub async fn is_certified(
    snapshot: &Transaction<'_>,
    consumer_uuid: &str,
    authority: &Authority,
    clock: &Clock,
) -> Result<bool, HostedError> {
    let (consumer, _) = find(snapshot, consumer_uuid).await?;
    Certifier { transaction: snapshot, consumer: &consumer, authority, now: clock.timestamp() }.all_is_so().await
}

/// A consumer's id and its owner's.
async fn find(transaction: &Transaction<'_>, uuid: &str) -> Result<(String, String), HostedError> {
    let sql = "SELECT id, owner_id FROM cp_consumer WHERE uuid = $1";
    let row = transaction.query_typed_opt(sql, &[(&uuid, Type::TEXT)]).await?;
    let row = row.ok_or_else(|| HostedError::refused(format!("no consumer {uuid}; list-distributors lists them")))?;
    Ok((row.get("id"), row.get("owner_id")))
}

/// Issues certificates of one consumer. The owner's turn has been taken before anything is written.
pub(super) struct Certifier<'a> {
    pub transaction: &'a Transaction<'a>,
    /// `cp_consumer.id`
    pub consumer: &'a str,
    pub authority: &'a Authority,
    pub now: PrimitiveDateTime,
}

/// An entitlement whose certificate is missing or wrong, and the digest of what it is to say.
struct Stale {
    id: String,
    digest: Vec<u8>,
}

impl Certifier<'_> {
    /// Whether every certificate is there and says what is so.
    async fn all_is_so(&self) -> Result<bool, HostedError> {
        Ok(self.stale(None).await?.is_empty() && self.products_without().await?.is_empty())
    }

    /// Certificates of all entitlements, or of one.
    pub async fn entitlements(&self, only: Option<&str>) -> Result<u64, HostedError> {
        let stale = self.stale(only).await?;
        if stale.is_empty() {
            return Ok(0);
        }
        let public = self.public_key().await?;
        for batch in stale.chunks(BATCH) {
            let issued = self.issue(batch, &public).await?;
            self.replace(batch, &issued).await?;
        }
        Ok(stale.len() as u64)
    }

    async fn stale(&self, only: Option<&str>) -> Result<Vec<Stale>, HostedError> {
        let how = self.how();
        let values: [(&(dyn ToSql + Sync), Type); 3] =
            [(&self.consumer, Type::TEXT), (&only, Type::TEXT), (&how.as_slice(), Type::BYTEA)];
        let rows = self.transaction.query_typed(include_str!("stale_entitlements.sql"), &values).await?;
        Ok(rows.iter().map(|row| Stale { id: row.get("id"), digest: row.get("digest") }).collect())
    }

    /// A digest of who issues, and how.
    fn how(&self) -> Vec<u8> {
        digest(&SHA256, &[FORM, &self.authority.fingerprint()].concat()).as_ref().to_vec()
    }

    async fn public_key(&self) -> Result<PublicKey, HostedError> {
        let sql = "SELECT k.publickey FROM cp_consumer c JOIN cp_key_pair k ON k.id = c.keypair_id WHERE c.id = $1";
        let row = self.transaction.query_typed_one(sql, &[(&self.consumer, Type::TEXT)]).await?;
        Ok(PublicKey::from_spki(row.get::<_, Option<&[u8]>>(0).unwrap_or_default())?)
    }

    /// By entitlement.
    async fn issue(&self, batch: &[Stale], public: &PublicKey) -> Result<HashMap<String, Issued>, HostedError> {
        let ids: Vec<&str> = batch.iter().map(|stale| stale.id.as_str()).collect();
        let held = load::entitlements(self.transaction, &ids).await?;
        let uuids: BTreeSet<Uuid> = held.iter().flat_map(|held| held.products.iter().copied()).collect();
        let uuids: Vec<Uuid> = uuids.into_iter().collect();
        let known = load::products(self.transaction, &uuids).await?;
        let mut issued = HashMap::new();
        for held in held {
            let products: Vec<&Product> = held.products.iter().filter_map(|uuid| known.get(uuid)).collect();
            let sku = products.first().map_or("", |sku| sku.id.as_str());
            let certificate = certificates::entitlement(self.authority, public, &held.facts, &products)
                .map_err(|error| HostedError::issuing(error, sku))?;
            issued.insert(held.facts.id, certificate);
        }
        Ok(issued)
    }

    async fn replace(&self, batch: &[Stale], issued: &HashMap<String, Issued>) -> Result<(), HostedError> {
        let issued: Vec<(&Stale, &Issued)> =
            batch.iter().filter_map(|stale| Some((stale, issued.get(&stale.id)?))).collect();
        let entitlements: Vec<&str> = issued.iter().map(|(stale, _)| stale.id.as_str()).collect();
        let serials: Vec<i64> = issued.iter().map(|(_, issued)| issued.serial).collect();
        let ends: Vec<PrimitiveDateTime> = issued.iter().map(|(_, issued)| issued.expires).collect();
        let texts: Vec<&[u8]> = issued.iter().map(|(_, issued)| issued.pem.as_bytes()).collect();
        let digests: Vec<&[u8]> = issued.iter().map(|(stale, _)| stale.digest.as_slice()).collect();
        let ids: Vec<String> = issued.iter().map(|_| new_id()).collect();
        // One after the other: two rows of one entitlement or serial must not meet.
        let sql = "WITH replaced AS (DELETE FROM cp_ent_certificate WHERE entitlement_id = ANY($1) RETURNING serial_id)
                   DELETE FROM cp_cert_serial WHERE id IN (SELECT serial_id FROM replaced)";
        self.transaction.execute_typed(sql, &[(&entitlements, Type::TEXT_ARRAY)]).await?;
        let sql = "INSERT INTO cp_cert_serial (id, x509_serial, expiration, created, updated)
                   SELECT serial, serial, expires, $3, $3 FROM unnest($1, $2) AS n (serial, expires)";
        let values: [(&(dyn ToSql + Sync), Type); 3] =
            [(&serials, Type::INT8_ARRAY), (&ends, Type::TIMESTAMP_ARRAY), (&self.now, Type::TIMESTAMP)];
        self.transaction.execute_typed(sql, &values).await?;
        let sql = "INSERT INTO cp_ent_certificate (id, entitlement_id, serial_id, cert, digest, created, updated)
                   SELECT n.*, $6, $6 FROM unnest($1, $2, $3, $4, $5) AS n (id, entitlement, serial, cert, digest)";
        let values: [(&(dyn ToSql + Sync), Type); 6] = [
            (&ids, Type::TEXT_ARRAY),
            (&entitlements, Type::TEXT_ARRAY),
            (&serials, Type::INT8_ARRAY),
            (&texts, Type::BYTEA_ARRAY),
            (&digests, Type::BYTEA_ARRAY),
            (&self.now, Type::TIMESTAMP),
        ];
        self.transaction.execute_typed(sql, &values).await?;
        Ok(())
    }

    /// Engineering products of the consumer's pools that have no certificate, or one of ours that is over or that would be
    /// another one now.
    async fn products_without(&self) -> Result<Vec<Uuid>, HostedError> {
        let sql = "SELECT g.uuid, g.product_id
                   FROM cp_products g
                   WHERE g.product_id ~ '^[0-9]+$'
                     AND NOT EXISTS (
                       SELECT FROM cp_product_certificates c
                       WHERE c.product_uuid = g.uuid AND (c.digest IS NULL OR c.digest = $2 AND c.expiration > $3)
                     )
                     AND g.uuid IN (
                       SELECT r.product_uuid FROM cp_pool_product_rows r
                       WHERE r.pool_id IN (SELECT e.pool_id FROM cp_entitlement e WHERE e.consumer_id = $1)
                     )
                   ORDER BY g.uuid";
        let how = self.how();
        let values: [(&(dyn ToSql + Sync), Type); 3] =
            [(&self.consumer, Type::TEXT), (&how.as_slice(), Type::BYTEA), (&self.now, Type::TIMESTAMP)];
        let rows = self.transaction.query_typed(sql, &values).await?;
        Ok(rows.iter().filter(|row| is_engineering(row.get("product_id"))).map(|row| row.get("uuid")).collect())
    }

    async fn products(&self, clock: &Clock) -> Result<u64, HostedError> {
        let without = self.products_without().await?;
        if without.is_empty() {
            return Ok(0);
        }
        // A product's certificate is nobody's identity: its private key is forgotten here.
        let (public, how) = (KeyPair::generate().await?.public, self.how());
        for batch in without.chunks(BATCH) {
            let products = load::without_contents(self.transaction, batch).await?;
            let mut issued = Vec::new();
            for (uuid, product) in &products {
                issued.push((uuid, certificates::product(self.authority, &public, product, clock.now())?));
            }
            let uuids: Vec<&Uuid> = issued.iter().map(|(uuid, _)| *uuid).collect();
            let texts: Vec<&[u8]> = issued.iter().map(|(_, issued)| issued.pem.as_bytes()).collect();
            let serials: Vec<i64> = issued.iter().map(|(_, issued)| issued.serial).collect();
            let ends: Vec<PrimitiveDateTime> = issued.iter().map(|(_, issued)| issued.expires).collect();
            let sql = "INSERT INTO cp_product_certificates (product_uuid, cert, x509_serial, expiration, digest)
                       SELECT n.*, $5 FROM unnest($1, $2, $3, $4) AS n (product, cert, serial, expires)
                       ON CONFLICT (product_uuid) DO UPDATE
                         SET cert = excluded.cert, x509_serial = excluded.x509_serial,
                             expiration = excluded.expiration, digest = excluded.digest";
            let values: [(&(dyn ToSql + Sync), Type); 5] = [
                (&uuids, Type::UUID_ARRAY),
                (&texts, Type::BYTEA_ARRAY),
                (&serials, Type::INT8_ARRAY),
                (&ends, Type::TIMESTAMP_ARRAY),
                (&how.as_slice(), Type::BYTEA),
            ];
            self.transaction.execute_typed(sql, &values).await?;
        }
        Ok(without.len() as u64)
    }
}
