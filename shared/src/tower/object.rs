//! Tower's objects and the rows that they become. Keys and columns are those of the Tower REST API v2 and of the
//! Catalog Inventory's tables.

use super::Collection;
use super::json::{Fields, Scalar, Wanted};
use crate::failure::brief;
use serde::ser::{Serialize, SerializeMap, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Why an object is skipped: the others of its page are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadObject(pub String);

/// What one entry of an archive yields, a row at a time. Borrowed from the entry's buffer.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are those of the tables")]
pub enum Object<'a> {
    CredentialType { common: Common<'a>, kind: &'a str, namespace: &'a str },
    Credential { common: Common<'a>, credential_type: i64 },
    Inventory { common: Common<'a>, extra: &'a [u8] },
    Offering(Offering<'a>),
    Node { id: i64, created: i64, modified: i64, extra: &'a [u8], template: i64, workflow: i64, inventory: Option<i64> },
    Plan(Plan<'a>),
    Id { collection: Collection, id: i64 },
}

/// What most objects have. Times are microseconds since 2000-01-01 UTC, as PostgreSQL counts them.
#[derive(Debug, Clone, Copy)]
pub struct Common<'a> {
    pub id: i64,
    pub name: &'a str,
    pub description: &'a str,
    pub created: i64,
    pub modified: i64,
}

/// A job template or workflow job template.
#[derive(Debug)]
pub struct Offering<'a> {
    /// Id, name, description and times.
    pub common: Common<'a>,
    /// The `extra` column, JSON.
    pub extra: &'a [u8],
    /// Id of the inventory that it runs on.
    pub inventory: Option<i64>,
    /// Whether it asks a survey.
    pub survey_enabled: bool,
}

/// A template's survey.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Id of the template.
    pub template: i64,
    /// The survey's name.
    pub name: &'a str,
    /// The survey's description.
    pub description: &'a str,
    /// The form, JSON; `None` when the template has no survey after all.
    pub schema: Option<&'a [u8]>,
}

/// The keys of a collection's objects that matter.
pub(super) fn wanted(collection: Collection) -> Wanted {
    match collection {
        Collection::JobTemplates | Collection::WorkflowJobTemplates => template_key,
        Collection::Inventories => |key| {
            known(
                key,
                &[
                    "id",
                    "type",
                    "name",
                    "description",
                    "created",
                    "modified",
                    "kind",
                    "variables",
                    "host_filter",
                    "pending_deletion",
                    "organization",
                    "inventory_sources_with_failures",
                ],
            )
        },
        Collection::Credentials => {
            |key| known(key, &["id", "name", "description", "created", "modified", "credential_type"])
        }
        Collection::CredentialTypes => {
            |key| known(key, &["id", "name", "description", "created", "modified", "kind", "namespace"])
        }
        Collection::Nodes => |key| {
            known(
                key,
                &[
                    "id",
                    "created",
                    "modified",
                    "workflow_job_template",
                    "unified_job_template",
                    "unified_job_type",
                    "inventory",
                    "summary_fields",
                ],
            )
        },
    }
}

fn known(key: &str, keys: &[&'static str]) -> Option<&'static str> {
    keys.iter().find(|known| **known == key).copied()
}

/// What a template may be asked at launch, as the Catalog knows it.
const ASKS: [&str; 9] = [
    "ask_credential_on_launch",
    "ask_tags_on_launch",
    "ask_diff_mode_on_launch",
    "ask_skip_tags_on_launch",
    "ask_job_type_on_launch",
    "ask_limit_on_launch",
    "ask_verbosity_on_launch",
    "ask_inventory_on_launch",
    "ask_variables_on_launch",
];

fn template_key(key: &str) -> Option<&'static str> {
    known(key, &["id", "type", "name", "description", "created", "modified", "survey_enabled", "inventory"])
        .or_else(|| known(key, &ASKS))
}

/// Turns the fields of one object into its row. `extra` is a buffer for its JSON.
///
/// `None` is an object that is none of ours, such as a node of a project update.
pub(super) fn object<'o>(
    collection: Collection,
    fields: &'o Fields<'_>,
    extra: &'o mut Vec<u8>,
) -> Result<Option<Object<'o>>, BadObject> {
    extra.clear();
    match collection {
        Collection::CredentialTypes => Ok(Some(Object::CredentialType {
            common: fields.common()?,
            kind: fields.text("kind")?,
            namespace: fields.optional_text("namespace")?.unwrap_or_default(),
        })),
        Collection::Credentials => Ok(Some(Object::Credential {
            common: fields.common()?,
            credential_type: fields.integer("credential_type")?,
        })),
        Collection::Inventories => inventory(fields, extra).map(Some),
        Collection::JobTemplates | Collection::WorkflowJobTemplates => template(collection, fields, extra).map(Some),
        Collection::Nodes => node(fields, extra),
    }
}

fn template<'o>(
    collection: Collection,
    fields: &'o Fields<'_>,
    extra: &'o mut Vec<u8>,
) -> Result<Object<'o>, BadObject> {
    let common = fields.common()?;
    let kind = fields.text("type")?;
    if collection.object_type() != Some(kind) {
        return Err(BadObject(format!("type is {:?} among the {}", brief(kind, 80), collection.name())));
    }
    for required in ["ask_inventory_on_launch", "ask_variables_on_launch"] {
        fields.boolean(required)?;
    }
    let survey_enabled = fields.boolean("survey_enabled")?;
    let inventory = match fields.get("inventory") {
        Some(Scalar::Text(link)) => Some(id_of_link(link)?),
        _ => fields.optional_integer("inventory")?,
    };
    write_extra(extra, fields, ["type", "survey_enabled"].into_iter().chain(ASKS))?;
    Ok(Object::Offering(Offering { common, extra, inventory, survey_enabled }))
}

fn inventory<'o>(fields: &'o Fields<'_>, extra: &'o mut Vec<u8>) -> Result<Object<'o>, BadObject> {
    let common = fields.common()?;
    fields.text("kind")?;
    fields.text("variables")?;
    fields.boolean("pending_deletion")?;
    fields.required("organization")?;
    fields.optional_integer("organization")?;
    fields.integer("inventory_sources_with_failures")?;
    let filter = matches!(fields.get("host_filter"), Some(Scalar::Text(_))).then_some("host_filter");
    let keys = ["kind", "type", "variables", "pending_deletion", "organization", "inventory_sources_with_failures"];
    write_extra(extra, fields, keys.into_iter().chain(filter))?;
    Ok(Object::Inventory { common, extra })
}

/// A node. Those of anything but jobs and workflow jobs are none of ours; neither are those whose template has been
/// deleted, which Tower shows as null without a type.
fn node<'o>(fields: &'o Fields<'_>, extra: &'o mut Vec<u8>) -> Result<Option<Object<'o>>, BadObject> {
    let id = fields.integer("id")?;
    let (created, modified) = (fields.moment("created")?, fields.moment("modified")?);
    let workflow = fields.integer("workflow_job_template")?;
    fields.required("unified_job_template")?;
    let template = fields.optional_integer("unified_job_template")?;
    let job_type = match (fields.optional_text("unified_job_type")?, template) {
        (Some(job_type), _) => job_type,
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(BadObject("unified_job_type is missing".into())),
    };
    let (true, Some(template)) = (matches!(job_type, "job" | "workflow_job"), template) else { return Ok(None) };
    let inventory = fields.optional_integer("inventory")?;
    write_extra(extra, fields, ["unified_job_type"].into_iter())?;
    Ok(Some(Object::Node { id, created, modified, extra, template, workflow, inventory }))
}

/// The id at the end of `/api/v2/inventories/12/`.
fn id_of_link(link: &str) -> Result<i64, BadObject> {
    let mut parts = link.trim_end_matches('/').rsplit('/');
    let id = parts.next().and_then(|id| id.parse().ok()).filter(|id| *id >= 0);
    let known = parts.next() == Some("inventories");
    id.filter(|_| known).ok_or_else(|| BadObject("inventory is no link to an inventory".into()))
}

fn write_extra<'k>(
    extra: &mut Vec<u8>,
    fields: &Fields<'_>,
    keys: impl Iterator<Item = &'k str>,
) -> Result<(), BadObject> {
    let write = || -> Result<(), serde_json::Error> {
        let mut serializer = serde_json::Serializer::new(&mut *extra);
        let mut map = serializer.serialize_map(None)?;
        for key in keys {
            let column = if key == "organization" { "organization_id" } else { key };
            if let Some(value) = fields.get(key) {
                map.serialize_entry(column, value)?;
            }
        }
        map.end()
    };
    write().map_err(|error| BadObject(error.to_string()))
}

impl Serialize for Scalar<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Number(value) => serializer.serialize_f64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Array | Self::Object => Err(serde::ser::Error::custom("a nested value where a plain one belongs")),
        }
    }
}

impl Fields<'_> {
    /// The object's id, for a report, when it has one.
    pub fn id(&self) -> Option<i64> {
        match self.get("id") {
            Some(Scalar::Integer(id)) => Some(*id),
            _ => None,
        }
    }

    fn common(&self) -> Result<Common<'_>, BadObject> {
        self.required("description")?;
        Ok(Common {
            id: self.integer("id")?,
            name: self.text("name")?,
            // Never null in Tower today, but in what its earliest versions left behind.
            description: self.optional_text("description")?.unwrap_or_default(),
            created: self.moment("created")?,
            modified: self.moment("modified")?,
        })
    }

    fn required(&self, key: &str) -> Result<&Scalar<'_>, BadObject> {
        self.get(key).ok_or_else(|| BadObject(format!("{key} is missing")))
    }

    fn text(&self, key: &str) -> Result<&str, BadObject> {
        match self.required(key)? {
            Scalar::Text(text) => Ok(text),
            other => Err(wrong_type(key, other, "a string")),
        }
    }

    fn optional_text(&self, key: &str) -> Result<Option<&str>, BadObject> {
        match self.get(key) {
            None | Some(Scalar::Null) => Ok(None),
            Some(_) => self.text(key).map(Some),
        }
    }

    pub fn integer(&self, key: &str) -> Result<i64, BadObject> {
        match self.required(key)? {
            Scalar::Integer(number) if *number >= 0 => Ok(*number),
            other => Err(wrong_type(key, other, "a whole number")),
        }
    }

    fn optional_integer(&self, key: &str) -> Result<Option<i64>, BadObject> {
        match self.get(key) {
            None | Some(Scalar::Null) => Ok(None),
            Some(_) => self.integer(key).map(Some),
        }
    }

    fn boolean(&self, key: &str) -> Result<bool, BadObject> {
        match self.required(key)? {
            Scalar::Bool(value) => Ok(*value),
            other => Err(wrong_type(key, other, "a boolean")),
        }
    }

    fn moment(&self, key: &str) -> Result<i64, BadObject> {
        moment(self.text(key)?).ok_or_else(|| BadObject(format!("{key} is no RFC 3339 date")))
    }
}

fn wrong_type(key: &str, found: &Scalar<'_>, expected: &str) -> BadObject {
    BadObject(format!("{key} is {}, not {expected}", found.describe()))
}

/// 2000-01-01 in microseconds since 1970: PostgreSQL counts from there.
const POSTGRES_EPOCH: i128 = 946_684_800_000_000;

fn moment(text: &str) -> Option<i64> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000) - POSTGRES_EPOCH).ok()
}
