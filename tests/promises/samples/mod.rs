//! Every file in `events/` does what `events/README.md` says of it.

mod events;
mod exports;
mod manifests;
mod publisher;
mod requests;
