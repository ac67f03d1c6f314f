//! What `docs/events` says: schemas with an example each, and the table of its README. Made from [`sorts`] and from what was
//! told.

use super::sorts::{Sort, sorts};
use super::story::Told;
use jsonschema::{Retrieve, Uri, Validator};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Between these lines of the README is the table.
const TABLE: [&str; 2] = ["<!-- the table of types -->\n", "<!-- its end -->\n"];

/// Between these, its example.
const EXAMPLE: [&str; 2] = ["```json\n", "```\n"];

/// Where a document is.
pub fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/events").join(name)
}

/// A document as it is.
pub fn document(name: &str) -> String {
    fs::read_to_string(place(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A schema as it is.
pub fn schema(name: &str) -> Value {
    serde_json::from_str(&document(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Schemas refer to each other by the names of their files.
struct Beside;

impl Retrieve for Beside {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        Ok(schema(uri.path().as_str().trim_start_matches('/')))
    }
}

/// What judges by a schema of `docs/events`.
pub fn validator(schema: &Value) -> Validator {
    jsonschema::options()
        .with_retriever(Beside)
        .should_validate_formats(true)
        .build(schema)
        .unwrap_or_else(|error| panic!("{}: {error}", schema["title"]))
}

/// What is wrong with an event, by a schema.
pub fn problems(schema: &Value, event: &Value) -> Vec<String> {
    let told = |error: jsonschema::ValidationError<'_>| format!("{}: {error}", error.instance_path());
    validator(schema).iter_errors(event).map(told).collect()
}

/// The documents as they have to be, by name: a schema with the first example for each sort, and the README.
pub fn documents(told: &[Told]) -> BTreeMap<String, String> {
    let mut documents = BTreeMap::new();
    for (index, sort) in sorts().into_iter().enumerate() {
        let kind = format!("longshore.{}", sort.name());
        let example = told.iter().find(|told| told.sort() == kind).unwrap_or_else(|| panic!("nobody told of {kind}"));
        let mut schema = sort.schema();
        schema["examples"] = Value::Array(vec![Names::from(index).normal(&example.event)]);
        documents.insert(format!("{}.json", sort.name()), pretty(&schema));
    }
    let readme = replaced(&document("README.md"), TABLE, &table());
    let shown: Value = serde_json::from_str(&documents["product.modified.json"]).unwrap();
    documents.insert("README.md".into(), replaced(&readme, EXAMPLE, &pretty(&shown["examples"][0])));
    documents
}

/// A text with something else between two lines.
fn replaced(text: &str, [from, to]: [&str; 2], between: &str) -> String {
    let (before, rest) = text.split_once(from).unwrap();
    let (_, after) = rest.split_once(to).unwrap();
    [before, from, between, to, after].concat()
}

fn table() -> String {
    let row = |sort: &Sort| format!("| [`{0}`]({0}.json) | {1} | {2} |\n", sort.name(), sort.when, sort.keys());
    let rows: String = sorts().iter().map(row).collect();
    format!("| `longshore.` | told when | `eventData` |\n|---|---|---|\n{rows}")
}

/// Ids, digests and times of one run, each replaced by one that is the same in every run, and in no other example: a reader
/// who tries them all takes none for a repeat.
struct Names {
    example: usize,
    seen: Vec<String>,
}

impl Names {
    fn from(example: usize) -> Self {
        Self { example, seen: Vec::new() }
    }

    fn normal(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(text).into(),
            Value::Array(list) => list.iter().map(|item| self.normal(item)).collect(),
            Value::Object(map) => {
                map.iter().map(|(key, value)| (key.clone(), self.normal(value))).collect::<Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }

    fn text(&mut self, text: &str) -> String {
        if OffsetDateTime::parse(text, &Rfc3339).is_ok() {
            return "2026-03-05T10:20:30.456789Z".into();
        }
        // Ids have dashes, and so have names that have ids in them.
        let parts = text.split('/').map(|part| match part.len() {
            36 => self.part(part),
            _ => part.split('-').map(|part| self.part(part)).collect::<Vec<_>>().join("-"),
        });
        parts.collect::<Vec<_>>().join("/")
    }

    fn part(&mut self, text: &str) -> String {
        let (id, ending) = text.split_once('.').map_or((text, ""), |(id, _)| (id, &text[id.len()..]));
        let digits = id.bytes().filter(u8::is_ascii_hexdigit).count();
        let position = self.seen.iter().position(|known| known == id).unwrap_or(self.seen.len());
        let number = self.example * 0x100 + position;
        let replaced = match (digits, id.len()) {
            (32, 36) => format!("01998a7c-4d20-7000-8000-{number:012x}"),
            (32, 32) => format!("01998a7c4d2070008000{number:012x}"),
            (64, 64) => format!("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d{number:012x}"),
            _ => return text.into(),
        };
        if position == self.seen.len() {
            self.seen.push(id.into());
        }
        replaced + ending
    }
}

/// JSON with its keys in the order in which people read them.
fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(&Ordered(value)).unwrap() + "\n"
}

const ORDER: [&str; 27] = [
    "$schema",
    "title",
    "description",
    "allOf",
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "partitionkey",
    "data",
    "target",
    "targetName",
    "entityId",
    "ownerKey",
    "tenant",
    "principalData",
    "timestamp",
    "requestId",
    "eventData",
    "additionalProperties",
    "required",
    "properties",
    "not",
    "examples",
];

struct Ordered<'a>(&'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => {
                let mut keys: Vec<&String> = map.keys().collect();
                keys.sort_by_key(|key| (ORDER.iter().position(|known| known == key).unwrap_or(ORDER.len()), *key));
                let mut out = serializer.serialize_map(Some(map.len()))?;
                for key in keys {
                    out.serialize_entry(key, &Ordered(&map[key]))?;
                }
                out.end()
            }
            Value::Array(list) => {
                let mut out = serializer.serialize_seq(Some(list.len()))?;
                for item in list {
                    out.serialize_element(&Ordered(item))?;
                }
                out.end()
            }
            other => other.serialize(serializer),
        }
    }
}
