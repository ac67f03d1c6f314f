//! The Candlepin database: importing manifests into it, and undoing that.

mod conflict;
mod importer;
mod message;
mod reconcile;
mod unload;

pub use conflict::{Conflict, UnknownConflict};
pub use importer::ManifestImporter;
pub use message::ManifestMessage;
