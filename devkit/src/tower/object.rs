//! Single objects of Tower's API with sensible values, to be changed key by key.
//!
//! They have the form that the Catalog Worker sends: only the keys that it asks Tower for.
//! [`Object::verbose`] turns one into what Tower itself sends.

use serde_json::{Map, Value, json};

use super::verbose;

/// A JSON object of a known kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub(super) kind: Kind,
    pub(super) body: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    JobTemplate,
    WorkflowJobTemplate,
    Inventory,
    Credential,
    CredentialType,
    Node,
    Survey,
    Question,
}

impl Object {
    fn new(kind: Kind, body: Value) -> Self {
        let body = match body {
            Value::Object(body) => body,
            _ => Map::new(),
        };
        Self { kind, body }
    }

    /// The object with `key` set to `value`; the key may be new.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.body.insert(key.to_owned(), value.into());
        self
    }

    /// The object without `key`.
    pub fn without(mut self, key: &str) -> Self {
        self.body.remove(key);
        self
    }

    /// The object as Tower sends it when nobody filters: `url`, `related`, `summary_fields` and dozens of keys that a
    /// refresh ignores. `inventory` becomes an integer, `unified_job_type` moves into `summary_fields`.
    pub fn verbose(mut self) -> Self {
        verbose::unfilter(self.kind, &mut self.body);
        self
    }

    /// The object as JSON.
    pub fn json(self) -> Value {
        Value::Object(self.body)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        object.json()
    }
}

const CREATED: &str = "2021-03-04T09:15:30.123456Z";
const MODIFIED: &str = "2023-11-20T16:42:01.654321Z";

/// What a template may ask for when it is launched, in the names of Tower's API without `ask_` and `_on_launch`.
pub(super) const ASKS: [&str; 9] =
    ["credential", "diff_mode", "inventory", "job_type", "limit", "skip_tags", "tags", "variables", "verbosity"];

/// A job template without a survey that asks for nothing and has no inventory.
pub fn job_template(id: u64) -> Object {
    let template = Object::new(
        Kind::JobTemplate,
        json!({
            "id": id, "type": "job_template", "created": CREATED, "modified": MODIFIED,
            "name": format!("Job template {id}"), "description": "Patches the web servers",
            "survey_enabled": false, "inventory": null,
        }),
    );
    ASKS.iter().fold(template, |template, ask| template.set(&format!("ask_{ask}_on_launch"), false))
}

/// A workflow template without a survey that asks for nothing and has no inventory.
pub fn workflow_job_template(id: u64) -> Object {
    Object::new(
        Kind::WorkflowJobTemplate,
        json!({
            "id": id, "type": "workflow_job_template", "created": CREATED, "modified": MODIFIED,
            "name": format!("Workflow {id}"), "description": "Provisions and patches",
            "survey_enabled": false, "inventory": null,
            "ask_inventory_on_launch": false, "ask_limit_on_launch": false, "ask_variables_on_launch": false,
        }),
    )
}

/// An ordinary inventory with a line of variables.
pub fn inventory(id: u64) -> Object {
    Object::new(
        Kind::Inventory,
        json!({
            "id": id, "type": "inventory", "created": CREATED, "modified": MODIFIED,
            "name": format!("Inventory {id}"), "description": "Web servers", "kind": "", "host_filter": null,
            "variables": "---\nregion: emea\n", "pending_deletion": false, "organization": 1,
            "inventory_sources_with_failures": 0,
        }),
    )
}

/// A credential of the type 1.
pub fn credential(id: u64) -> Object {
    Object::new(
        Kind::Credential,
        json!({
            "id": id, "type": "credential", "created": CREATED, "modified": MODIFIED,
            "name": format!("Credential {id}"), "description": "Machine account", "credential_type": 1,
        }),
    )
}

/// A credential type of Tower's own, with a namespace.
pub fn credential_type(id: u64) -> Object {
    Object::new(
        Kind::CredentialType,
        json!({
            "id": id, "type": "credential_type", "created": CREATED, "modified": MODIFIED,
            "name": format!("Credential type {id}"), "description": "", "kind": "ssh", "namespace": "ssh",
        }),
    )
}

/// A node of the workflow 2 that runs the job template 1.
pub fn node(id: u64) -> Object {
    Object::new(
        Kind::Node,
        json!({
            "id": id, "type": "workflow_job_template_node", "created": CREATED, "modified": MODIFIED,
            "inventory": null, "workflow_job_template": 2, "unified_job_template": 1, "unified_job_type": "job",
        }),
    )
}

/// A survey with these questions.
pub fn survey<T: Into<Value>>(name: &str, questions: impl IntoIterator<Item = T>) -> Object {
    let spec: Vec<Value> = questions.into_iter().map(Into::into).collect();
    Object::new(Kind::Survey, json!({"name": name, "description": "What the job needs to know", "spec": spec}))
}

/// A question of a survey, not required and without a default. `kind` is `text`, `textarea`, `password`, `integer`,
/// `float`, `multiplechoice` or `multiselect`; the last two have three choices.
pub fn question(kind: &str, variable: &str) -> Object {
    let (min, max, choices) = match kind {
        "multiplechoice" | "multiselect" => (Value::Null, Value::Null, "small\nmedium\nlarge"),
        "integer" | "float" => (json!(0), json!(100), ""),
        _ => (json!(0), json!(1024), ""),
    };
    Object::new(
        Kind::Question,
        json!({
            "question_name": format!("Value of {variable}?"), "question_description": "", "required": false,
            "type": kind, "variable": variable, "min": min, "max": max, "default": "", "choices": choices,
        }),
    )
}
