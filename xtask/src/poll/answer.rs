//! What a function's answer means for the records that it was given.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};

use super::batch::Polled;

/// The answer to an invocation.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header `X-Amz-Function-Error`.
    pub function_error: Option<String>,
    /// What the function returned, or how it failed.
    pub body: Bytes,
}

/// What became of the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All are done.
    Done,
    /// Those at these offsets failed; the others are done.
    Failed(BTreeSet<i64>),
    /// All failed, and why.
    AllFailed(String),
    /// The function was never asked: nothing is known about the records.
    NotInvoked(String),
}

impl Answer {
    /// What Lambda answers for a function that took too long.
    pub fn timed_out(longest: Duration) -> Self {
        let message = format!("Task timed out after {:.2} seconds", longest.as_secs_f64());
        let body = json!({"errorType": "Sandbox.Timedout", "errorMessage": message}).to_string().into();
        Self { status: 200, function_error: Some("Unhandled".to_owned()), body }
    }

    /// Judges as Lambda does: no failures are success; a failure that cannot be told from the others fails all.
    pub fn verdict(&self, partition_key: &str, records: &[Polled]) -> Verdict {
        if self.status == 413 || self.status >= 500 || self.function_error.is_some() {
            return Verdict::AllFailed(self.error());
        }
        if !(200..300).contains(&self.status) {
            return Verdict::NotInvoked(format!("HTTP {}: {}", self.status, self.text()));
        }
        let Ok(Value::Object(body)) = serde_json::from_slice(&self.body) else { return Verdict::Done };
        let failures = match body.get("batchItemFailures") {
            None | Some(Value::Null) => return Verdict::Done,
            Some(Value::Array(failures)) => failures,
            Some(_) => return Verdict::AllFailed("batchItemFailures is no list".to_owned()),
        };
        let named: Option<BTreeSet<i64>> = failures.iter().map(|failure| offset(failure, partition_key)).collect();
        match named {
            None => Verdict::AllFailed("an itemIdentifier is no partition and offset of the event".to_owned()),
            Some(named) if named.is_empty() => Verdict::Done,
            Some(named) => {
                let given: BTreeSet<i64> = records.iter().map(|record| record.offset).collect();
                match named.difference(&given).next() {
                    Some(stranger) => Verdict::AllFailed(format!("it names offset {stranger}, which it was not given")),
                    None => Verdict::Failed(named),
                }
            }
        }
    }

    /// How the function failed, in a line.
    fn error(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let part = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        match (part("errorType"), part("errorMessage")) {
            (Some(kind), Some(message)) => format!("{kind}: {message}"),
            (_, Some(message)) => message.to_owned(),
            _ => format!("HTTP {}: {}", self.status, self.text()),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }
}

/// The offset that a failure names, if it is one of this partition.
fn offset(failure: &Value, partition_key: &str) -> Option<i64> {
    let id = failure.get("itemIdentifier")?;
    (id.get("partition")?.as_str()? == partition_key).then(|| id.get("offset")?.as_i64())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use event_publisher::krafka::consumer::ConsumerRecord;

    fn verdict(status: u16, function_error: Option<&str>, body: &Value) -> Verdict {
        let function_error = function_error.map(str::to_owned);
        let answer = Answer { status, function_error, body: body.to_string().into() };
        let records = [3, 4, 5].map(|offset| Polled::of(&ConsumerRecord::new("a-b", 0, offset, None, None)));
        answer.verdict("a-b-0", &records)
    }

    fn named(items: &[(&str, i64)]) -> Value {
        let item =
            |(partition, offset): &(&str, i64)| json!({"itemIdentifier": {"partition": partition, "offset": offset}});
        json!({"batchItemFailures": items.iter().map(item).collect::<Vec<_>>()})
    }

    #[test]
    fn no_failures_are_success_however_they_are_written() {
        for body in [json!({}), Value::Null, json!("done"), json!({"batchItemFailures": null}), named(&[])] {
            assert_eq!(verdict(200, None, &body), Verdict::Done, "{body}");
        }
    }

    #[test]
    fn named_records_failed_and_no_others() {
        assert_eq!(verdict(200, None, &named(&[("a-b-0", 5), ("a-b-0", 4)])), Verdict::Failed([4, 5].into()));
    }

    #[test]
    fn a_name_that_fits_no_record_fails_all() {
        let bad =
            [named(&[("a-b-0", 9)]), named(&[("a-b-1", 3)]), json!({"batchItemFailures": [{"itemIdentifier": ""}]})];
        for body in bad.iter().chain(&[json!({"batchItemFailures": 1}), json!({"batchItemFailures": [{"id": 3}]})]) {
            assert!(matches!(verdict(200, None, body), Verdict::AllFailed(_)), "{body}");
        }
    }

    #[test]
    fn an_error_of_the_function_fails_all_and_says_what_it_was() {
        let error = json!({"errorType": "Database", "errorMessage": "it is gone"});
        let failed = Verdict::AllFailed("Database: it is gone".to_owned());
        assert_eq!(verdict(500, None, &error), failed);
        assert_eq!(verdict(200, Some("Unhandled"), &error), failed);
    }

    #[test]
    fn a_function_that_is_not_there_has_not_failed() {
        assert_eq!(verdict(404, None, &json!("no")), Verdict::NotInvoked("HTTP 404: \"no\"".to_owned()));
    }
}
