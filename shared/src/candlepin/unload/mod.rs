//! The bulk of a manifest, products and entitlements, into the database: reading on a thread of its own, COPY on this one.
//!
//! What was imported last is known by its digests, so the reader knows at once what is new, what has changed and what is
//! as it was, and rows go straight into their tables. What has changed is deleted and written again under its id.

mod certificates;
mod contents;
mod digest;
mod entitlements;
mod facts;
mod incoming;
mod known;
mod output;
mod product_rows;
mod products;
mod tables;
mod write;

pub(crate) use certificates::local_serial;
pub(super) use entitlements::KnownEntitlement;
pub use facts::Counts;
pub(super) use facts::{Facts, SkuFacts};
pub(super) use incoming::Incoming;
pub(super) use known::{Known, KnownProduct, load};
pub(super) use products::Scope;
pub use write::rehearse;
pub(super) use write::{
    UnloadError, Unloaded, contradicts, delete_loose_contents, delete_products, unload, used_products,
};
