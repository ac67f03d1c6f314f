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

/// Time without which nothing more is begun, but for the first: a function that is still at it when `setup` ends has answered
/// nobody.
const LEAST: Duration = Duration::from_secs(60);

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
    /// What is kept below a prefix, by key, as far as there is time to look at it.
    pub(super) async fn list_failures(
        &self,
        wanted: &Wanted<'_>,
        deadline: Option<Instant>,
    ) -> Result<Value, SetupError> {
        let (objects, more) = self.objects(wanted).await?;
        let mut failures = Vec::with_capacity(objects.len());
        for object in &objects {
            if !failures.is_empty() && time_left(deadline) < LEAST {
                break;
            }
            let key = object.key().unwrap_or_default();
            failures.push(match self.document(object).await {
                Ok(Again { records, topics, function, why, .. }) => json!({
                    "key": key, "records": records, "topics": topics, "function": function, "why": why,
                }),
                Err(problem) => json!({"key": key, "problem": problem}),
            });
        }
        let next = next(&objects[..failures.len()], more || failures.len() < objects.len());
        Ok(json!({"failures": failures, "next": next}))
    }

    /// Hands what is kept to its function, in the order of the keys, while there is time. Nothing is deleted: the bucket does that in
    /// time, and what is done already is passed over when it comes again.
    pub(super) async fn replay(&self, wanted: &Wanted<'_>, deadline: Option<Instant>) -> Result<Value, SetupError> {
        let (objects, more) = self.objects(wanted).await?;
        let mut replayed = Vec::new();
        for object in &objects {
            let left = time_left(deadline);
            if !replayed.is_empty() && left < LEAST {
                break;
            }
            let outcome = self.replay_one(object, wanted.function, left).await;
            tracing::info!(key = object.key(), outcome = %outcome, "replayed");
            replayed.push(outcome);
        }
        let next = next(&objects[..replayed.len()], more || replayed.len() < objects.len());
        Ok(json!({"replayed": replayed, "next": next}))
    }

    /// One that fails is told of, and those behind it are not held up.
    async fn replay_one(&self, object: &Object, named: Option<&str>, left: Duration) -> Value {
        let key = object.key().unwrap_or_default();
        let found = self.document(object).await;
        let found = found.and_then(|again| Ok((self.function(named.or(again.function.as_deref()))?, again)));
        let (function, again) = match found {
            Ok(found) => found,
            Err(problem) => return json!({"key": key, "problem": problem}),
        };
        let (records, invoked) = (again.records, self.functions.invoke(&function, &again.event, left).await);
        let problem = match invoked {
            Ok(Invoked::Answered { failed }) => {
                return json!({"key": key, "function": function, "records": records, "failed": failed});
            }
            Ok(Invoked::Failed(what)) => what,
            Err(error) => Chain(&error).to_string(),
        };
        json!({"key": key, "function": function, "records": records, "problem": problem})
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

    /// What an object holds, or why that is not known.
    async fn document(&self, object: &Object) -> Result<Again, String> {
        if object.size().is_some_and(|size| size > MAX_DOCUMENT) {
            return Err(format!("over {MAX_DOCUMENT} bytes"));
        }
        let bucket = self.replays.bucket.as_deref().unwrap_or_default();
        let got = self.s3.get_object().bucket(bucket).key(object.key().unwrap_or_default()).send().await;
        let got = got.map_err(|error| Chain(&error).to_string())?;
        let body = got.body.collect().await.map_err(|error| Chain(&error).to_string())?;
        Again::read(&body.into_bytes()).map_err(|error| error.to_string())
    }
}

fn time_left(deadline: Option<Instant>) -> Duration {
    deadline.map_or(LONGEST, |deadline| deadline.saturating_duration_since(Instant::now())).min(LONGEST)
}

/// The key that the rest comes behind.
fn next(done: &[Object], more: bool) -> Option<&str> {
    done.last().and_then(Object::key).filter(|_| more)
}
