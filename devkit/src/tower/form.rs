//! A survey as the form that the Catalog UI renders, written down a second time.
//!
//! It is here so that a floor can be measured, and a refresh be checked, without the code that is measured and checked.

use serde_json::{Map, Value, json};

/// The `create_json_schema` of a survey that has a `spec`.
pub fn form(survey: &Value) -> Value {
    let fields: Vec<Value> = survey["spec"].as_array().into_iter().flatten().map(field).collect();
    json!({
        "schemaType": "default",
        "schema": {"title": survey["name"], "description": survey["description"], "fields": fields},
    })
}

fn field(question: &Value) -> Value {
    let kind = question["type"].as_str().unwrap_or_default();
    let mut field = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            field.insert(key.to_owned(), value);
        }
    };
    put("label", question["question_name"].clone());
    put("name", question["variable"].clone());
    let help = &question["question_description"];
    put("helperText", if help == "" { Value::Null } else { help.clone() });
    put("isRequired", question["required"].clone());
    put("component", component(kind));
    put("options", options(&question["choices"]));
    put("validate", validate(kind, question));
    match kind {
        "integer" | "float" => {
            put("type", json!("number"));
            put("dataType", json!(kind));
        }
        "password" => put("type", json!("password")),
        "multiselect" => put("multi", json!(true)),
        _ => {}
    }
    field.insert("initialValue".to_owned(), initial_value(kind, &question["default"]));
    Value::Object(field)
}

fn component(kind: &str) -> Value {
    match kind {
        "textarea" => json!("textarea-field"),
        "multiplechoice" | "multiselect" => json!("select-field"),
        _ => json!("text-field"),
    }
}

fn initial_value(kind: &str, default: &Value) -> Value {
    if kind != "multiselect" {
        return default.clone();
    }
    match default {
        Value::Array(_) => default.clone(),
        Value::String(text) => json!(text.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>()),
        _ => json!([]),
    }
}

fn options(choices: &Value) -> Value {
    let labels: Vec<&str> = match choices {
        Value::String(text) => text.lines().collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let labels = labels.into_iter().filter(|label| !label.trim().is_empty());
    non_empty(labels.map(|label| json!({"label": label, "value": label})).collect())
}

fn validate(kind: &str, question: &Value) -> Value {
    let (least, most, key) = match kind {
        "text" | "textarea" | "password" => ("min-length-validator", "max-length-validator", "threshold"),
        "integer" | "float" => ("min-number-value", "max-number-value", "value"),
        _ => ("", "", ""),
    };
    let required = (question["required"] == true).then(|| json!({"type": "required-validator"}));
    let bound =
        |name: &str, bound: &Value| (bound.is_number() && !name.is_empty()).then(|| json!({"type": name, key: bound}));
    let all = [required, bound(least, &question["min"]), bound(most, &question["max"])];
    non_empty(all.into_iter().flatten().collect())
}

fn non_empty(list: Vec<Value>) -> Value {
    if list.is_empty() { Value::Null } else { Value::Array(list) }
}
