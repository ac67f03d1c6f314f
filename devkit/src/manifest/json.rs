//! JSON as the eras write it.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::Era;

/// Compact JSON. The last era sorts keys; before, their order was the programmer's, here the reverse of sorted, so
/// that nobody comes to rely on it.
#[expect(clippy::expect_used, reason = "a JSON value always has a text")]
pub(super) fn bytes(era: Era, value: &Value) -> Vec<u8> {
    let written = match era {
        Era::D => serde_json::to_vec(value),
        Era::A | Era::B | Era::C => serde_json::to_vec(&Reversed(value)),
    };
    written.expect("a JSON value has a text")
}

struct Reversed<'a>(&'a Value);

impl Serialize for Reversed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(object) => {
                let mut map = serializer.serialize_map(Some(object.len()))?;
                for (key, value) in object.iter().rev() {
                    map.serialize_entry(key, &Reversed(value))?;
                }
                map.end()
            }
            Value::Array(values) => serializer.collect_seq(values.iter().map(Reversed)),
            plain => plain.serialize(serializer),
        }
    }
}

/// Adds the keys of `more`, an object, to `object`.
pub(super) fn add(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}
