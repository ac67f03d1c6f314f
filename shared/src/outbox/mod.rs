//! What others are told: written in the transaction that makes the change, published to Kafka afterwards.
//!
//! [`write()`] puts events into the outbox, [`Subject`] what the platform is told of a message; [`Wakeup`] has them published
//! at once. The publisher takes them out: [`take_turn`], [`waiting`], and then [`settle`] says
//! what became of them; each batch is a transaction. [`Message`] is what stands in Kafka.

mod drain;
mod event;
mod message;
mod status;
mod validation;
mod wake;

pub use drain::{
    Family, HeldBack, Limits, PRUNED_AT_ONCE, Parked, Standing, Waiting, anything_waits, prune, settle, standing,
    take_turn, unpark, waiting,
};
pub use event::{Change, Context, Event, write};
pub use message::{Header, Message};
pub use status::{Platform, Subject};
pub use wake::Wakeup;
