//! Commands of `setup` that belong to no other topic.

mod certificates;
mod deployment;
mod owners;
mod replay;
mod rotate_keys;
mod status;
