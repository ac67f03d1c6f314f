//! What others are told: events, each as its schema in `docs/events` says, and what the platform hears of each message.

mod agreement;
mod documents;
mod schemas;
mod sorts;
mod status;
mod story;
mod trace;
mod validation;
mod wake;
