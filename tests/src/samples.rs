//! The sample events, handed to the functions as Lambda would.

use crate::{World, function};
use longshore_devkit::manifest::manifest_samples;
use longshore_devkit::runtime_api::Function;
use longshore_devkit::s3::{Credentials, S3Server};
use longshore_devkit::tower::samples;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

const UPLOADS: &str = "longshore-uploads";
const TIMEOUT: Duration = Duration::from_secs(60);

/// What the local stack has for the samples: a database, and S3 with the archives that they announce.
pub struct Stage {
    /// Its database.
    pub world: World,
    s3: S3Server,
    _objects: tempfile::TempDir,
}

impl Stage {
    /// A new one.
    pub async fn set() -> Self {
        let objects = tempfile::tempdir().unwrap();
        let s3 = S3Server::start(objects.path(), Credentials::random()).await.unwrap();
        s3.create_bucket(UPLOADS).unwrap();
        s3.create_bucket("longshore-rejected").unwrap();
        for (key, archive) in samples().into_iter().chain(manifest_samples()) {
            s3.put(UPLOADS, key, archive).await.unwrap();
        }
        Self { world: World::start().await, s3, _objects: objects }
    }

    /// A new process for each event, so that its log is that event's.
    async fn process(&self, function: &str) -> Function {
        let keys = self.s3.credentials();
        let further = [
            ("AWS_ENDPOINT_URL_S3", self.s3.endpoint()),
            ("AWS_ACCESS_KEY_ID", &keys.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &keys.secret_access_key),
            ("LONGSHORE_ALLOWED_BUCKETS", UPLOADS),
            ("LONGSHORE_REJECTION_TARGET", "s3://longshore-rejected/records"),
            ("LONGSHORE_FAILURE_TARGET", "s3://longshore-rejected"),
        ];
        function::start(function, &self.world.variables(), &further).await
    }

    /// Invokes a function with one of its files and tells how each of its records ended, a line each.
    pub async fn play(&self, function: &str, name: &str) -> String {
        let mut process = self.process(function).await;
        let event = sample(function, name);
        let answer = process.invoke(&event, TIMEOUT).await.unwrap().result.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), r#"{"batchItemFailures":[]}"#, "{name}");
        // The metrics are the last thing that an invocation prints.
        process.log_line(|line| line.contains("PeakMemoryBytes")).await.unwrap();
        let mut ends: Vec<String> = process.logs().iter().filter_map(|line| end_of_record(line)).collect();
        // Records of several sources end in any order.
        ends.sort();
        ends.dedup();
        format!("{name}\n{}", ends.join("\n"))
    }

    /// What `setup` answers to one of its files.
    pub async fn command(&self, name: &str) -> Value {
        let mut process = self.process("setup").await;
        let answer = process.invoke(&sample("setup", name), TIMEOUT).await.unwrap().result.unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    /// What is on record: refreshes and rejected records, each with what it did or why it failed.
    pub async fn records(&self) -> String {
        let sql = "
            SELECT concat_ws(' | ', 'refresh', request_id, source_id, outcome, mode, error_kind, stats) FROM (
              SELECT r.id, r.request_id, r.source_id, r.outcome, r.mode, r.error_kind, (
                SELECT format('%s added, %s updated, %s archived, %s unchanged', sum((t.value ->> 'adds')::int),
                       sum((t.value ->> 'updates')::int), sum((t.value ->> 'deletes')::int),
                       sum((t.value ->> 'unchanged')::int))
                FROM jsonb_each(r.stats) t HAVING count(*) > 0) AS stats
              FROM refreshes r) r
            UNION ALL
            SELECT concat_ws(' | ', 'rejected', nullif(request_id, ''), kafka_offset, kind, reason) FROM rejected_records";
        let rows = self.world.client().query(sql, &[]).await.unwrap();
        let mut lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        lines.sort();
        lines.join("\n")
    }

    /// What is on record of imports, and their owners' histories.
    pub async fn imports(&self) -> String {
        let sql = "
            SELECT concat_ws(' | ', 'import', i.request_id, i.outcome, i.error_kind, nullif(array_to_string(i.conflicts, ','), ''), (
              SELECT string_agg(format('%s +%s ~%s -%s =%s', t.key, t.value ->> 'adds', t.value ->> 'updates',
                       t.value ->> 'deletes', t.value ->> 'unchanged'), ', ' ORDER BY t.key)
              FROM jsonb_each(i.stats) t WHERE t.key IN ('pools', 'subscriptions')), r.status, r.statusmessage)
            FROM imports i LEFT JOIN cp_import_record r ON r.id = i.import_record_id ORDER BY i.id";
        let rejected = "SELECT concat_ws(' | ', 'rejected', nullif(request_id, ''), kafka_offset, kind, reason)
                        FROM rejected_records ORDER BY id";
        self.world.lines(sql, rejected).await
    }

    /// Whether each rejected record lies where its row says.
    pub async fn rejected_records_are_kept(&self) {
        let sql = "SELECT kept_at FROM rejected_records";
        for row in self.world.client().query(sql, &[]).await.unwrap() {
            let place: &str = row.get(0);
            let key = place.strip_prefix("s3://longshore-rejected/").unwrap();
            let kept: Value = serde_json::from_slice(&self.s3.get("longshore-rejected", key).await.unwrap()).unwrap();
            assert!(kept["reason"].is_string(), "{kept}");
        }
    }
}

fn folder(function: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events").join(function)
}

/// The payload in a function's file of that name.
pub fn sample(function: &str, name: &str) -> Vec<u8> {
    std::fs::read(folder(function).join(format!("{name}.json"))).unwrap()
}

/// The names of a function's samples, sorted.
pub fn files(function: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder(function)).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// `  INFO applied sample-full` of a line that tells a record's end, with the kind of its failure.
fn end_of_record(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let outcome = line.get("outcome")?.as_str()?;
    let parts = [text("level"), text("request_id"), outcome.to_owned(), text("error_kind")];
    Some(format!("  {}", parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")))
}
