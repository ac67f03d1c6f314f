//! What a function has not done, handed to it again: batches that Lambda gave up, and records that were rejected.
//!
//! Both are documents in a bucket or a file. Doing one twice does no harm: what is done already says so.

mod document;
mod invoke;

pub use document::{Again, DocumentError};
pub use invoke::{Functions, InvokeError, Invoked};
