//! Events: what they look like in Kafka, each as its schema in `docs/events` says.

mod documents;
mod schemas;
mod sorts;
mod story;
