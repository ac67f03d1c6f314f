//! What the messages of all functions have in common: JSON keys, identities, correlation ids and ages.
//!
//! Each function understands its own messages with the pieces here; [`Announcement`] is what every one of them says.

mod announcement;
mod claim;
mod fields;
#[cfg(test)]
pub(crate) mod tests;

pub use announcement::Announcement;
pub(crate) use announcement::request_id_of;
pub use claim::Claim;
pub(crate) use claim::Sender;
pub(crate) use fields::Fields;

use crate::failure::Classified;

/// Why a record is no message. Texts never hold its content, a short name of what is not known excepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The record has no value.
    #[error("the record is a tombstone: it has no value")]
    Tombstone,
    /// The value in the payload is not base64.
    #[error("the record's value is not base64")]
    NotBase64,
    /// The value is not a JSON object.
    #[error("the record's value is not a JSON object ({0})")]
    NotJson(String),
    /// A key that is needed is missing or of another type.
    #[error("{key} is {problem}")]
    Key {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A key holds a name that is not known.
    #[error("{key}: {problem}")]
    Unknown {
        /// The key.
        key: &'static str,
        /// The name, and those that are known.
        problem: String,
    },
    /// The identity cannot be read.
    #[error("the identity is {0}")]
    Identity(&'static str),
}

impl Classified for MessageError {
    fn kind(&self) -> &'static str {
        "Message"
    }
    fn is_transient(&self) -> bool {
        false
    }
}

/// A record, understood.
#[derive(Debug)]
pub enum Parsed<M> {
    /// It is for another service, and why that is thought.
    NotOurs(&'static str),
    /// It announces an archive.
    Message(Box<M>),
}

impl<M> From<M> for Parsed<M> {
    fn from(message: M) -> Self {
        Self::Message(Box::new(message))
    }
}
