//! The Candlepin database: importing manifests into it, and undoing that.

mod conflict;
mod importer;
mod message;
mod owner;

pub use conflict::{Conflict, UnknownConflict};
pub use importer::ManifestImporter;
pub use message::ManifestMessage;
pub use owner::{Linked, Lookup, Owner, OwnerError, Permission, Resolved, ordering_key, resolve};
