//! Manifests that are made here: what is in them, who can read them, and how they get to those who ask.

mod archives;
mod contents;
mod foreign_readers;
mod http;
mod kafka;
mod memory;
mod round_trip;
mod storage;
