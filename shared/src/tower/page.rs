//! One page: a list response, or one bare object.

use super::Collection;
use super::json::{AnyScalar, Dig, Fields, Key, Scalar, Skip, Wanted, too_deep};
use super::object;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// What a page says about itself.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct PageHead {
    /// How many objects the whole collection has; a bare object does not say.
    pub count: Option<u64>,
    /// Objects on this page.
    pub results: u64,
}

/// Reads a page and shows each object's fields to `each`, in order; `Err` is what an element that is no object is.
///
/// The error's position is in bytes from the start of `content`.
pub(super) fn read<'a, F>(
    content: &'a [u8],
    wanted: Wanted,
    depth: u8,
    each: &mut F,
) -> Result<PageHead, (usize, serde_json::Error)>
where
    F: FnMut(Result<Fields<'a>, &'static str>) -> Result<(), &'static str>,
{
    let mut deserializer = serde_json::Deserializer::from_slice(content);
    let page = Page { wanted, depth, each };
    let head = page.deserialize(&mut deserializer).and_then(|head| deserializer.end().map(|()| head));
    head.map_err(|error| (offset(content, &error), error))
}

/// The keys that a collection's pages are read for.
pub(super) fn wanted(collection: Collection) -> Wanted {
    object::wanted(collection)
}

/// The keys that an id file is read for.
pub(super) fn wanted_id(key: &str) -> Option<&'static str> {
    (key == "id").then_some("id")
}

/// Where `serde_json` stopped, in bytes; it counts lines and columns.
pub(super) fn offset(content: &[u8], error: &serde_json::Error) -> usize {
    let lines_before = error.line().saturating_sub(1);
    let line_start = match lines_before {
        0 => 0,
        lines => {
            let mut ends = content.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            ends.nth(lines - 1).map_or(content.len(), |(at, _)| at + 1)
        }
    };
    (line_start + error.column().saturating_sub(1)).min(content.len())
}

struct Page<'f, F> {
    wanted: Wanted,
    depth: u8,
    each: &'f mut F,
}

impl<'de, F> DeserializeSeed<'de> for Page<'_, F>
where
    F: FnMut(Result<Fields<'de>, &'static str>) -> Result<(), &'static str>,
{
    type Value = PageHead;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<PageHead, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F> Visitor<'de> for Page<'_, F>
where
    F: FnMut(Result<Fields<'de>, &'static str>) -> Result<(), &'static str>,
{
    type Value = PageHead;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list response or an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PageHead, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(too_deep)?;
        let (mut head, mut is_list, mut bare) = (PageHead::default(), false, Fields::default());
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "count" => head.count = map.next_value::<Option<u64>>()?,
                "results" => {
                    is_list = true;
                    let results = Results { wanted: self.wanted, depth, each: &mut *self.each };
                    head.results += map.next_value_seed(results)?;
                }
                key => field(&mut map, (self.wanted)(key), depth, &mut bare)?,
            }
        }
        if is_list {
            return Ok(head);
        }
        if bare.get("id").is_none() {
            return Err(de::Error::custom("neither a list response nor an object with an id"));
        }
        (self.each)(Ok(bare)).map_err(de::Error::custom)?;
        Ok(PageHead { count: None, results: 1 })
    }
}

/// Reads the value of a key: kept when the key matters, else passed over.
fn field<'de, A: MapAccess<'de>>(
    map: &mut A,
    key: Option<&'static str>,
    depth: u8,
    fields: &mut Fields<'de>,
) -> Result<(), A::Error> {
    match key {
        None => map.next_value_seed(Skip { depth })?,
        Some("summary_fields") => {
            let path = &["unified_job_template", "unified_job_type"];
            // Where both are given, the one at the top comes from the node itself.
            if let Some(found) = map.next_value_seed(Dig { path, depth })?
                && !matches!(fields.get("unified_job_type"), Some(Scalar::Text(_)))
            {
                fields.push("unified_job_type", found);
            }
        }
        Some(key) => {
            let value = map.next_value_seed(AnyScalar { depth })?;
            fields.push(key, value);
        }
    }
    Ok(())
}

struct Results<'f, F> {
    wanted: Wanted,
    depth: u8,
    each: &'f mut F,
}

impl<'de, F> DeserializeSeed<'de> for Results<'_, F>
where
    F: FnMut(Result<Fields<'de>, &'static str>) -> Result<(), &'static str>,
{
    type Value = u64;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F> Visitor<'de> for Results<'_, F>
where
    F: FnMut(Result<Fields<'de>, &'static str>) -> Result<(), &'static str>,
{
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<u64, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(too_deep)?;
        let mut count = 0;
        while let Some(element) = seq.next_element_seed(Element { wanted: self.wanted, depth })? {
            count += 1;
            (self.each)(element).map_err(de::Error::custom)?;
        }
        Ok(count)
    }
}

/// One element of `results`: its fields, or what it is when it is no object.
#[derive(Clone, Copy)]
struct Element {
    wanted: Wanted,
    depth: u8,
}

impl<'de> DeserializeSeed<'de> for Element {
    type Value = Result<Fields<'de>, &'static str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element {
    type Value = Result<Fields<'de>, &'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(too_deep)?;
        let mut fields = Fields::default();
        while let Some(key) = map.next_key_seed(Key(self.wanted))? {
            field(&mut map, key, depth, &mut fields)?;
        }
        Ok(Ok(fields))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Err("null"))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Err("a boolean"))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Err("a number"))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Err("a number"))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Err("a number"))
    }
    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Err("a string"))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        Skip { depth: self.depth }.visit_seq(seq).map(|()| Err("an array"))
    }
}
