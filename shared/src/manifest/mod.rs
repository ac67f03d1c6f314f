//! Candlepin manifests and data bundles as files: the container, who signed it, the certificates in it.

mod certificate;
mod container;
mod signature;

pub use container::{Container, ContainerError, Kind};
