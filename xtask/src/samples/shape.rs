//! Answers as documents write them: JSON in which `..` stands for what does not matter, also at the end of a string.

use serde_json::Value;

/// What is left out, inside a string, instead of a value, or as a member: then there may be any further ones.
const ANYTHING: &str = "..";

/// The JSON of a pattern: `..` becomes a string, and in an object a member of that name.
pub fn parse(pattern: &str) -> Result<Value, serde_json::Error> {
    let (mut json, mut open, mut in_string) = (String::new(), Vec::new(), false);
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '"' => in_string = !in_string,
            '{' | '[' if !in_string => open.push(character),
            '}' | ']' if !in_string => drop(open.pop()),
            '.' if !in_string && rest.next_if_eq(&'.').is_some() => {
                let is_member = open.last() == Some(&'{') && !json.trim_end().ends_with(':');
                json.push_str(if is_member { r#""..":"..""# } else { r#""..""# });
                continue;
            }
            _ => {}
        }
        json.push(character);
    }
    serde_json::from_str(&json)
}

/// Whether an answer is as a parsed pattern says.
pub fn fits(pattern: &Value, answer: &Value) -> bool {
    match (pattern, answer) {
        (Value::String(text), _) if text == ANYTHING => true,
        (Value::String(text), Value::String(answer)) => match text.strip_suffix(ANYTHING) {
            Some(beginning) => answer.starts_with(beginning),
            None => text == answer,
        },
        (Value::Object(pattern), Value::Object(answer)) => {
            let told = pattern.iter().filter(|(name, _)| *name != ANYTHING);
            let (open, count) = (pattern.contains_key(ANYTHING), told.clone().count());
            (open || answer.len() == count)
                && told.clone().all(|(name, value)| answer.get(name).is_some_and(|answer| fits(value, answer)))
        }
        (Value::Array(pattern), Value::Array(answer)) => {
            let open = pattern.last().is_some_and(|last| last == ANYTHING);
            let told = &pattern[..pattern.len() - usize::from(open)];
            (open && told.len() <= answer.len() || told.len() == answer.len())
                && told.iter().zip(answer).all(|(one, other)| fits(one, other))
        }
        _ => pattern == answer,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_may_be_anything_and_the_rest_is_compared() {
        let answer = json!({"id": 7, "names": ["abc", "b"], "of": {"x": 1, "y": null}});
        for (pattern, expected) in [
            (r#"{"id":7,"names":["abc","b"],"of":{"x":1,"y":null}}"#, true),
            (r#"{"id":..,"names":[..],"of":{..}}"#, true),
            (r#"{"id":"..","names":["ab..",..],"of":{"x":1,..}}"#, true),
            (r#"{"id":7,..}"#, true),
            (r#"{"id":8,..}"#, false),
            (r#"{"id":7}"#, false),
            (r#"{"id":7,"more":..,..}"#, false),
            (r#"{"names":["b..","b"],..}"#, false),
            (r#"{"names":{..},..}"#, false),
            (r#"{"of":{"x":1},..}"#, false),
        ] {
            assert_eq!(fits(&parse(pattern).unwrap(), &answer), expected, "{pattern}");
        }
        assert!(parse("{nothing}").is_err());
    }
}
