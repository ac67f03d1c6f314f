//! What certificates state, as it stands in the database.

use std::collections::BTreeMap;
use time::PrimitiveDateTime;

/// A product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hosted) struct Product {
    pub id: String,
    pub name: String,
    pub attributes: BTreeMap<String, Option<String>>,
    pub contents: Vec<Content>,
}

impl Product {
    /// An attribute's value; empty where there is none.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).and_then(Option::as_deref).unwrap_or_default()
    }
}

/// A content set of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hosted) struct Content {
    pub id: String,
    /// `yum`, `file`, `kickstart`, ..
    pub kind: String,
    pub label: String,
    pub name: String,
    pub vendor: String,
    pub url: Option<String>,
    pub gpg_url: Option<String>,
    pub required_tags: Option<String>,
    /// Seconds for which clients may keep metadata.
    pub expires: Option<i64>,
    pub enabled: bool,
}

/// An entitlement, with what its pool says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hosted) struct EntitlementFacts {
    pub id: String,
    /// The key of the consumer's owner.
    pub owner: String,
    /// The consumer's uuid.
    pub consumer: String,
    pub quantity: i64,
    pub pool_quantity: i64,
    pub start: PrimitiveDateTime,
    pub end: PrimitiveDateTime,
    pub contract: Option<String>,
    pub account: Option<String>,
    pub order: Option<String>,
    pub subscription: Option<String>,
    /// The pool's attribute `virt_only`.
    pub virt_only: Option<String>,
}
