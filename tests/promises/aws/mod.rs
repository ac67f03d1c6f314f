//! The functions in an AWS that rotates, throttles and refuses: moto with its IAM, and what it lacks in front of it.

mod database_secret;
mod denied;
mod kms_keys;
mod throttling;
mod unloading;
