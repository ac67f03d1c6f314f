//! Questions of surveys, of every type.

use fastrand::Rng;
use serde_json::{Value, json};

use super::object::{Object, question};

/// Type, variable and label.
const QUESTIONS: [(&str, &str, &str); 14] = [
    ("text", "ticket", "Which change ticket does this belong to?"),
    ("integer", "batch_size", "How many machines at a time?"),
    ("multiplechoice", "environment", "Environment"),
    ("textarea", "reason", "Why is this needed?"),
    ("multiselect", "components", "Which components?"),
    ("password", "unlock_code", "Unlock code of the maintenance window"),
    ("float", "threshold", "Stop when more than this share of the machines fails"),
    ("multiplechoice", "severity", "Lowest severity to install"),
    ("text", "hostname_pattern", "Host names (pattern)"),
    ("integer", "disk_gib", "Disk size in GiB"),
    ("multiselect", "notify", "Who is to be told?"),
    ("text", "contact", "Contact during the run"),
    ("integer", "wait_minutes", "Minutes to wait between batches"),
    ("textarea", "extra_packages", "Further packages, one a line"),
];

fn offered_for(variable: &str) -> &'static [&'static str] {
    match variable {
        "environment" => &["production", "staging", "test", "development"],
        "severity" => &["critical", "important", "moderate", "low"],
        "components" => &["kernel", "glibc", "openssl", "httpd", "postgresql", "python3"],
        _ => &["Service desk", "Owner of the system", "Operations on call", "São Paulo office"],
    }
}

/// `count` questions; a variable that comes again gets a number.
pub(super) fn questions(rng: &mut Rng, count: usize) -> Vec<Value> {
    let first = rng.usize(..QUESTIONS.len());
    (0..count).map(|n| nth(rng, first + n, n / QUESTIONS.len()).json()).collect()
}

fn nth(rng: &mut Rng, which: usize, round: usize) -> Object {
    let (kind, variable, label) = QUESTIONS[which % QUESTIONS.len()];
    let choices = offered_for(variable);
    let variable = if round == 0 { variable.to_owned() } else { format!("{variable}_{round}") };
    let asked = question(kind, &variable).set("question_name", label).set("required", rng.bool());
    let asked = match rng.bool() {
        true => asked.set("question_description", format!("{label} Used as {{{{ {variable} }}}} in the playbook.")),
        false => asked,
    };
    match kind {
        "integer" => asked.set("default", rng.u8(1..50)).set("max", 100 + u32::from(rng.u8(..))),
        "float" => asked.set("default", f64::from(rng.u8(1..20)) / 4.0),
        "multiplechoice" => one_of(rng, asked, choices),
        "multiselect" => some_of(rng, asked, choices),
        "textarea" => asked.set("default", "").set("max", 4096),
        "password" => asked.set("min", 8).set("max", 64),
        // Older Towers send null where nothing was typed in.
        _ if rng.u8(..4) == 0 => asked.set("default", Value::Null),
        _ => asked.set("default", format!("{variable}-{}", rng.u16(..))),
    }
}

/// Tower sends choices as lines of one string, newer ones as a list.
fn offered(rng: &mut Rng, choices: &[&str]) -> Value {
    if rng.bool() { json!(choices.join("\n")) } else { json!(choices) }
}

fn one_of(rng: &mut Rng, asked: Object, choices: &[&str]) -> Object {
    asked.set("choices", offered(rng, choices)).set("default", choices[0])
}

fn some_of(rng: &mut Rng, asked: Object, choices: &[&str]) -> Object {
    let default = match rng.u8(..3) {
        0 => json!(""),
        1 => json!(choices[..2].join("\n")),
        _ => json!(choices[..2]),
    };
    asked.set("choices", offered(rng, choices)).set("default", default)
}
