//! What the last import of the owner left.

use super::facts::SkuFacts;
use crate::db::DbError;
use futures_util::TryStreamExt;
use std::collections::HashMap;
use time::PrimitiveDateTime;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

/// The first half of a SHA-256: nobody but the signer chooses what is digested.
pub(super) type Digest = [u8; 16];

/// Digests of a product's parts, in the order of [`super::products::PARTS`].
pub(super) type PartDigests = [Digest; 5];

/// What is in the tables.
#[derive(Debug, Default)]
pub(in crate::candlepin) struct Known {
    pub products: HashMap<String, KnownProduct>,
    pub(super) contents: HashMap<Box<str>, KnownContent>,
    /// Certificates of the owner's subscriptions: digest -> row.
    pub(super) certificates: HashMap<Vec<u8>, String>,
}

#[derive(Debug)]
pub(in crate::candlepin) struct KnownProduct {
    pub facts: SkuFacts,
    pub(super) digest: Vec<u8>,
    /// Digest of the packed files that it was read from.
    pub(super) source: Vec<u8>,
    pub(super) created: Option<PrimitiveDateTime>,
}

#[derive(Debug)]
pub(super) struct KnownContent {
    pub uuid: Uuid,
    pub digest: Digest,
    pub created: Option<PrimitiveDateTime>,
    /// Whether this import has come across it.
    pub seen: bool,
}

/// Loads what there is of an owner.
pub(in crate::candlepin) async fn load(transaction: &Transaction<'_>, owner: &str) -> Result<Known, DbError> {
    let mut known = Known::default();
    each(transaction, include_str!("known_products.sql"), owner, |row| {
        known.products.insert(row.get("product_id"), product(row));
    })
    .await?;
    let contents = "SELECT content_id, uuid, digest, created FROM cp_contents WHERE owner_id = $1 AND managed";
    each(transaction, contents, owner, |row| {
        let digest = row.get::<_, Option<&[u8]>>(2).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
        let content = KnownContent { uuid: row.get(1), digest, created: row.get(3), seen: false };
        known.contents.insert(row.get::<_, &str>(0).into(), content);
    })
    .await?;
    let certificates = "SELECT c.digest, c.id FROM cp_subscription s JOIN cp_certificate c ON c.id = s.certificate_id
                        WHERE s.owner_id = $1";
    each(transaction, certificates, owner, |row| {
        known.certificates.insert(row.get(0), row.get(1));
    })
    .await?;
    Ok(known)
}

fn product(row: &Row) -> KnownProduct {
    let mut provided: Vec<String> = row.get("provided");
    provided.sort();
    KnownProduct {
        facts: SkuFacts {
            uuid: row.get("uuid"),
            name: row.get("name"),
            virt_limit: row.get("virt_limit"),
            virt_only: row.get("virt_only"),
            derived: row.get("derived"),
            provided,
        },
        digest: row.get::<_, Option<_>>("digest").unwrap_or_default(),
        source: row.get::<_, Option<_>>("source").unwrap_or_default(),
        created: row.get("created"),
    }
}

/// Row by row, so that only what is kept is held.
async fn each(
    transaction: &Transaction<'_>,
    sql: &str,
    owner: &str,
    mut take: impl FnMut(&Row),
) -> Result<(), DbError> {
    let values: [(&(dyn ToSql + Sync), Type); 1] = [(&owner, Type::TEXT)];
    let rows = transaction.query_typed_raw(sql, values.iter().map(|(value, kind)| (*value, kind.clone()))).await?;
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await? {
        take(&row);
    }
    Ok(())
}
