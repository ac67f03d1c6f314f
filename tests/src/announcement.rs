//! A message that announces an archive.

use serde_json::{Map, Value, json};

/// The organisation of all announcements that do not name another.
pub const ORG: &str = "5318290";

/// The source of all announcements that do not name another.
pub const REPORTER: &str = "tower-1";

/// What a Kafka record says. Starts as an ingress message of `ORG` and `REPORTER`.
#[derive(Debug, Clone)]
pub struct Announcement {
    fields: Map<String, Value>,
    headers: Vec<(String, String)>,
    topic: String,
    partition: i32,
    timestamp: i64,
}

impl Announcement {
    /// An ingress message for the archive at `url`.
    pub fn of(url: &str) -> Self {
        let fields = json!({
            "url": url, "service": "catalog", "request_id": "req-1", "category": "catalog", "org_id": ORG,
            "account": "", "metadata": {"reporter": REPORTER, "stale_timestamp": ""},
            "timestamp": "2026-01-01T00:00:00Z",
        });
        Self::with(fields)
    }

    /// A persister message for the archive at `url`.
    pub fn persister(url: &str, tenant: i64, source: i64) -> Self {
        Self::with(json!({
            "data_url": url, "tenant_id": tenant, "source_id": source, "size": 0,
            "refresh_request_at": "2026-01-01T00:00:00Z",
        }))
    }

    /// A manifest or data bundle at `url`, uploaded by `ORG`.
    pub fn manifest(url: &str) -> Self {
        let mut announcement = Self::with(json!({
            "url": url, "service": "candlepin", "request_id": "req-1", "org_id": ORG, "account": "", "principal": "admin",
            "metadata": {"file_name": "manifest.zip"}, "timestamp": "2026-01-01T00:00:00Z",
        }));
        announcement.topic = "platform.upload.candlepin".to_owned();
        announcement
    }

    /// Sets a key of `metadata`.
    pub fn metadata(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields["metadata"][key] = value.into();
        self
    }

    /// Forces conflicts by their names.
    pub fn force(self, conflicts: &[&str]) -> Self {
        self.metadata("force", conflicts)
    }

    fn with(fields: Value) -> Self {
        let Value::Object(fields) = fields else { unreachable!("an object") };
        let topic = "platform.upload.catalog".to_owned();
        Self { fields, headers: Vec::new(), topic, partition: 0, timestamp: 1_767_225_600_000 }
    }

    /// Sets a key.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(key.into(), value.into());
        self
    }

    /// Removes a key.
    pub fn without(mut self, key: &str) -> Self {
        self.fields.remove(key);
        self
    }

    /// Sets when the archive was uploaded.
    pub fn at(self, timestamp: &str) -> Self {
        let key = if self.fields.contains_key("data_url") { "refresh_request_at" } else { "timestamp" };
        self.set(key, timestamp)
    }

    /// Names another source.
    pub fn reporter(self, uid: &str) -> Self {
        self.set("metadata", json!({ "reporter": uid }))
    }

    /// Names another tenant.
    pub fn org(self, org: &str) -> Self {
        self.set("org_id", org)
    }

    /// Adds a Kafka header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The record's own time, in milliseconds since 1970.
    pub fn recorded_at(mut self, timestamp: i64) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// Puts it on another partition.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = partition;
        self
    }

    /// Adds it to an event under that offset.
    pub fn add_to(
        &self,
        event: longshore_devkit::kafka_event::KafkaEvent,
        offset: i64,
    ) -> longshore_devkit::kafka_event::KafkaEvent {
        let value = Value::Object(self.fields.clone()).to_string();
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        event.record(&self.topic, self.partition, offset, Some(value.as_bytes()), &headers, self.timestamp)
    }
}
