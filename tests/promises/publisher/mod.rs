//! What waits in the outbox reaches Kafka: nothing is lost, and nothing out of order for one key.

mod faults;
mod killed;
mod order;
mod parked;
