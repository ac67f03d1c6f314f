//! A Kafka record, and what its import left on record.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use longshore_devkit::kafka_event::KafkaEvent;
use serde_json::json;
use tokio_postgres::Client;

use crate::demo::{Demo, ORG};

/// Where such records are.
pub const TOPIC: &str = "platform.upload.candlepin";

/// A record that announces one manifest, as the upload service writes it.
pub struct Record {
    number: u8,
    file: &'static str,
    owner: &'static str,
    force: Vec<&'static str>,
}

impl Record {
    /// The record of offset `number`, from 0, for the manifest of that name.
    pub fn new(number: u8, file: &'static str) -> Self {
        Self { number, file, owner: ORG, force: Vec::new() }
    }

    /// The same, uploaded by another organisation for itself.
    pub fn of(mut self, owner: &'static str) -> Self {
        self.owner = owner;
        self
    }

    /// Whose the manifest is.
    pub fn owner(&self) -> &'static str {
        self.owner
    }

    /// The same, insisting on a conflict.
    pub fn forcing(mut self, conflict: &'static str) -> Self {
        self.force.push(conflict);
        self
    }

    /// The manifest's key in the bucket.
    pub fn key(&self) -> String {
        format!("demo/{}", self.file)
    }

    /// Where the manifest is.
    pub fn url(&self) -> String {
        Demo::url(&self.key())
    }

    /// What the events of its import name.
    pub fn request_id(&self) -> String {
        format!("demo-manifest-{}", self.number)
    }

    /// What it says.
    pub fn message(&self) -> String {
        let org = self.owner;
        let identity = json!({"identity": {"org_id": org, "type": "User", "internal": {"org_id": org}}});
        json!({
            "url": self.url(), "service": "candlepin", "category": "manifest", "org_id": org, "account": "",
            "principal": "jdoe", "request_id": self.request_id(),
            "b64_identity": STANDARD.encode(identity.to_string()),
            "metadata": {"owner": org, "file_name": self.file, "force": self.force},
            "timestamp": format!("2026-03-05T1{}:15:00.123456789Z", self.number),
        })
        .to_string()
    }

    /// The payload with which a mapping on an MSK cluster invokes the function.
    pub fn event(&self) -> Vec<u8> {
        let (value, offset) = (self.message(), i64::from(self.number));
        KafkaEvent::msk().record(TOPIC, 0, offset, Some(value.as_bytes()), &[("service", b"candlepin")], -1).to_json()
    }
}

/// The row in `imports`, with the entry in the owner's history.
pub struct Import {
    pub outcome: String,
    pub conflicts: Vec<String>,
    /// What the owner's history says.
    pub told: Option<String>,
    signed_by: Option<String>,
    warnings: i64,
    seconds: BTreeMap<String, f64>,
}

impl Import {
    /// What the import of a record left behind.
    pub async fn read(client: &Client, record: &Record) -> Result<Self> {
        let sql = "SELECT i.outcome, i.conflicts, r.statusmessage, i.signed_by, i.warning_count, i.seconds
                   FROM longshore.imports i LEFT JOIN candlepin.cp_import_record r ON r.id = i.import_record_id
                   WHERE i.request_id = $1";
        let row = client.query_opt(sql, &[&record.request_id()]).await?;
        let row = row.context("the import left no row in `imports`")?;
        Ok(Self {
            outcome: row.get(0),
            conflicts: row.get(1),
            told: row.get(2),
            signed_by: row.get(3),
            warnings: row.get(4),
            seconds: serde_json::from_value(row.get(5))?,
        })
    }

    /// How long each phase took, as the function recorded it.
    pub fn phases(&self) -> String {
        let phase = |name: &&str| self.seconds.get(*name).map(|seconds| format!("{name} {seconds:.2} s"));
        let phases: Vec<_> = ["download", "verify", "read", "write"].iter().filter_map(phase).collect();
        if phases.is_empty() { "refused".to_owned() } else { phases.join(", ") }
    }

    /// The import in a few words.
    pub fn sentence(&self) -> String {
        // `CN=.. (serial .., algorithm, validity), why it is trusted`: whoever wants it all looks into the table.
        let signer = self.signed_by.as_deref().map(|text| text.split(" (").next().unwrap_or(text));
        let signer = signer.map_or_else(|| "signed by nobody".to_owned(), |signer| format!("signed by {signer}"));
        format!("{}, {signer}, {} warnings", self.outcome, self.warnings)
    }
}
