//! Reading variables, with errors that name them.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// A variable that is missing or holds something else than it should. The value is not shown: it may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct SettingError {
    /// The variable's name.
    pub variable: String,
    /// What is wrong and what is expected.
    pub problem: String,
}

impl SettingError {
    pub(crate) fn new(variable: &str, problem: impl Display) -> Self {
        Self { variable: variable.into(), problem: problem.to_string() }
    }
}

pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Reader<'a> {
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup }
    }

    /// A variable's text; one that is empty counts as unset, as SAM cannot leave a variable out.
    pub fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Items between commas, as they are written.
    pub fn list(&self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
    }

    /// Names whose case does not matter, such as those of hosts, in lower case.
    pub fn lower_case_list(&self, name: &str) -> Vec<String> {
        self.list(name).into_iter().map(|item| item.to_ascii_lowercase()).collect()
    }

    pub fn flag(&self, name: &str, default: bool) -> Result<bool, SettingError> {
        match self.text(name).as_deref() {
            None => Ok(default),
            Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(_) => Err(SettingError::new(name, "expected true or false")),
        }
    }

    pub fn number<N>(&self, name: &str, default: N, range: RangeInclusive<N>) -> Result<N, SettingError>
    where
        N: FromStr + PartialOrd + Display,
    {
        let Some(text) = self.text(name) else { return Ok(default) };
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(SettingError::new(
                name,
                format!("expected a whole number from {} to {}", range.start(), range.end()),
            )),
        }
    }

    pub fn millis(&self, name: &str, default: u64) -> Result<Duration, SettingError> {
        self.number(name, default, 1..=900_000).map(Duration::from_millis)
    }

    pub fn parsed<T: FromStr<Err: Display>>(&self, name: &str, default: T) -> Result<T, SettingError> {
        self.text(name).map_or(Ok(default), |text| text.parse().map_err(|problem| SettingError::new(name, problem)))
    }
    pub fn optional<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, SettingError> {
        let parse = |text: String| text.parse().map_err(|problem| SettingError::new(name, problem));
        self.text(name).map(parse).transpose()
    }
}
