//! What nobody may log.

use serde_json::Value;
use std::sync::Mutex;

/// Shorter texts are words of their own right.
const SHORTEST: usize = 8;

/// Keys of secrets whose values are no secret.
const OPEN: [&str; 2] = ["username", "current"];

/// Texts that must not be seen.
#[derive(Default)]
pub(super) struct Quiet(Mutex<Vec<String>>);

impl Quiet {
    /// Of JSON its values, of any other text its lines.
    pub fn keep(&self, text: &str) {
        let mut parts = Vec::new();
        match serde_json::from_str(text) {
            Ok(json @ Value::Object(_)) => values(&json, &mut parts),
            _ => parts.extend(text.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned)),
        }
        parts.retain(|part| part.len() >= SHORTEST);
        assert!(!parts.is_empty(), "there is nothing to keep");
        self.0.lock().unwrap().extend(parts);
    }

    /// Panics where a line has one of them, without telling it.
    pub fn nothing_in(&self, lines: &[String]) {
        assert!(!lines.is_empty(), "nothing was logged, so nothing was proved");
        let kept = self.0.lock().unwrap();
        let told = lines.iter().position(|line| kept.iter().any(|part| line.contains(part.as_str())));
        assert_eq!(told, None, "a secret is in this line of the log");
    }
}

fn values(json: &Value, parts: &mut Vec<String>) {
    match json {
        Value::Object(fields) => {
            for (_, value) in fields.iter().filter(|(name, _)| !OPEN.contains(&name.as_str())) {
                values(value, parts);
            }
        }
        Value::String(text) => parts.push(text.clone()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, line: &str) -> bool {
        let quiet = Quiet::default();
        quiet.keep(text);
        std::panic::catch_unwind(|| quiet.nothing_in(&[line.to_owned()])).is_err()
    }

    #[test]
    fn a_secret_in_a_line_is_found() {
        let json = r#"{"username": "longshore", "password": "pass-of-test"}"#;
        assert!(found(json, r#"{"message":"pass-of-test was refused"}"#));
        assert!(!found(json, "longshore was refused"));
        let pem = "-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----\n";
        assert!(found(pem, "read MIIEvQIBADANBg"));
        assert!(!found(pem, "-----BEGIN KEY-----"));
    }
}
