//! Commands of `setup` that belong to no other topic.

mod owners;
mod rotate_keys;
mod status;
