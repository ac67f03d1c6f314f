//! What Longshore promises, a test or more for each. One executable: each of its own would hold all of Longshore again, and
//! seventy of them take more room and time to link than everything else together.

mod api;
mod aws;
mod database;
mod downloads;
mod events;
mod exports;
mod hosted;
mod imports;
mod publisher;
mod samples;
mod setup;
mod tower;
