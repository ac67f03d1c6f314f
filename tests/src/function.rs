//! Our functions as Lambda runs them: processes of their own.

use longshore_devkit::runtime_api::{Function, Invocation};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// The function time-out of [`call`].
const TIMEOUT: Duration = Duration::from_secs(60);

/// Starts a function with exactly these variables, further ones winning over earlier ones.
pub async fn start(name: &str, variables: &[(String, String)], further: &[(&str, &str)]) -> Function {
    let mut all = variables.to_vec();
    all.extend(further.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Function::spawn(&binary(name), &all).await.unwrap()
}

/// Invokes a function with records and returns the offsets that are to come again.
///
/// # Errors
/// The process ended before it answered; the text has its last lines.
pub async fn call(function: &mut Function, event: &str) -> Result<Vec<i64>, String> {
    match function.invoke(event.as_bytes(), TIMEOUT).await {
        Ok(invocation) => Ok(failed(&invocation)),
        Err(error) => Err(format!("{error:#}")),
    }
}

/// The offsets in a partial batch response.
pub fn failed(invocation: &Invocation) -> Vec<i64> {
    let answer = match &invocation.result {
        Ok(answer) => answer,
        Err(error) => panic!("the handler failed: {}", String::from_utf8_lossy(error)),
    };
    let answer: Value = serde_json::from_slice(answer).unwrap();
    let items = answer["batchItemFailures"].as_array().unwrap();
    items.iter().map(|item| item["itemIdentifier"]["offset"].as_i64().unwrap()).collect()
}

/// The first logged line with this message, as JSON.
pub async fn logged(function: &Function, message: &str) -> Value {
    first_line(function, |line| line["message"] == message).await
}

/// The first line that tells that a record is left to redelivery for an error of this kind, as JSON.
pub async fn left(function: &Function, kind: &str) -> Value {
    first_line(function, |line| line["message"] == "record left to redelivery" && line["error_kind"] == kind).await
}

async fn first_line(function: &Function, is_it: impl Fn(&Value) -> bool) -> Value {
    let parsed = |line: &str| serde_json::from_str::<Value>(line).ok();
    let line = function.log_line(|line| parsed(line).is_some_and(|line| is_it(&line))).await.unwrap();
    parsed(&line).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "how `cargo xtask test` tells where the functions are")]
fn binary(name: &str) -> PathBuf {
    let folder = std::env::var("LONGSHORE_TEST_BIN_DIR")
        .unwrap_or_else(|_| panic!("run the tests with `cargo xtask test`: it builds the functions"));
    PathBuf::from(folder).join(name)
}
