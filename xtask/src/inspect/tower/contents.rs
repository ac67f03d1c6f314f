//! What the rows of an archive tell beyond the reader's own report.

use std::collections::BTreeMap;

use longshore::tower::{Object, Sink, Stopped};
use serde_json::Value;

/// Counts while the archive is read.
#[derive(Debug, Default)]
pub struct Contents {
    /// Templates that say that they ask a survey.
    pub templates_with_survey: u64,
    /// Questions of all surveys, by Tower's name of their type.
    pub questions: BTreeMap<&'static str, u64>,
}

impl Sink for Contents {
    fn put(&mut self, object: Object<'_>) -> Result<(), Stopped> {
        match object {
            Object::Offering(offering) => self.templates_with_survey += u64::from(offering.survey_enabled),
            Object::Plan(plan) => {
                // The reader has just written it, so it is JSON.
                let form: Value = plan.schema.and_then(|form| serde_json::from_slice(form).ok()).unwrap_or_default();
                for field in form["schema"]["fields"].as_array().into_iter().flatten() {
                    *self.questions.entry(question_type(field)).or_default() += 1;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Tower's type of the question that became this field of a form.
fn question_type(field: &Value) -> &'static str {
    match (field["component"].as_str(), field["type"].as_str(), field["dataType"].as_str()) {
        (Some("textarea-field"), ..) => "textarea",
        (Some("select-field"), ..) if field["multi"] == true => "multiselect",
        (Some("select-field"), ..) => "multiplechoice",
        (_, Some("password"), _) => "password",
        (_, _, Some("integer")) => "integer",
        (_, _, Some("float")) => "float",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore::{archive::Limits, tower::read};
    use longshore_devkit::{archive::ArchiveBuilder, tower::object};

    #[test]
    fn each_type_of_question_is_recognised_in_its_form() {
        let types = ["float", "integer", "multiplechoice", "multiselect", "password", "text", "textarea"];
        let questions = types.map(|kind| object::question(kind, kind));
        let archive = ArchiveBuilder::new()
            .collection("job_templates", [object::job_template(1).set("survey_enabled", true)])
            .survey("job_templates", 1, object::survey("All", questions))
            .build();
        let mut contents = Contents::default();
        read(&archive, &Limits::default(), &mut contents).unwrap();
        assert_eq!(contents.questions.keys().copied().collect::<Vec<_>>(), types);
        assert_eq!(contents.templates_with_survey, 1);
    }
}
