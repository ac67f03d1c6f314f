use super::*;
use proptest::prelude::*;
use serde_json::json;

fn convert(survey: Value) -> Result<Option<Value>, String> {
    let form = Form::read(survey.to_string().as_bytes(), 64).map_err(|(_, error)| error.to_string())?;
    let form = form.map_err(|BadObject(problem)| problem)?;
    Ok(form.schema().map(|schema| serde_json::from_slice(&schema).unwrap()))
}

fn field(question: Value) -> Result<Value, String> {
    let mut full = json!({"question_name": "Q", "variable": "q", "type": "text"});
    full.as_object_mut().unwrap().extend(question.as_object().unwrap().clone());
    let schema = convert(json!({"name": "S", "description": "", "spec": [full]}))?.unwrap();
    Ok(schema["schema"]["fields"][0].clone())
}

#[test]
fn a_survey_becomes_a_form_with_its_title_and_its_fields_in_order() {
    let question = |name: &str| json!({"question_name": name, "variable": name, "type": "text", "required": false});
    let form = convert(json!({"name": "Deploy", "description": "Where to", "spec": [question("b"), question("a")]}));
    let blank = |name: &str| json!({"label": name, "name": name, "component": "text-field", "isRequired": false, "initialValue": null});
    let schema = json!({"title": "Deploy", "description": "Where to", "fields": [blank("b"), blank("a")]});
    assert_eq!(form.unwrap().unwrap(), json!({"schemaType": "default", "schema": schema}));
}

#[test]
fn each_question_type_has_its_component() {
    for (kind, component, input, data) in [
        ("text", "text-field", Value::Null, Value::Null),
        ("integer", "text-field", json!("number"), json!("integer")),
        ("float", "text-field", json!("number"), json!("float")),
        ("password", "text-field", json!("password"), Value::Null),
        ("textarea", "textarea-field", Value::Null, Value::Null),
        ("multiplechoice", "select-field", Value::Null, Value::Null),
        ("multiselect", "select-field", Value::Null, Value::Null),
    ] {
        let field = field(json!({ "type": kind })).unwrap();
        assert_eq!(field["component"], component, "{kind}");
        assert_eq!((&field["type"], &field["dataType"]), (&input, &data), "{kind}");
        assert_eq!(field.get("multi").is_some(), kind == "multiselect");
    }
    assert!(field(json!({"type": "date"})).unwrap_err().contains("question 1: unknown question type"));
}

#[test]
fn a_multiselect_starts_with_a_list() {
    for (default, initial) in [
        (json!("a\nb\n"), json!(["a", "b"])),
        (json!(["x"]), json!(["x"])),
        (json!(""), json!([])),
        (Value::Null, json!([])),
    ] {
        assert_eq!(field(json!({"type": "multiselect", "default": default})).unwrap()["initialValue"], initial);
    }
    assert_eq!(field(json!({"type": "multiselect"})).unwrap()["initialValue"], json!([]));
    assert_eq!(field(json!({"default": 9007199254740993u64})).unwrap()["initialValue"], 9007199254740993u64);
}

#[test]
fn choices_are_lines_or_a_list_without_blanks() {
    let expected = json!([{"label": "a", "value": "a"}, {"label": "b c", "value": "b c"}]);
    for choices in [json!("a\r\n\nb c"), json!(["a", " ", "b c"])] {
        assert_eq!(field(json!({"type": "multiplechoice", "choices": choices})).unwrap()["options"], expected);
    }
    for none in [json!(""), json!([]), Value::Null] {
        assert!(field(json!({"type": "multiplechoice", "choices": none})).unwrap().get("options").is_none());
    }
}

#[test]
fn validators_follow_the_question() {
    let validate = |question| field(question).unwrap()["validate"].clone();
    assert_eq!(
        validate(json!({"required": true, "min": 1, "max": 9})),
        json!([{"type": "required-validator"}, {"type": "min-length-validator", "threshold": 1},
               {"type": "max-length-validator", "threshold": 9}])
    );
    assert_eq!(
        validate(json!({"type": "float", "min": 0.5, "max": 2})),
        json!([{"type": "min-number-value", "value": 0.5}, {"type": "max-number-value", "value": 2}])
    );
    assert_eq!(validate(json!({"type": "integer", "min": "", "max": null})), Value::Null);
    assert_eq!(validate(json!({"type": "multiselect", "min": 1, "max": 2})), Value::Null);
}

#[test]
fn the_known_tower_bug_is_no_form_and_no_error() {
    assert_eq!(convert(json!({})).unwrap(), None);
    assert_eq!(convert(json!({"name": "", "description": "", "spec": null})).unwrap(), None);
    assert!(convert(json!({"spec": []})).unwrap().is_some());
}

#[test]
fn what_postgresql_cannot_hold_is_replaced_or_refused() {
    let odd = field(json!({"question_name": "a\u{0}b", "default": {"k\u{0}": ["\u{0}"]}})).unwrap();
    assert_eq!(odd["label"], "a\u{fffd}b");
    assert_eq!(odd["initialValue"], json!({"k\u{fffd}": ["\u{fffd}"]}));
    let deep = format!(r#"{{"spec":[{{"default":{}1{}}}]}}"#, "[".repeat(200), "]".repeat(200));
    assert!(!matches!(Form::read(deep.as_bytes(), 64), Ok(Ok(_))));
    let huge = r#"{"spec":[{"type":"text","question_name":"q","variable":"q","default":1e999}]}"#;
    assert!(matches!(Form::read(huge.as_bytes(), 64), Ok(Err(_))));
}

proptest! {
    #[test]
    fn any_question_gives_a_form_or_a_named_problem(
        kind in "(text|integer|float|password|textarea|multiplechoice|multiselect|odd)",
        default in "\\PC{0,20}", choices in "[a-z\\n ]{0,20}", min in any::<Option<i64>>(), max in any::<Option<f32>>(),
    ) {
        let question = json!({"type": kind, "default": default, "choices": choices, "min": min, "max": max});
        match field(question) {
            Ok(field) => prop_assert!(field["component"].is_string() && field.get("initialValue").is_some()),
            Err(problem) => prop_assert!(kind == "odd", "{}", problem),
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "[\\[\\]{}\",:a-z0-9]{0,200}") {
        let _ = Form::read(&bytes, 64);
        let _ = Form::read(text.as_bytes(), 64);
    }
}
