//! The mapping, on a cluster in the process, with functions that fail in all ways.

mod failures;
mod groups;
mod order;
mod stage;
