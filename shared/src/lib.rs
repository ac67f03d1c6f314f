//! Longshore unloads archives announced on Kafka into PostgreSQL. See ARCHITECTURE.md for the way through.

pub mod api;
pub mod archive;
pub mod aws;
pub mod candlepin;
pub mod clock;
pub mod db;
pub mod export;
pub mod failure;
pub mod fetch;
pub mod hosted;
pub mod http;
pub mod json;
pub mod kafka;
pub mod keyring;
pub mod lambda;
pub mod manifest;
pub mod message;
pub mod metrics;
pub mod outbox;
pub mod replay;
pub mod secret;
pub mod secret_source;
pub mod settings;
pub mod setup;
pub mod telemetry;
pub mod tls;
pub mod tower;
pub mod trace;
pub mod warnings;

mod hex;
mod kept;
mod worker;
