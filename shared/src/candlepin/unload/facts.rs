//! What is remembered of products once their rows are written: enough to make subscriptions and pools.

use std::collections::HashMap;
use uuid::Uuid;

/// Added, updated, removed and unchanged objects of one kind.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// New ones.
    pub adds: u64,
    /// Those that say something else now.
    pub updates: u64,
    /// Those that are gone.
    pub deletes: u64,
    /// Those that are as they were.
    pub unchanged: u64,
}

impl Counts {
    /// Whether anything was written.
    pub fn is_change(&self) -> bool {
        self.adds + self.updates + self.deletes > 0
    }
}

/// What subscriptions and pools need to know of a product.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::candlepin) struct SkuFacts {
    pub uuid: Uuid,
    pub name: String,
    /// Attribute `virt_limit`: how many guests a host may have.
    pub virt_limit: Option<String>,
    /// Attribute `virt_only`.
    pub virt_only: Option<String>,
    /// The product of guests.
    pub derived: Option<String>,
    /// Products that come with it, sorted.
    pub provided: Vec<String>,
}

/// All products of the manifest by their ids.
pub(in crate::candlepin) type Facts = HashMap<String, SkuFacts>;
