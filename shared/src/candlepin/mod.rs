//! The Candlepin database: importing manifests into it, and undoing that.

mod conflict;
mod message;

pub use conflict::{Conflict, UnknownConflict};
pub use message::ManifestMessage;
