//! What a Tower holds, as the rows that a refresh makes of it, and as the JSON that Tower sends.
//!
//! Ids are Tower's (a row's `source_ref`), and so are links. Times are microseconds since 1970, UTC.

use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::object::{self, ASKS, Object};
use super::{Collection, form};

/// When Tower says that an object was made, and last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// Microseconds since 1970.
    pub created: i64,
    /// Microseconds since 1970.
    pub modified: i64,
}

/// A job template or a workflow template; a row of `service_offerings`.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are those of Tower's API and of the columns")]
pub struct Offering {
    pub id: u64,
    /// Whether it is a workflow template.
    pub workflow: bool,
    pub name: String,
    pub description: String,
    pub inventory: Option<u64>,
    /// Whether JSON names the inventory by its integer id instead of its path.
    pub inventory_unfiltered: bool,
    pub survey_enabled: bool,
    /// The `ask_*_on_launch` keys in alphabetic order; a workflow sends only `inventory`, `limit` and `variables`.
    pub asks: [bool; 9],
    pub stamps: Stamps,
}

/// A row of `service_inventories`.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are those of Tower's API")]
pub struct Inventory {
    pub id: u64,
    pub name: String,
    pub description: String,
    /// Empty, or `smart`.
    pub kind: &'static str,
    pub host_filter: Option<String>,
    /// YAML.
    pub variables: String,
    pub organization: u64,
    pub failures: u64,
    pub stamps: Stamps,
}

/// A row of `service_credentials`.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are those of Tower's API")]
pub struct Credential {
    pub id: u64,
    pub name: String,
    pub description: String,
    pub credential_type: Option<u64>,
    pub stamps: Stamps,
}

/// A row of `service_credential_types`.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are those of Tower's API")]
pub struct CredentialType {
    pub id: u64,
    pub name: String,
    pub description: String,
    pub kind: String,
    /// Null in JSON and empty in the row when a company made the type.
    pub namespace: Option<String>,
    pub stamps: Stamps,
}

/// A node of a workflow; a row of `service_offering_nodes` when `job_type` is `job` or `workflow_job`.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are those of Tower's API")]
pub struct Node {
    pub id: u64,
    pub workflow: u64,
    pub template: u64,
    pub inventory: Option<u64>,
    /// `job`, `workflow_job`, or `project_update`, which a refresh ignores.
    pub job_type: &'static str,
    pub stamps: Stamps,
}

/// The survey of a template; a row of `service_plans`.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are those of Tower's API")]
pub struct Survey {
    /// Whose survey it is: job templates or workflow templates.
    pub collection: Collection,
    /// The template's id, which is the plan's `source_ref` and its link.
    pub template: u64,
    pub name: String,
    pub description: String,
    pub questions: Vec<Value>,
}

impl Offering {
    /// As the worker sends it.
    pub fn object(&self) -> Object {
        let object = match self.workflow {
            true => object::workflow_job_template(self.id),
            false => object::job_template(self.id),
        };
        let inventory = match self.inventory {
            Some(id) if self.inventory_unfiltered => json!(id),
            Some(id) => json!(format!("/api/v2/inventories/{id}/")),
            None => Value::Null,
        };
        let object = named(object, &self.name, &self.description, self.stamps)
            .set("survey_enabled", self.survey_enabled)
            .set("inventory", inventory);
        let keys = ASKS.iter().map(|ask| format!("ask_{ask}_on_launch"));
        keys.zip(self.asks).fold(object, |object, (key, asks)| match object.body.contains_key(&key) {
            true => object.set(&key, asks),
            false => object,
        })
    }

    /// The column `extra`.
    pub fn extra(&self) -> Value {
        let keeps = |key: &str| matches!(key, "type" | "survey_enabled") || key.starts_with("ask_");
        let kept: Map<_, _> = self.object().body.into_iter().filter(|(key, _)| keeps(key)).collect();
        Value::Object(kept)
    }
}

impl Inventory {
    /// As the worker sends it.
    pub fn object(&self) -> Object {
        named(object::inventory(self.id), &self.name, &self.description, self.stamps)
            .set("kind", self.kind)
            .set("host_filter", self.host_filter.clone())
            .set("variables", self.variables.as_str())
            .set("organization", self.organization)
            .set("inventory_sources_with_failures", self.failures)
    }

    /// The column `extra`.
    pub fn extra(&self) -> Value {
        let mut extra = json!({
            "kind": self.kind, "type": "inventory", "variables": self.variables, "pending_deletion": false,
            "organization_id": self.organization, "inventory_sources_with_failures": self.failures,
        });
        if let Some(filter) = &self.host_filter {
            extra["host_filter"] = json!(filter);
        }
        extra
    }
}

impl Credential {
    /// As the worker sends it.
    pub fn object(&self) -> Object {
        named(object::credential(self.id), &self.name, &self.description, self.stamps)
            .set("credential_type", self.credential_type)
    }
}

impl CredentialType {
    /// As the worker sends it.
    pub fn object(&self) -> Object {
        named(object::credential_type(self.id), &self.name, &self.description, self.stamps)
            .set("kind", self.kind.as_str())
            .set("namespace", self.namespace.clone())
    }
}

impl Node {
    /// As the worker sends it.
    pub fn object(&self) -> Object {
        stamped(object::node(self.id), self.stamps)
            .set("workflow_job_template", self.workflow)
            .set("unified_job_template", self.template)
            .set("inventory", self.inventory)
            .set("unified_job_type", self.job_type)
    }

    /// Whether a refresh stores it.
    pub fn is_kept(&self) -> bool {
        matches!(self.job_type, "job" | "workflow_job")
    }

    /// The column `extra`.
    pub fn extra(&self) -> Value {
        json!({"unified_job_type": self.job_type})
    }
}

impl Survey {
    /// As Tower sends it.
    pub fn object(&self) -> Object {
        object::survey(&self.name, self.questions.iter().cloned()).set("description", self.description.as_str())
    }

    /// The column `create_json_schema`.
    pub fn form(&self) -> Value {
        form(&self.object().json())
    }
}

fn named(object: Object, name: &str, description: &str, stamps: Stamps) -> Object {
    stamped(object, stamps).set("name", name).set("description", description)
}

fn stamped(object: Object, stamps: Stamps) -> Object {
    object.set("created", rfc3339(stamps.created)).set("modified", rfc3339(stamps.modified))
}

const RFC3339: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

#[expect(clippy::expect_used, reason = "an estate's dates lie in this century, which is in range")]
fn rfc3339(micros: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).expect("a date of this century");
    at.format(&RFC3339).expect("every component is there")
}
