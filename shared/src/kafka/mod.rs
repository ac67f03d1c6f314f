//! Kafka records as Lambda's event source mapping delivers them, and how a batch of them is answered.
//!
//! [`Event::parse`] decodes the payload leniently, [`process`] runs a [`Consumer`] over the records and makes the
//! partial batch response, [`Rejections`] keeps what can never succeed.

mod batch;
mod event;
mod reject;

pub use batch::{BatchResponse, Consumer, Invocation, Plan, process};
pub(crate) use event::BASE64;
pub use event::{Event, EventError, Payload, Record};
pub use reject::{RejectError, RejectionTarget, Rejections};

#[cfg(test)]
mod tests;
