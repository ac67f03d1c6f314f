//! What the last import of the owner left.

use super::entitlements::KnownEntitlement;
use super::facts::SkuFacts;
use super::products::{Scope, id_of_product_file, product_file, product_source};
use crate::archive::Member;
use crate::db::DbError;
use crate::manifest::files::Files;
use crate::manifest::model::{Product, ProductId};
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
    /// How many contents there are, those included that are not needed.
    pub(super) contents_there: u64,
    /// Certificates of the owner's subscriptions: digest -> row.
    pub certificates: HashMap<Vec<u8>, String>,
    /// By the entitlement's id.
    pub entitlements: HashMap<String, KnownEntitlement>,
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

/// Loads the products and contents of an owner; of the contents only those that reading `scope` comes across, where these
/// are few.
pub(in crate::candlepin) async fn load(
    transaction: &Transaction<'_>,
    scope: &Scope,
    may_pass_over: bool,
) -> Result<Known, DbError> {
    let mut known = Known::default();
    let owner: (&(dyn ToSql + Sync), Type) = (&scope.owner, Type::TEXT);
    each(transaction, include_str!("known_products.sql"), std::slice::from_ref(&owner), |row| {
        known.products.insert(row.get("product_id"), product(row));
    })
    .await?;
    let needed = if may_pass_over { known.needed_contents(scope) } else { None };
    let contents = "SELECT content_id, uuid, digest, created FROM cp_contents
                    WHERE owner_id = $1 AND managed AND ($2::text[] IS NULL OR content_id = ANY($2))";
    each(transaction, contents, &[owner.clone(), (&needed, Type::TEXT_ARRAY)], |row| {
        let digest = row.get::<_, Option<&[u8]>>(2).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
        let content = KnownContent { uuid: row.get(1), digest, created: row.get(3), seen: false };
        known.contents.insert(row.get::<_, &str>(0).into(), content);
    })
    .await?;
    let count = "SELECT count(*) FROM cp_contents WHERE owner_id = $1 AND managed";
    let row = transaction.query_typed_one(count, &[owner]).await?;
    known.contents_there = u64::try_from(row.get::<_, i64>(0)).unwrap_or_default();
    Ok(known)
}

impl Known {
    /// Ids of the contents of all products that have to be read, where these are few: reading them twice is cheaper then
    /// than loading everything. `None`: all are needed.
    fn needed_contents(&self, scope: &Scope) -> Option<Vec<String>> {
        const FEW: usize = 100;
        let mut files = Files::new(&scope.members, scope.depth);
        let has_file = |id: &str| scope.members.get(&product_file(id)).is_some();
        let all = files.json_files("products/").into_iter();
        let to_read: Vec<_> = all.filter(|member| !self.is_as_it_was(scope, member, has_file)).take(FEW + 1).collect();
        if to_read.len() > FEW {
            return None;
        }
        let mut ids = Vec::new();
        for member in to_read {
            // What is wrong with it is said in its turn.
            let product: Product<'_> = files.json(member).ok()?;
            let nested = product.provided_products.iter().chain(&product.derived_product);
            for raw in nested {
                let nested: ProductId<'_> = serde_json::from_str(raw.get()).ok()?;
                if !has_file(nested.id.as_str()) {
                    return None;
                }
            }
            ids.extend(product.product_content.iter().map(|entry| entry.content.id.as_str().to_owned()));
        }
        Some(ids)
    }

    fn is_as_it_was(&self, scope: &Scope, member: &Member<'_>, has_file: impl Fn(&str) -> bool) -> bool {
        let known = self.products.get(id_of_product_file(member.name()));
        known.is_some_and(|known| known.is_as_it_was(&product_source(scope, member), has_file))
    }
}

impl KnownProduct {
    /// Whether a product is what its file says: same bytes, and what was nested in it has files of its own.
    pub(super) fn is_as_it_was(&self, source: &[u8], has_file: impl Fn(&str) -> bool) -> bool {
        self.source == source && self.facts.provided.iter().chain(&self.facts.derived).all(|id| has_file(id))
    }
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
    values: &[(&(dyn ToSql + Sync), Type)],
    mut take: impl FnMut(&Row),
) -> Result<(), DbError> {
    let rows = transaction.query_typed_raw(sql, values.iter().map(|(value, kind)| (*value, kind.clone()))).await?;
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await? {
        take(&row);
    }
    Ok(())
}
