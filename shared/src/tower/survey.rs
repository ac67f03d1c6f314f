//! A Tower survey as a form in the data-driven-forms dialect that the Catalog UI renders.

use super::json::{AnyScalar, Key, Scalar, Skip, too_deep, without_nul};
use super::object::BadObject;
use crate::failure::brief;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Longest `default` or `choices` of a question, in bytes of JSON. They are held as values; real ones have a few lines.
const MAX_ANSWERS: usize = 64 << 10;

/// Largest form, in bytes of JSON. Each choice of a survey is written twice, with keys: a form is larger than its survey.
const MAX_FORM: usize = 4 << 20;

/// A survey's texts and its form, written while reading: no tree of the survey is built.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub name: String,
    pub description: String,
    /// The form's fields, a JSON list; `None` when the survey has no `spec`: a known bug of Tower, and no error.
    fields: Option<Vec<u8>>,
}

impl Form {
    /// Reads a survey. The outer error is JSON that is damaged or not a survey at all, with its position in bytes; the
    /// inner one is a survey that is understood and cannot be shown.
    pub fn read(content: &[u8], depth: u8) -> Result<Result<Self, BadObject>, (usize, serde_json::Error)> {
        let mut deserializer = serde_json::Deserializer::from_slice(content);
        let mut bad = None;
        let read = SurveySeed { depth, bad: &mut bad }.deserialize(&mut deserializer);
        let form = read.and_then(|form| deserializer.end().map(|()| form));
        match form {
            Ok(form) => Ok(bad.map_or(Ok(form), Err)),
            Err(error) => Err((super::page::offset(content, &error), error)),
        }
    }

    /// The `create_json_schema` column; `None` when the survey asks nothing because it has no `spec`.
    pub fn schema(&self) -> Option<Vec<u8>> {
        let fields = self.fields.as_ref()?;
        let mut schema = Vec::with_capacity(fields.len() + 200);
        schema.extend_from_slice(br#"{"schemaType":"default","schema":{"title":"#);
        write_json(&mut schema, &self.name);
        schema.extend_from_slice(br#","description":"#);
        write_json(&mut schema, &self.description);
        schema.extend_from_slice(br#","fields":"#);
        schema.extend_from_slice(fields);
        schema.extend_from_slice(b"}}");
        Some(schema)
    }
}

/// Text and plain structures always serialise; memory is the only thing that could lack.
fn write_json(buffer: &mut Vec<u8>, value: &impl Serialize) {
    if let Err(error) = serde_json::to_writer(buffer, value) {
        unreachable!("writing to memory: {error}");
    }
}

/// One field of a form.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Field<'a> {
    label: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    helper_text: &'a str,
    is_required: bool,
    initial_value: Value,
    component: &'static str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    input_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<Choice>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    validate: Vec<Validator<'a>>,
}

#[derive(Debug, Serialize)]
struct Choice {
    label: String,
    value: String,
}

#[derive(Debug, Serialize)]
struct Validator<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<&'a Scalar<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a Scalar<'a>>,
}

/// A question as Tower has it, every key optional until it is needed.
#[derive(Default)]
struct Question<'a> {
    fields: super::json::Fields<'a>,
    default: Option<&'a RawValue>,
    choices: Option<&'a RawValue>,
}

impl Question<'_> {
    fn text(&self, key: &str) -> Result<&str, BadObject> {
        match self.fields.get(key) {
            Some(Scalar::Text(text)) => Ok(text),
            Some(other) => Err(BadObject(format!("{key} is {}, not a string", other.describe()))),
            None => Err(BadObject(format!("{key} is missing"))),
        }
    }

    fn field(&self, depth: u8) -> Result<Field<'_>, BadObject> {
        let kind = self.text("type")?;
        let (component, input_type, data_type) = match kind {
            "text" => ("text-field", None, None),
            "integer" => ("text-field", Some("number"), Some("integer")),
            "float" => ("text-field", Some("number"), Some("float")),
            "password" => ("text-field", Some("password"), None),
            "textarea" => ("textarea-field", None, None),
            "multiplechoice" | "multiselect" => ("select-field", None, None),
            unknown => return Err(BadObject(format!("unknown question type {:?}", brief(unknown, 80)))),
        };
        let multi = kind == "multiselect";
        let initial = answer("default", self.default, depth)?;
        let required = matches!(self.fields.get("required"), Some(Scalar::Bool(true)));
        Ok(Field {
            label: self.text("question_name")?,
            name: self.text("variable")?,
            helper_text: self.text("question_description").unwrap_or_default(),
            is_required: required,
            initial_value: if multi { Value::Array(lines(initial)) } else { initial },
            component,
            input_type,
            data_type,
            multi: multi.then_some(true),
            options: options(answer("choices", self.choices, depth)?),
            validate: self.validators(kind, required),
        })
    }

    fn validators(&self, kind: &str, required: bool) -> Vec<Validator<'_>> {
        let number = |key| self.fields.get(key).filter(|v| matches!(v, Scalar::Integer(_) | Scalar::Number(_)));
        let (min, max) = (number("min"), number("max"));
        let mut validators = Vec::new();
        if required {
            validators.push(Validator { kind: "required-validator", threshold: None, value: None });
        }
        match kind {
            "text" | "textarea" | "password" => {
                let length = |kind| move |threshold| Validator { kind, threshold: Some(threshold), value: None };
                validators.extend(min.map(length("min-length-validator")));
                validators.extend(max.map(length("max-length-validator")));
            }
            "integer" | "float" => {
                let bound = |kind| move |value| Validator { kind, threshold: None, value: Some(value) };
                validators.extend(min.map(bound("min-number-value")));
                validators.extend(max.map(bound("max-number-value")));
            }
            _ => {}
        }
        validators
    }
}

/// A question's `default` or `choices`: any JSON, so far as PostgreSQL's jsonb can hold it.
fn answer(key: &str, raw: Option<&RawValue>, depth: u8) -> Result<Value, BadObject> {
    let Some(raw) = raw else { return Ok(Value::Null) };
    if raw.get().len() > MAX_ANSWERS {
        return Err(BadObject(format!("{key} has {} bytes, over {MAX_ANSWERS}", raw.get().len())));
    }
    // A raw value was passed over without counting its nesting.
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    let checked = Skip { depth }.deserialize(&mut deserializer).and_then(|()| Value::deserialize(raw));
    let mut value = checked.map_err(|error| BadObject(format!("{key}: {error}")))?;
    clean(&mut value);
    Ok(value)
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = without_nul(text),
        Value::Array(list) => list.iter_mut().for_each(clean),
        Value::Object(map) if map.keys().any(|key| key.contains('\0')) => {
            *map = std::mem::take(map).into_iter().map(|(key, value)| (without_nul(&key), value)).collect();
            map.values_mut().for_each(clean);
        }
        Value::Object(map) => map.values_mut().for_each(clean),
        _ => {}
    }
}

/// What a multi-select starts with: a string has a choice a line.
fn lines(value: Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list,
        Value::String(text) => not_blank(&text).map(|line| Value::String(line.into())).collect(),
        _ => Vec::new(),
    }
}

fn options(choices: Value) -> Vec<Choice> {
    let choice = |text: &str| Choice { label: text.into(), value: text.into() };
    match choices {
        Value::String(text) => not_blank(&text).map(choice).collect(),
        Value::Array(list) => list
            .iter()
            .filter_map(|item| match item {
                Value::String(text) => (!text.trim().is_empty()).then(|| choice(text)),
                Value::Number(number) => Some(choice(&number.to_string())),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn not_blank(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').map(|line| line.trim_end_matches('\r')).filter(|line| !line.trim().is_empty())
}

struct SurveySeed<'b> {
    depth: u8,
    bad: &'b mut Option<BadObject>,
}

impl<'de> DeserializeSeed<'de> for SurveySeed<'_> {
    type Value = Form;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Form, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SurveySeed<'_> {
    type Value = Form;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a survey")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Form, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(too_deep)?;
        let mut form = Form::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "name" => form.name = text(map.next_value_seed(AnyScalar { depth })?),
                "description" => form.description = text(map.next_value_seed(AnyScalar { depth })?),
                "spec" => form.fields = map.next_value_seed(SpecSeed { depth, bad: &mut *self.bad })?,
                _ => map.next_value_seed(Skip { depth })?,
            }
        }
        Ok(form)
    }
}

fn text(value: Scalar<'_>) -> String {
    match value {
        Scalar::Text(text) => text.into_owned(),
        _ => String::new(),
    }
}

/// The questions, each written as a field as soon as it has been read.
struct SpecSeed<'b> {
    depth: u8,
    bad: &'b mut Option<BadObject>,
}

impl<'de> DeserializeSeed<'de> for SpecSeed<'_> {
    type Value = Option<Vec<u8>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SpecSeed<'_> {
    type Value = Option<Vec<u8>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of questions")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(too_deep)?;
        let mut fields = b"[".to_vec();
        let mut number = 0;
        while let Some(question) = seq.next_element_seed(QuestionSeed { depth })? {
            number += 1;
            match question.field(depth) {
                Ok(_) if self.bad.is_some() => {}
                Ok(field) => {
                    if number > 1 {
                        fields.push(b',');
                    }
                    write_json(&mut fields, &field);
                    if fields.len() > MAX_FORM {
                        *self.bad =
                            Some(BadObject(format!("question {number}: the form is larger than {MAX_FORM} bytes")));
                        fields = Vec::new();
                    }
                }
                Err(BadObject(problem)) => {
                    self.bad.get_or_insert(BadObject(format!("question {number}: {problem}")));
                }
            }
        }
        fields.push(b']');
        Ok(Some(fields))
    }
}

#[derive(Clone, Copy)]
struct QuestionSeed {
    depth: u8,
}

impl<'de> DeserializeSeed<'de> for QuestionSeed {
    type Value = Question<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Question<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for QuestionSeed {
    type Value = Question<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a question")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Question<'de>, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(too_deep)?;
        let mut question = Question::default();
        while let Some(key) = map.next_key_seed(Key(question_key))? {
            match key {
                None => map.next_value_seed(Skip { depth })?,
                Some("default") => question.default = Some(map.next_value()?),
                Some("choices") => question.choices = Some(map.next_value()?),
                Some(key) => question.fields.push(key, map.next_value_seed(AnyScalar { depth })?),
            }
        }
        Ok(question)
    }
}

fn question_key(key: &str) -> Option<&'static str> {
    const KEYS: [&str; 9] =
        ["type", "variable", "question_name", "question_description", "required", "min", "max", "default", "choices"];
    KEYS.into_iter().find(|known| *known == key)
}

#[cfg(test)]
mod tests;
