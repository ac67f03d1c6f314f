//! What a developer's machine lacks compared to AWS: a PostgreSQL server, S3, the Lambda runtime API, a network that can
//! be cut, archives as Ansible Tower's collector makes them, and manifests as Candlepin exports them. For tests and local
//! use, never deployed.

pub mod archive;
pub mod aws_client;
pub mod built;
pub mod cargo_lambda;
pub mod http_client;
pub mod http_server;
pub mod kafka_event;
pub mod keys;
pub mod manifest;
pub mod moto;
mod pip;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod runtime_api;
pub mod s3;
mod system;
pub mod tower;
