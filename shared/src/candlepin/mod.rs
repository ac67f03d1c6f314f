//! The Candlepin database: importing manifests into it, and undoing that.
//!
//! [`ManifestImporter`] is the whole function below its handler. `import.rs` tells the story of one manifest; `unload` is
//! the pass over its products and entitlements; [`undo`] takes an owner's imports back.

mod conflict;
mod consumer_only;
mod error;
mod globals;
mod import;
mod importer;
mod last;
mod message;
mod outcome;
mod owner;
mod pools;
mod prepare;
mod reconcile;
mod record;
mod refresh;
mod subscriptions;
mod terms;
mod trust;
mod undo;
mod unload;
mod upstream;

pub use conflict::{Conflict, UnknownConflict};
pub use error::{Conflicts, ImportError};
pub(crate) use globals::new_id;
pub use globals::{ReplacedRules, replace_rules};
pub use importer::ManifestImporter;
pub use message::ManifestMessage;
pub(crate) use owner::lock as lock_owner;
pub use owner::{Linked, Lookup, Owner, OwnerError, Permission, Resolved, ordering_key, resolve};
pub use record::Stats;
pub(crate) use record::Status;
pub use undo::{By, UndoError, Undone, undo};
pub(crate) use unload::local_serial;
pub use unload::{Counts, rehearse};
pub(crate) use upstream::{identity_digest, key_context as identity_key_context};
