//! Products that are made here, with their content sets, for an owner that has no manifest of its own.

use super::HostedError;
use super::certificates::is_engineering;
use super::owner::{Owner, locked};
use super::pools::write_events;
use crate::clock::Clock;
use crate::export::fits_product_file;
use crate::failure::brief;
use crate::outbox::{Change, Event};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// Width of a product's id, in characters.
const MAX_ID: usize = 32;

/// A product that is to be, or is to be changed. What is not given stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewProduct {
    /// The key of its owner.
    pub owner: String,
    /// Its id: all digits for an engineering product, otherwise one that is sold (SKU). Manifests have a file of this name,
    /// so it has no `/`, `\\`, `%` or control characters.
    pub product: String,
    /// A name for people.
    pub name: String,
    /// How many one of it stands for.
    #[serde(default)]
    pub multiplier: Option<i64>,
    /// Such as `arch`, `version`, `virt_limit`.
    #[serde(default)]
    pub attributes: Option<BTreeMap<String, Option<String>>>,
    /// Ids of the engineering products that come with it.
    #[serde(default)]
    pub provided: Option<Vec<String>>,
    /// The id of the product that its guests get.
    #[serde(default)]
    pub derived: Option<String>,
    /// Its content sets.
    #[serde(default)]
    pub content: Option<Vec<NewContent>>,
}

/// A content set that is to be. One that several products have is the same for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NewContent {
    /// Identifies it among the owner's; all digits, or certificates leave it out.
    pub id: String,
    /// `yum`, `file` or `kickstart`; certificates leave others out.
    #[serde(rename = "type")]
    pub kind: String,
    /// A name without blanks.
    pub label: String,
    /// A name for people.
    pub name: String,
    /// Who makes it; `unknown` if it is not given.
    #[serde(default = "unknown_vendor")]
    pub vendor: String,
    /// Path on the content delivery network.
    #[serde(default)]
    pub url: Option<String>,
    /// Path of the signing key.
    #[serde(default)]
    pub gpg_url: Option<String>,
    /// Tags, separated by commas.
    #[serde(default)]
    pub required_tags: Option<String>,
    /// The release that it is for.
    #[serde(default)]
    pub release: Option<String>,
    /// Architectures, separated by commas.
    #[serde(default)]
    pub arches: Option<String>,
    /// Seconds for which clients may keep metadata.
    #[serde(default)]
    pub metadata_expire: Option<i64>,
    /// Ids of products that it modifies.
    #[serde(default)]
    pub modified_product_ids: Option<Vec<String>>,
    /// Whether the product has it enabled.
    #[serde(default = "enabled")]
    pub enabled: bool,
}

fn unknown_vendor() -> String {
    "unknown".into()
}

fn enabled() -> bool {
    true
}

/// What became of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Its id.
    pub product: String,
    /// Whether it is new.
    pub created: bool,
    /// Whether anything was written that was not so before.
    pub changed: bool,
}

/// Makes a product of an owner, or changes it. Products that came with a manifest are other ones, even if their ids are
/// alike.
///
/// # Errors
/// When there is no such owner, or no such product that is to come with it.
pub async fn create_product(
    transaction: &Transaction<'_>,
    wanted: &NewProduct,
    clock: &Clock,
) -> Result<Made, HostedError> {
    check(wanted)?;
    let owner = locked(transaction, &wanted.owner).await?;
    let writer = Writer { transaction, owner: &owner, wanted, clock };
    let (uuid, created) = writer.product().await?;
    writer.attributes(uuid).await?;
    writer.provided(uuid).await?;
    writer.derived(uuid).await?;
    writer.contents(uuid).await?;
    let changed = writer.digest().await?;
    let events: Vec<Event> = changed
        .iter()
        .map(|(id, name)| {
            let change = if created && *id == wanted.product { Change::Created } else { Change::Modified };
            Event::new(change, "PRODUCT", name, id, json!({"productId": id}))
        })
        .collect();
    write_events(transaction, &owner, &events, clock).await?;
    let changed = changed.iter().any(|(id, _)| *id == wanted.product);
    Ok(Made { product: wanted.product.clone(), created, changed })
}

fn check(wanted: &NewProduct) -> Result<(), HostedError> {
    let contents = wanted.content.iter().flatten();
    let ids: BTreeSet<&str> = contents.clone().map(|content| content.id.as_str()).collect();
    let problem = if wanted.product.chars().count() > MAX_ID {
        format!("product is longer than {MAX_ID} characters")
    } else if !fits_product_file(&wanted.product) {
        "product: manifests have a file of this name, so /, \\, % and control characters cannot be in it".into()
    } else if let Some(id) = wanted.provided.iter().flatten().find(|id| !is_engineering(id)) {
        format!("provided: {} is no engineering product, whose id is a number", brief(id, MAX_ID))
    } else if wanted.provided.iter().flatten().chain(&wanted.derived).any(|id| *id == wanted.product) {
        "a product does not come with itself".into()
    } else if ids.len() < contents.count() {
        "content: an id is there twice".into()
    } else {
        return Ok(());
    };
    Err(HostedError::Refused(problem))
}

/// Writes one product, part by part.
struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    owner: &'a Owner,
    wanted: &'a NewProduct,
    clock: &'a Clock,
}

impl Writer<'_> {
    /// The product's row, and whether it is new.
    async fn product(&self) -> Result<(Uuid, bool), HostedError> {
        let find = "SELECT uuid FROM cp_products WHERE owner_id = $1 AND product_id = $2 AND NOT managed";
        let values: [(&(dyn ToSql + Sync), Type); 2] =
            [(&self.owner.id, Type::TEXT), (&self.wanted.product, Type::TEXT)];
        let before = self.transaction.query_typed_opt(find, &values).await?;
        let uuid = before.as_ref().map_or_else(Uuid::now_v7, |row| row.get("uuid"));
        let sql = "INSERT INTO cp_products AS p (uuid, owner_id, product_id, managed, name, multiplier, created)
                   VALUES ($1, $2, $3, false, $4, coalesce($5, 1), $6)
                   ON CONFLICT (uuid) DO UPDATE
                     SET name = excluded.name, multiplier = coalesce($5, p.multiplier)";
        let values: [(&(dyn ToSql + Sync), Type); 6] = [
            (&uuid, Type::UUID),
            (&self.owner.id, Type::TEXT),
            (&self.wanted.product, Type::TEXT),
            (&self.wanted.name, Type::TEXT),
            (&self.wanted.multiplier, Type::INT8),
            (&self.clock.timestamp(), Type::TIMESTAMP),
        ];
        self.transaction.execute_typed(sql, &values).await?;
        Ok((uuid, before.is_none()))
    }

    async fn attributes(&self, product: Uuid) -> Result<(), HostedError> {
        let Some(attributes) = &self.wanted.attributes else { return Ok(()) };
        let sql = "WITH gone AS (
                     DELETE FROM cp_product_attributes WHERE product_uuid = $1 AND NOT $2::jsonb ? name
                   )
                   INSERT INTO cp_product_attributes (product_uuid, name, value)
                   SELECT $1, key, value FROM jsonb_each_text($2)
                   ON CONFLICT (product_uuid, name) DO UPDATE SET value = excluded.value";
        self.transaction.execute_typed(sql, &[(&product, Type::UUID), (&json!(attributes), Type::JSONB)]).await?;
        Ok(())
    }

    async fn provided(&self, product: Uuid) -> Result<(), HostedError> {
        let Some(provided) = &self.wanted.provided else { return Ok(()) };
        let mut uuids = Vec::new();
        for id in provided {
            uuids.push(self.known("provided", id).await?);
        }
        let sql = "WITH gone AS (
                     DELETE FROM cp_product_provided_products
                     WHERE product_uuid = $1 AND provided_product_uuid <> ALL ($2)
                   )
                   INSERT INTO cp_product_provided_products (product_uuid, provided_product_uuid)
                   SELECT DISTINCT $1::uuid, unnest($2) ON CONFLICT DO NOTHING";
        self.transaction.execute_typed(sql, &[(&product, Type::UUID), (&uuids, Type::UUID_ARRAY)]).await?;
        Ok(())
    }

    async fn derived(&self, product: Uuid) -> Result<(), HostedError> {
        let Some(derived) = &self.wanted.derived else { return Ok(()) };
        let derived = self.known("derived", derived).await?;
        let sql = "UPDATE cp_products SET derived_product_uuid = $2 WHERE uuid = $1";
        self.transaction.execute_typed(sql, &[(&product, Type::UUID), (&derived, Type::UUID)]).await?;
        Ok(())
    }

    /// Another product of the owner: one that was made here rather than one that was imported.
    async fn known(&self, argument: &str, id: &str) -> Result<Uuid, HostedError> {
        let sql = "SELECT uuid FROM cp_products WHERE owner_id = $1 AND product_id = $2 ORDER BY managed LIMIT 1";
        let row = self.transaction.query_typed_opt(sql, &[(&self.owner.id, Type::TEXT), (&id, Type::TEXT)]).await?;
        let unknown = || {
            HostedError::refused(format!("{argument}: owner {} has no product {id}; create it first", self.owner.key))
        };
        row.map(|row| row.get(0)).ok_or_else(unknown)
    }

    async fn contents(&self, product: Uuid) -> Result<(), HostedError> {
        let Some(contents) = &self.wanted.content else { return Ok(()) };
        let (rows, now) = (json!(contents), self.clock.timestamp());
        let values: [(&(dyn ToSql + Sync), Type); 3] =
            [(&rows, Type::JSONB), (&self.owner.id, Type::TEXT), (&now, Type::TIMESTAMP)];
        self.transaction.execute_typed(include_str!("write_contents.sql"), &values).await?;
        let values: [(&(dyn ToSql + Sync), Type); 3] =
            [(&rows, Type::JSONB), (&self.owner.id, Type::TEXT), (&product, Type::UUID)];
        self.transaction.execute_typed(include_str!("write_product_contents.sql"), &values).await?;
        let sql = "DELETE FROM cp_contents c
                   WHERE c.owner_id = $1 AND NOT c.managed
                     AND NOT EXISTS (SELECT FROM cp_product_contents l WHERE l.content_uuid = c.uuid)";
        self.transaction.execute_typed(sql, &[(&self.owner.id, Type::TEXT)]).await?;
        Ok(())
    }

    /// Digests anew all that was made here, for a content set may be another product's too. Returns what has changed, by id
    /// and name.
    async fn digest(&self) -> Result<Vec<(String, String)>, HostedError> {
        let sql = include_str!("digest_products.sql");
        let values: [(&(dyn ToSql + Sync), Type); 2] =
            [(&self.owner.id, Type::TEXT), (&self.clock.timestamp(), Type::TIMESTAMP)];
        let rows = self.transaction.query_typed(sql, &values).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}
