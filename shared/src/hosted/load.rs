//! What certificates state, read from the database.

use super::certificates::{Content, EntitlementFacts, Product};
use crate::db::DbError;
use std::collections::{BTreeMap, HashMap};
use tokio_postgres::types::Type;
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

/// An entitlement with the rows of its products: the one that is sold, first, and those that come with it.
pub(super) struct Held {
    pub facts: EntitlementFacts,
    pub products: Vec<Uuid>,
}

/// Entitlements by their ids.
pub(super) async fn entitlements(transaction: &Transaction<'_>, ids: &[&str]) -> Result<Vec<Held>, DbError> {
    let sql = include_str!("entitlement_facts.sql");
    let rows = transaction.query_typed(sql, &[(&ids, Type::TEXT_ARRAY)]).await?;
    Ok(rows.iter().map(held).collect())
}

fn held(row: &Row) -> Held {
    let facts = EntitlementFacts {
        id: row.get("id"),
        owner: row.get("owner"),
        consumer: row.get("consumer"),
        quantity: row.get("quantity"),
        pool_quantity: row.get("pool_quantity"),
        start: row.get("startdate"),
        end: row.get("enddate"),
        contract: row.get("contractnumber"),
        account: row.get("accountnumber"),
        order: row.get("ordernumber"),
        subscription: row.get("subscriptionid"),
        virt_only: row.get("virt_only"),
    };
    let mut products = vec![row.get("product_uuid")];
    products.extend(row.get::<_, Vec<Uuid>>("provided"));
    Held { facts, products }
}

/// Products by the uuids of their rows, with their content sets.
pub(super) async fn products(transaction: &Transaction<'_>, uuids: &[Uuid]) -> Result<HashMap<Uuid, Product>, DbError> {
    let mut products = without_contents(transaction, uuids).await?;
    let sql =
        "SELECT l.product_uuid, l.enabled, c.content_id, c.type, c.label, c.name, c.vendor, c.contenturl, c.gpgurl,
                      c.requiredtags, c.metadataexpire
               FROM cp_product_contents l JOIN cp_contents c ON c.uuid = l.content_uuid
               WHERE l.product_uuid = ANY($1)
               ORDER BY l.product_uuid, c.content_id, c.uuid";
    for row in transaction.query_typed(sql, &[(&uuids, Type::UUID_ARRAY)]).await? {
        if let Some(product) = products.get_mut(&row.get("product_uuid")) {
            product.contents.push(content(&row));
        }
    }
    Ok(products)
}

/// Products by the uuids of their rows, without their content sets.
pub(super) async fn without_contents(
    transaction: &Transaction<'_>,
    uuids: &[Uuid],
) -> Result<HashMap<Uuid, Product>, DbError> {
    let sql = "SELECT p.uuid, p.product_id, p.name, coalesce((
                 SELECT jsonb_object_agg(a.name, a.value) FROM cp_product_attributes a WHERE a.product_uuid = p.uuid
               ), '{}') AS attributes
               FROM cp_products p WHERE p.uuid = ANY($1)";
    let rows = transaction.query_typed(sql, &[(&uuids, Type::UUID_ARRAY)]).await?;
    let product = |row: &Row| {
        let attributes: BTreeMap<String, Option<String>> =
            serde_json::from_value(row.get("attributes")).unwrap_or_default();
        let (id, name) = (row.get("product_id"), row.get("name"));
        (row.get("uuid"), Product { id, name, attributes, contents: Vec::new() })
    };
    Ok(rows.iter().map(product).collect())
}

fn content(row: &Row) -> Content {
    Content {
        id: row.get("content_id"),
        kind: row.get("type"),
        label: row.get("label"),
        name: row.get("name"),
        vendor: row.get("vendor"),
        url: row.get("contenturl"),
        gpg_url: row.get("gpgurl"),
        required_tags: row.get("requiredtags"),
        expires: row.get("metadataexpire"),
        enabled: row.get("enabled"),
    }
}
