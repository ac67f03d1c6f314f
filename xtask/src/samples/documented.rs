//! What `events/README.md` says of each sample: how it is answered, and why it is refused, if it is.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::shape;

/// The column that says how a sample is answered. A section without it says so once, as "Each answers".
const ANSWERS: &str = "answers";

/// A sample and what is said of it.
#[derive(Debug)]
pub struct Sample {
    pub function: String,
    pub file: String,
    /// One of them must be how it is answered.
    answers: Vec<Answer>,
    /// The kinds of the failures of its records.
    kinds: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Answer {
    /// The status of a request's answer.
    Status(u64),
    /// The invocation fails, with an error of this kind.
    Failure(String),
    Shape(Value),
}

impl Sample {
    /// What speaks against an answer, or the text that an invocation failed with, and the kinds in the log.
    pub fn objections(&self, answer: Result<&Value, &String>, kinds: &BTreeSet<String>) -> Vec<String> {
        let fits = |expected: &Answer| match (expected, answer) {
            (Answer::Status(status), Ok(answer)) => answer["statusCode"] == *status,
            (Answer::Shape(pattern), Ok(answer)) => shape::fits(pattern, answer),
            (Answer::Failure(kind), Err(error)) => error.contains(kind),
            _ => false,
        };
        let mut objections = Vec::new();
        if !self.answers.iter().any(fits) {
            let answer = answer.map_or_else(|error| format!("an error: {}", error.trim()), Value::to_string);
            objections.push(format!("the answer is {answer}, and not {:?}", self.answers));
        }
        if *kinds != self.kinds {
            objections.push(format!("records are refused for {kinds:?}, and not for {:?}", self.kinds));
        }
        objections
    }
}

/// The samples of all tables, in their order.
pub fn documented(readme: &str) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for section in readme.split("\n## ").skip(1) {
        let (function, text) = section.split_once('\n').context("a section without text")?;
        let common = text.split_once("Each answers").map(|(_, text)| spans(text).take(1).collect());
        let common: Vec<&str> = common.unwrap_or_default();
        let mut answers_column = None;
        for line in text.lines().filter(|line| line.starts_with('|')) {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            if cells[0] == "file" {
                answers_column = cells.iter().position(|cell| *cell == ANSWERS);
                continue;
            }
            let Some(file) = spans(cells[0]).next() else { continue };
            let told: Vec<&str> = match answers_column {
                Some(column) => spans(cells.get(column).with_context(|| format!("{file}: no answer"))?).collect(),
                None => common.clone(),
            };
            let answers = told.into_iter().filter_map(|told| answer(told).transpose()).collect::<Result<Vec<_>>>();
            let answers = answers.with_context(|| format!("{function}/{file}"))?;
            ensure!(!answers.is_empty(), "{function}/{file}: events/README.md does not say what it answers");
            samples.push(Sample {
                function: function.to_owned(),
                file: file.to_owned(),
                answers,
                kinds: kinds(cells.get(1).copied().unwrap_or_default()),
            });
        }
    }
    Ok(samples)
}

/// `None` for other words, such as `false` in "later `false`": a sample is played once.
fn answer(told: &str) -> Result<Option<Answer>> {
    if told.starts_with('{') {
        let shape = shape::parse(told).with_context(|| format!("what is said to be answered: {told}"))?;
        return Ok(Some(Answer::Shape(shape)));
    }
    if is_kind(told) {
        return Ok(Some(Answer::Failure(told.to_owned())));
    }
    Ok(told.parse().ok().map(Answer::Status))
}

/// `(`Kind`)`, or with more behind it.
fn kinds(text: &str) -> BTreeSet<String> {
    let told = text.split("(`").skip(1).filter_map(|text| text.split('`').next());
    told.filter(|word| is_kind(word)).map(str::to_owned).collect()
}

fn is_kind(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_uppercase()) && word.chars().all(|each| each.is_ascii_alphabetic())
}

/// What stands between backquotes.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "# Samples\n\n## importer\n\nEach answers `{\"failures\":[]}`, always.\n\n\
        | file | what happens |\n|---|---|\n| `good.json` | is taken |\n| `old.json` | refused (`Conflict`, `OLD`) |\n\n\
        ## http\n\n| file | what happens | answers |\n|---|---|---|\n| `get.json` | `x` | `200` |\n| `bad.json` | x | `Event` |\n";

    fn objections(sample: &Sample, answer: Result<Value, String>, kinds: &[&str]) -> usize {
        sample.objections(answer.as_ref(), &kinds.iter().map(|kind| (*kind).to_owned()).collect()).len()
    }

    #[test]
    fn a_sample_that_does_something_else_is_objected_to() {
        let samples = documented(TEXT).unwrap();
        let [good, old, get, bad] = samples.as_slice() else { panic!("{samples:?}") };
        let done = || Ok(json!({"failures": []}));
        assert_eq!(objections(good, done(), &[]), 0);
        assert_eq!(objections(good, Ok(json!({"failures": [1]})), &[]), 1);
        assert_eq!(objections(good, Ok(json!({"failures": [1]})), &["Panic"]), 2);
        assert_eq!(objections(good, Err("Event".to_owned()), &[]), 1);
        assert_eq!(objections(old, done(), &["Conflict"]), 0);
        assert_eq!(objections(old, done(), &[]), 1);
        assert_eq!(objections(old, done(), &["Conflict", "Download"]), 1);
        assert_eq!(objections(get, Ok(json!({"statusCode": 200})), &[]), 0);
        assert_eq!(objections(get, Ok(json!({"statusCode": 403})), &[]), 1);
        assert_eq!(objections(bad, Err("errorType: Event".to_owned()), &[]), 0);
        assert_eq!(objections(bad, Err("errorType: Panic".to_owned()), &[]), 1);
        assert_eq!(objections(bad, done(), &[]), 1);
    }

    #[test]
    fn a_table_that_does_not_say_what_is_answered_is_refused() {
        assert!(documented("\n## f\n\n| file | what |\n|---|---|\n| `a.json` | b |\n").is_err());
        assert!(
            documented("\n## f\n\n| file | what | answers |\n|---|---|---|\n| `a.json` | b | `perhaps` |\n").is_err()
        );
    }
}
