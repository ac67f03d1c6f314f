//! The function `event-publisher` below its handler: what waits in the outbox goes to Kafka.
//!
//! [`Publisher`] takes batches out of the outbox until nothing waits; `producer` sends a batch and says of each row what became
//! of it; `client` logs in. What makes the order sound stands in `longshore::outbox`, but for one thing: a producer of ours
//! never gives a record up while records behind it are still sent. It tries until the publisher has no more time, and goes
//! with everything that it has not sent.

mod client;
mod error;
mod producer;
mod publisher;

/// The client, for what reads topics: benchmarks, tests, tools.
#[cfg(feature = "test-broker")]
pub use krafka;

pub use client::connect;
pub use error::PublishError;
pub use publisher::{Published, Publisher};
