//! Where it was measured.

use std::{fs, process::Command, thread};

use anyhow::Result;
use serde_json::{Value, json};
use tokio_postgres::Client;

/// Processor, memory, compiler and database; what cannot be found is null.
pub async fn facts(client: &Client) -> Result<Value> {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?.split_once(':')?.1.trim().to_owned();
        Some(line)
    };
    let rustc = Command::new("rustc").arg("--version").output().ok().and_then(|out| String::from_utf8(out.stdout).ok());
    let postgresql = client.query_one("SHOW server_version", &[]).await?;
    Ok(json!({
        "processor": field("/proc/cpuinfo", "model name"),
        "cores": thread::available_parallelism().map(usize::from).ok(),
        "memory": field("/proc/meminfo", "MemTotal"),
        "rustc": rustc.map(|text| text.trim().to_owned()),
        "postgresql": postgresql.get::<_, &str>(0),
    }))
}
