//! The function `event-publisher` below its handler: what waits in the outbox goes to Kafka.
//!
//! [`Publisher`] takes batches out of the outbox until nothing waits; `producer` sends a batch and says of each row what became
//! of it; `client` logs in. What makes the order sound stands in `longshore::outbox`, but for one thing: a producer must not go
//! on behind a record that it gives up. Ours tries longer than anybody waits for it, and ends with all that it holds at the
//! first failure. One gap is left: a broker that refuses one request for good, as after it has lost data, may have been sent
//! the next one of that partition already. All of that key are then sent again, in order.

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
