//! Keys for a developer's machine.

use anyhow::{Result, anyhow};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;

/// The text of a key file with one key of 32 random bytes, as `LONGSHORE_KEYS` names one.
///
/// # Errors
/// The system gives no random numbers.
pub fn random_key_file() -> Result<String> {
    let mut key = [0; 32];
    SystemRandom::new().fill(&mut key).map_err(|_| anyhow!("the system gives no random numbers"))?;
    Ok(json!({"current": "local", "keys": {"local": STANDARD.encode(key)}}).to_string())
}
