//! Candlepin manifests and data bundles of all eras, made for tests: real certificates, real signatures.
//!
//! ```
//! use longshore_devkit::manifest::{Authority, Content, Entitlement, Era, Manifest, Product};
//!
//! let manifest = Manifest::new(Era::D)
//!     .product(Product::new("901", "Example Engine").content(Content::new("90101", "example-engine-rpms")))
//!     .product(Product::new("EX-SKU-1", "Example Suite").provides(&["901"]))
//!     .entitlement(Entitlement::new("e1", "p1", "EX-SKU-1").quantity(12).contract("CON-5"));
//! let signed = manifest.build(&Authority::new());
//! # assert!(signed.starts_with(b"PK"));
//! ```
//!
//! The same calls always give the same bytes, in every process: keys follow from names, ids and serials from what they
//! are for, and no time is taken from a clock.

mod authority;
mod builder;
mod certificate;
mod container;
mod entitlement;
mod entitlement_certificate;
mod entitlement_json;
mod era;
mod exporter;
mod identity;
mod json;
mod key;
mod parallel;
mod pem;
mod product;
mod product_json;
mod sample;
mod samples;
mod scale;
mod scheme;
mod stock;
mod tree;
pub mod zip_writer;

pub use authority::{Authority, Certificate, VALID_FROM, VALID_TO};
pub use builder::Manifest;
pub use container::{Spelling, sign_bundle};
pub use entitlement::{CertificateVersion, Entitlement};
pub use era::{DateSpelling, Era};
pub use identity::IdentityCertificate;
pub use key::{Algorithm, Key, KeyForm};
pub use pem::pem_block;
pub use product::{Content, Product};
pub use samples::{Versions, manifest_samples};
pub use scale::Scale;
pub use scheme::SchemeSigner;

#[cfg(test)]
mod tests;
