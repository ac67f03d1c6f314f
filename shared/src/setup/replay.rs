//! What functions have not done, out of the bucket where it was kept: a list of it, and handing it to them again.

use super::{Setup, SetupError};
use crate::failure::Chain;
use crate::replay::{Again, Invoked};
use crate::settings::ReplaySettings;
use aws_sdk_s3::types::Object;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Documents that are listed, or handed over, in one invocation at most.
const AT_ONCE: i32 = 100;

/// Largest document that is read, in bytes: a payload has 6 MB, and JSON in JSON at most doubles them.
const MAX_DOCUMENT: i64 = 16 << 20;

/// Longest that a function takes for a batch.
const LONGEST: Duration = Duration::from_secs(840);

/// The functions that take records.
const FUNCTIONS: [&str; 3] = ["tower-persister", "manifest-importer", "manifest-exporter"];

/// Which documents, and what to do with them.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// What their keys begin with.
    pub prefix: &'a str,
    /// The function, where the documents do not say it or another one should have them.
    pub function: Option<&'a str>,
    /// Those behind this key.
    pub after: Option<&'a str>,
}

impl Setup {
    /// What is kept below a prefix, by key.
    pub(super) async fn list_failures(&self, wanted: &Wanted<'_>) -> Result<Value, SetupError> {
        let (objects, more) = self.objects(wanted).await?;
        let mut failures = Vec::with_capacity(objects.len());
        for object in &objects {
            let key = object.key().unwrap_or_default();
            failures.push(match self.document(object).await? {
                Ok(Again { records, topics, function, why, .. }) => json!({
                    "key": key, "records": records, "topics": topics, "function": function, "why": why,
                }),
                Err(problem) => json!({"key": key, "problem": problem}),
            });
        }
        Ok(json!({"failures": failures, "next": next(&objects, more)}))
    }

    /// Hands what is kept to its function, oldest key first, while there is time. Nothing is deleted: the bucket does that in
    /// time, and what is done already is passed over when it comes again.
    pub(super) async fn replay(&self, wanted: &Wanted<'_>, deadline: Option<Instant>) -> Result<Value, SetupError> {
        let (objects, more) = self.objects(wanted).await?;
        let (mut replayed, mut done) = (Vec::new(), 0);
        for object in &objects {
            let left = deadline.map_or(LONGEST, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            let outcome = self.replay_one(object, wanted.function, left.min(LONGEST)).await?;
            tracing::info!(key = object.key(), outcome = %outcome, "replayed");
            replayed.push(outcome);
            done += 1;
        }
        let next = next(&objects[..done], more || done < objects.len());
        Ok(json!({"replayed": replayed, "next": next}))
    }

    async fn replay_one(&self, object: &Object, named: Option<&str>, left: Duration) -> Result<Value, SetupError> {
        let key = object.key().unwrap_or_default();
        let again = match self.document(object).await? {
            Ok(again) => again,
            Err(problem) => return Ok(json!({"key": key, "problem": problem})),
        };
        let function = match self.function(named.or(again.function.as_deref())) {
            Ok(function) => function,
            Err(problem) => return Ok(json!({"key": key, "problem": problem})),
        };
        let outcome = json!({"key": key, "function": function, "records": again.records});
        let more = match self.functions.invoke(&function, &again.event, left).await {
            Ok(Invoked::Answered { failed }) => ("failed", json!(failed)),
            Ok(Invoked::Failed(what)) => ("problem", json!(what)),
            Err(error) => ("problem", json!(Chain(&error).to_string())),
        };
        let Value::Object(mut outcome) = outcome else { return Ok(outcome) };
        outcome.insert(more.0.into(), more.1);
        Ok(outcome.into())
    }

    /// Only functions of this stack that take records, whatever a document says.
    fn function(&self, named: Option<&str>) -> Result<String, String> {
        let prefix = &self.replays.function_prefix;
        let named = named.ok_or("it does not say which function it was for: name one, such as tower-persister")?;
        let own = named.strip_prefix(prefix.as_str()).unwrap_or(named);
        if FUNCTIONS.contains(&own) {
            return Ok(format!("{prefix}{own}"));
        }
        Err(format!("{named} is no function here that takes records: {}", FUNCTIONS.join(", ")))
    }

    async fn objects(&self, wanted: &Wanted<'_>) -> Result<(Vec<Object>, bool), SetupError> {
        let ReplaySettings { bucket, .. } = &self.replays;
        let bucket =
            bucket.as_deref().ok_or_else(|| SetupError::Argument("LONGSHORE_FAILURE_TARGET is not set".into()))?;
        let list = self.s3.list_objects_v2().bucket(bucket).prefix(wanted.prefix).max_keys(AT_ONCE);
        let list = list.set_start_after(wanted.after.map(Into::into)).send().await;
        let list = list.map_err(|error| SetupError::Storage(Chain(&error).to_string()))?;
        Ok((list.contents.unwrap_or_default(), list.is_truncated == Some(true)))
    }

    async fn document(&self, object: &Object) -> Result<Result<Again, String>, SetupError> {
        if object.size().is_some_and(|size| size > MAX_DOCUMENT) {
            return Ok(Err(format!("over {MAX_DOCUMENT} bytes")));
        }
        let bucket = self.replays.bucket.as_deref().unwrap_or_default();
        let got = self.s3.get_object().bucket(bucket).key(object.key().unwrap_or_default()).send().await;
        let got = got.map_err(|error| SetupError::Storage(Chain(&error).to_string()))?;
        let body = got.body.collect().await.map_err(|error| SetupError::Storage(Chain(&error).to_string()))?;
        Ok(Again::read(&body.into_bytes()).map_err(|error| error.to_string()))
    }
}

/// The key that the rest comes behind.
fn next(done: &[Object], more: bool) -> Option<&str> {
    done.last().and_then(Object::key).filter(|_| more)
}
