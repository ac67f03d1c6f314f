//! What clients are told over HTTP, and who is told what.

mod access;
mod document;
mod http;
mod imports;
mod owner_keys;
mod upstream_consumers;
