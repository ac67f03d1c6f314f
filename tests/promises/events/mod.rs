//! What others are told: events, and what the platform hears of each message.

mod agreement;
mod status;
mod validation;
mod wake;
