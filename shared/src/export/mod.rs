//! A distributor's manifest: its files, its containers, its signature, and where it is stored.
//!
//! [`Exports`] makes one; [`ManifestExporter`] is the whole function below its handler. `files.rs` tells what is in a
//! manifest, in the order in which it is written; `pack.rs` how it is packed and signed while it is made.

mod certificate;
mod consumer;
mod error;
mod exporter;
mod exports;
mod files;
mod message;
mod names;
mod pack;
mod record;
mod request;
mod route;
mod store;

pub use error::ExportError;
pub use exporter::{Answer, ManifestExporter};
pub use exports::{By, Exported, Exports, Links, Place};
pub use message::ExportMessage;
pub(crate) use names::fits_product_file;
pub use request::{Format, Request};
pub(crate) use route::routes;
pub use store::StoreError;
