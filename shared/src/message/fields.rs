//! The keys of a message.

use super::{MessageError, Parsed};
use crate::kafka::{Payload, Record};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A JSON object whose values are read by name and type.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// The keys of a record for `service`. On a topic shared by many services the header tells whose it is, whatever the
    /// value looks like.
    pub fn for_service(record: &Record, service: &str) -> Result<Parsed<Self>, MessageError> {
        if record.header("service").is_some_and(|named| named != service) {
            return Ok(Parsed::NotOurs("its header names another service"));
        }
        Self::of(record).map(Parsed::from)
    }

    /// The record's value.
    pub fn of(record: &Record) -> Result<Self, MessageError> {
        match &record.value {
            Payload::Bytes(bytes) => serde_json::from_slice(bytes).map(Self).map_err(|error| {
                // The position only: the parser's own text may quote what it read.
                MessageError::NotJson(format!("line {}, column {}", error.line(), error.column()))
            }),
            Payload::Tombstone => Err(MessageError::Tombstone),
            Payload::NotBase64(_) => Err(MessageError::NotBase64),
        }
    }

    /// All of them, as they came.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// Whether the key `service` names another one.
    pub fn names_another(&self, service: &str) -> Result<bool, MessageError> {
        Ok(self.text("service")?.is_some_and(|named| named != service))
    }

    /// A value that is not null.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// Whether the key is there, be it null.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// An object; one that is not there has no keys.
    pub fn object(&self, key: &'static str) -> Result<Self, MessageError> {
        match self.get(key) {
            None => Ok(Self(Map::new())),
            Some(Value::Object(map)) => Ok(Self(map.clone())),
            Some(_) => Err(MessageError::Key { key, problem: "not an object" }),
        }
    }

    /// Text; empty counts as absent, as producers send both.
    pub fn text(&self, key: &'static str) -> Result<Option<String>, MessageError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) if text.contains('\0') => {
                Err(MessageError::Key { key, problem: "text with U+0000" })
            }
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(MessageError::Key { key, problem: "not a string" }),
        }
    }

    pub fn required_text(&self, key: &'static str) -> Result<String, MessageError> {
        self.text(key)?.ok_or(MessageError::Key { key, problem: "missing" })
    }

    pub fn id(&self, key: &'static str) -> Result<i64, MessageError> {
        let value = self.0.get(key).ok_or(MessageError::Key { key, problem: "missing" })?;
        value.as_i64().ok_or(MessageError::Key { key, problem: "not a whole number" })
    }

    /// A number of bytes; 0 counts as absent.
    pub fn size(&self, key: &'static str) -> Result<Option<u64>, MessageError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let size = value.as_u64().ok_or(MessageError::Key { key, problem: "not a whole number" })?;
        Ok((size > 0).then_some(size))
    }

    pub fn time(&self, key: &'static str) -> Result<Option<OffsetDateTime>, MessageError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let parsed = OffsetDateTime::parse(&text, &Rfc3339);
        parsed.map(Some).map_err(|_| MessageError::Key { key, problem: "not an RFC 3339 date" })
    }
}
