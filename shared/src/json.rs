//! What is asked of a JSON text before it is parsed.

/// Whether arrays and objects are nested at most `maximum` deep: `[]` is 1 deep, `1` is 0.
///
/// Parsing into a type that takes any value recurses once for each level; this looks through the text once and holds
/// nothing. A text that is no JSON gets an answer that holds up to where a parser stops.
pub fn depth_within(text: &[u8], maximum: u8) -> bool {
    let mut depth = 0u8;
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => skip_string(&mut rest),
            b'[' | b'{' if depth == maximum => return false,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

/// Goes on behind the quote that ends a string.
fn skip_string(rest: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = rest.find(|byte| matches!(byte, b'"' | b'\\')) {
        if *byte == b'"' {
            return;
        }
        rest.next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn the_deepest_place_counts() {
        let depth = |text: &str| (0..=u8::MAX).find(|maximum| depth_within(text.as_bytes(), *maximum));
        assert_eq!(depth("1"), Some(0));
        assert_eq!(depth("[]"), Some(1));
        assert_eq!(depth(r#"{"a": [[1], 2], "b": {}}"#), Some(3));
        assert_eq!(depth(r#"["[[[", "\"[[", "\\", [1]]"#), Some(2));
        assert_eq!(depth(&"[".repeat(255)), Some(255));
        assert_eq!(depth(&"[".repeat(256)), None);
    }

    fn depth(value: &Value) -> u8 {
        match value {
            Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
            Value::Object(values) => 1 + values.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            r#"[\[\]{}"\\a\n\u{e9}]{0,8}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(8, 64, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(r#"[\[{"\\a]{0,4}"#, inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_counts_what_a_parser_finds(value in values()) {
            let text = serde_json::to_vec_pretty(&value).unwrap();
            let depth = depth(&value);
            prop_assert!(depth_within(&text, depth));
            prop_assert!(depth == 0 || !depth_within(&text, depth - 1));
        }

        #[test]
        fn what_is_within_never_parses_to_more(text in r#"[\[\]{}",:\\1 ]{0,24}"#, maximum in 0u8..4) {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                prop_assert_eq!(depth_within(text.as_bytes(), maximum), depth(&value) <= maximum);
            }
        }
    }
}
