//! What is announced: the ingress form of the Upload Service and the persister form, told apart by their keys.

use crate::failure::{Classified, brief};
use crate::kafka::{BASE64, Payload, Record};
use base64::Engine as _;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// The service whose uploads are ours.
const SERVICE: &str = "catalog";

/// Why a record is no message. Texts never hold its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The record has no value.
    #[error("the record is a tombstone: it has no value")]
    Tombstone,
    /// The value in the payload is not base64.
    #[error("the record's value is not base64")]
    NotBase64,
    /// The value is not a JSON object.
    #[error("the record's value is not a JSON object ({0})")]
    NotJson(String),
    /// A key that is needed is missing or of another type.
    #[error("{key} is {problem}")]
    Key {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The identity cannot be read.
    #[error("the identity is {0}")]
    Identity(&'static str),
}

impl Classified for MessageError {
    fn kind(&self) -> &'static str {
        "Message"
    }
    fn is_transient(&self) -> bool {
        false
    }
}

/// A record, understood.
#[derive(Debug)]
pub enum Parsed {
    /// It is for another service, and why that is thought.
    NotOurs(&'static str),
    /// It announces an archive.
    Message(Box<Message>),
}

/// An announced archive.
pub struct Message {
    pub(super) form: Form,
    pub(super) url: String,
    /// Bytes of the archive as uploaded.
    pub(super) size: Option<u64>,
    pub(super) request_id: Option<String>,
    /// When the refresh was requested or uploaded: what decides which of two archives is newer.
    pub(super) age: Option<OffsetDateTime>,
    /// Whom the identity names.
    pub(super) identity: Claim,
    /// Whom the message itself names.
    pub(super) claim: Claim,
    pub(super) task: Option<TaskRef>,
    /// The identity as it came, for the task API.
    pub(super) forwarded_identity: Option<String>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may be presigned, and the identity is nobody's business.
        f.debug_struct("Message").field("form", &self.form).field("size", &self.size).finish_non_exhaustive()
    }
}

/// How a message says whose archive it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// By the identity, the task and the reporter.
    Ingress { category: Option<Uuid>, reporter: Option<String> },
    /// By the ids of the rows.
    Persister { tenant: i64, source: i64 },
}

/// The task that waits for the refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TaskRef {
    Url(String),
    Id(Uuid),
}

/// An external tenant, by its newer and its older number.
#[derive(Default, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub org_id: Option<String>,
    pub account: Option<String>,
}

impl Claim {
    /// The one number that stands for the tenant.
    pub fn tenant(&self) -> Option<&str> {
        self.org_id.as_deref().or(self.account.as_deref())
    }

    /// Whether both give the same kind of number, and different ones.
    pub fn contradicts(&self, other: &Self) -> bool {
        let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        differ(&self.org_id, &other.org_id) || differ(&self.account, &other.account)
    }
}

impl Message {
    /// Understands a record. Unknown keys are ignored.
    ///
    /// # Errors
    /// See [`MessageError`]: none is cured by a redelivery.
    pub fn parse(record: &Record) -> Result<Parsed, MessageError> {
        // On a topic shared by many services the header tells whose it is, whatever the value looks like.
        if record.header("service").is_some_and(|service| service != SERVICE) {
            return Ok(Parsed::NotOurs("its header names another service"));
        }
        let fields = match &record.value {
            Payload::Bytes(bytes) => Fields::parse(bytes)?,
            Payload::Tombstone => return Err(MessageError::Tombstone),
            Payload::NotBase64(_) => return Err(MessageError::NotBase64),
        };
        if fields.0.contains_key("data_url") {
            return fields.persister(record).map(|message| Parsed::Message(Box::new(message)));
        }
        match fields.text("service")? {
            Some(service) if service != SERVICE => Ok(Parsed::NotOurs("its service is another one")),
            _ => fields.ingress(record).map(|message| Parsed::Message(Box::new(message))),
        }
    }

    /// The correlation id.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

/// The keys of a message.
struct Fields(Map<String, Value>);

impl Fields {
    fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        serde_json::from_slice(bytes).map(Self).map_err(|error| {
            // The position only: the parser's own text may quote what it read.
            MessageError::NotJson(format!("line {}, column {}", error.line(), error.column()))
        })
    }

    fn ingress(&self, record: &Record) -> Result<Message, MessageError> {
        let metadata = match self.0.get("metadata") {
            Some(Value::Object(map)) => Self(map.clone()),
            None | Some(Value::Null) => Self(Map::new()),
            Some(_) => return Err(MessageError::Key { key: "metadata", problem: "not an object" }),
        };
        let category = self.text("category")?.and_then(|category| Uuid::try_parse(&category).ok());
        let url = self.required_text("url")?;
        let forwarded = self.text("b64_identity")?.or_else(|| header(record, "x-rh-identity"));
        Ok(Message {
            form: Form::Ingress { category, reporter: metadata.text("reporter")? },
            url,
            size: self.size()?,
            request_id: request_id(self.text("request_id")?.or_else(|| header(record, REQUEST_ID))),
            age: self.age("timestamp", record)?,
            identity: identity(forwarded.as_deref())?,
            claim: Claim { org_id: self.text("org_id")?, account: self.text("account")? },
            task: category.map(TaskRef::Id),
            forwarded_identity: forwarded,
        })
    }

    fn persister(&self, record: &Record) -> Result<Message, MessageError> {
        let forwarded = header(record, "x-rh-identity");
        Ok(Message {
            form: Form::Persister { tenant: self.id("tenant_id")?, source: self.id("source_id")? },
            url: self.required_text("data_url")?,
            size: self.size()?,
            request_id: request_id(header(record, REQUEST_ID).or(self.text("request_id")?)),
            age: self.age("refresh_request_at", record)?,
            identity: identity(forwarded.as_deref())?,
            claim: Claim::default(),
            task: self.text("task_url")?.map(TaskRef::Url),
            forwarded_identity: forwarded,
        })
    }

    /// Text; empty counts as absent, as producers send both.
    fn text(&self, key: &'static str) -> Result<Option<String>, MessageError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) if text.contains('\0') => {
                Err(MessageError::Key { key, problem: "text with U+0000" })
            }
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(MessageError::Key { key, problem: "not a string" }),
        }
    }

    fn required_text(&self, key: &'static str) -> Result<String, MessageError> {
        self.text(key)?.ok_or(MessageError::Key { key, problem: "missing" })
    }

    fn id(&self, key: &'static str) -> Result<i64, MessageError> {
        let value = self.0.get(key).ok_or(MessageError::Key { key, problem: "missing" })?;
        value.as_i64().ok_or(MessageError::Key { key, problem: "not a whole number" })
    }

    fn size(&self) -> Result<Option<u64>, MessageError> {
        match self.0.get("size") {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let size = value.as_u64().ok_or(MessageError::Key { key: "size", problem: "not a whole number" })?;
                Ok((size > 0).then_some(size))
            }
        }
    }

    /// When the message says nothing, Kafka's own time of the record.
    fn age(&self, key: &'static str, record: &Record) -> Result<Option<OffsetDateTime>, MessageError> {
        let Some(text) = self.text(key)? else {
            let millis = record.timestamp.map(i128::from);
            return Ok(millis.and_then(|ms| OffsetDateTime::from_unix_timestamp_nanos(ms * 1_000_000).ok()));
        };
        let parsed = OffsetDateTime::parse(&text, &Rfc3339);
        parsed.map(Some).map_err(|_| MessageError::Key { key, problem: "not an RFC 3339 date" })
    }
}

/// The header that carries the correlation id.
const REQUEST_ID: &str = "x-rh-insights-request-id";

/// Longest correlation id that is kept, in bytes. It stands in every line, row and event.
const MAX_REQUEST_ID: usize = 200;

fn request_id(text: Option<String>) -> Option<String> {
    text.map(|text| brief(&text, MAX_REQUEST_ID))
}

/// The correlation id of a record, so far as it can be read.
pub(super) fn request_id_of(record: &Record) -> Option<String> {
    match Message::parse(record) {
        Ok(Parsed::Message(message)) => message.request_id,
        _ => request_id(header(record, REQUEST_ID)),
    }
}

fn header(record: &Record, name: &str) -> Option<String> {
    record.header(name).filter(|value| !value.is_empty()).map(Into::into)
}

/// Reads `{"identity": {"account_number", "org_id", "internal": {"org_id"}}}` from base64.
fn identity(encoded: Option<&str>) -> Result<Claim, MessageError> {
    let Some(encoded) = encoded else { return Ok(Claim::default()) };
    let bytes = BASE64.decode(encoded.trim()).map_err(|_| MessageError::Identity("not base64"))?;
    let document: Value = serde_json::from_slice(&bytes).map_err(|_| MessageError::Identity("not JSON"))?;
    let identity = document.get("identity").ok_or(MessageError::Identity("without the key identity"))?;
    let number = |value: Option<&Value>| match value {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let internal = identity.get("internal").and_then(|internal| internal.get("org_id"));
    Ok(Claim {
        org_id: number(identity.get("org_id")).or_else(|| number(internal)),
        account: number(identity.get("account_number")),
    })
}

#[cfg(test)]
mod tests;
