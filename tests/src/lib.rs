//! The stage for the tests: a database of its own for each, archives served over HTTP, messages in, rows out.
//!
//! Run them with `cargo xtask test`, which starts the PostgreSQL that they need.

mod announcement;
pub mod api;
mod candlepin_rows;
mod certificates;
pub mod cloud;
pub mod database;
pub mod exports;
pub mod function;
mod hosted;
mod import_rows;
mod imports;
mod openssl;
mod owner_stage;
mod platform;
mod proxied;
pub mod publishing;
mod refusals;
mod rows;
pub mod samples;
pub mod sealed;
mod work;
mod world;

pub use announcement::{Announcement, ORG};
pub use certificates::{Authority, Certified};
pub use owner_stage::OwnerStage;
pub use platform::IDENTITY;
pub use work::{CleanRun, Delivery, Work};
pub use world::World;

pub use imports::{Reply, UPSTREAM, later, small};
pub use longshore_devkit::archive::ArchiveBuilder;
pub use longshore_devkit::manifest;
pub use longshore_devkit::tower::object;
pub use openssl::{candlepin_extensions, openssl};
pub use refusals::{next_manifest, signed_export, small_manifest};
