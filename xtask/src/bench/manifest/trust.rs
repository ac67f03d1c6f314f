//! Whom the functions trust, what they seal private keys with, and who signs: files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use longshore_devkit::manifest::{Authority, KeyForm};
use serde_json::json;

/// Where the files are.
pub struct Trust {
    /// The variables that name them to a function.
    pub env: Vec<(String, String)>,
    /// The authority's public key, for the floor's reader.
    pub key: PathBuf,
}

/// Writes them into a folder.
pub fn write(dir: &Path, authority: &Authority) -> Result<Trust> {
    let keys = json!({"current": "bench", "keys": {"bench": STANDARD.encode([7; 32])}});
    let keys = file(dir, "keys.json", keys.to_string().as_bytes())?;
    let trusted = file(dir, "trusted.pem", authority.pem().as_bytes())?;
    let key = file(dir, "authority.der", authority.key().public())?;
    let ours = file(dir, "authority.pem", (authority.pem() + &authority.key().pem(KeyForm::Pkcs8)).as_bytes())?;
    let env = vec![
        ("LONGSHORE_AUTHORITY".to_owned(), format!("file:{}", ours.display())),
        ("LONGSHORE_KEYS".to_owned(), format!("file:{}", keys.display())),
        ("LONGSHORE_TRUSTED_CERTIFICATES".to_owned(), trusted.display().to_string()),
    ];
    Ok(Trust { env, key })
}

fn file(dir: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = dir.join(name);
    std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
