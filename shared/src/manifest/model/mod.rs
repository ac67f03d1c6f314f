//! What the JSON files of a manifest hold: shapes as the world writes them, checks where they are read.

mod entitlement;
mod meta;
mod product;
mod values;

pub use entitlement::{Branding, CertificateJson, Entitlement, Pool, Provided, Serial};
pub use meta::{Cdn, Consumer, ConsumerType, DistributorVersion, Meta};
pub(super) use meta::{RawConsumer, RawDistributorVersion, RawMeta};
pub use product::{Content, Product, ProductContent, ProductId};
pub use values::{Attributes, Moment, Text};
