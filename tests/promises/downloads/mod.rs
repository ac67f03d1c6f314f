//! Where archives come from, and what is done about servers that fail.

mod https;
mod places;
mod retries;
mod s3;
