//! What the functions behind an HTTP API or a function URL do alike: who calls and what he may, errors, ETags, the OpenAPI
//! document.
//!
//! Routes are an [`OpenApiRouter`](utoipa_axum::router::OpenApiRouter) whose handlers take a [`Caller`] and ask
//! [`access::decide`] for his rights. [`Service::new`] puts around them what all have in common; [`Service::handle`] is a
//! whole function below its handler.

pub mod access;
pub mod principal;

mod accept;
mod answer;
mod caller;
mod conditional;
mod document;
mod event;
mod key;
mod path;
mod problem;
mod service;

pub use accept::{AcceptsJson, accepts, asks_for};
pub use caller::{Caller, CallerSettings};
pub use document::{NotFound, NotJson, Refused, document};
pub use event::{Event, EventError};
pub use key::{ConsumerUuid, OwnerKey};
pub use problem::{ErrorBody, Problem};
pub use service::{RequestId, Service};
