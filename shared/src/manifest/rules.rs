//! `rules2/rules.js`, and `rules/rules.js` of data bundles and of the years before 2013.

use std::cmp::Ordering;

/// Longest version, in bytes: the width of its column.
const MAX_VERSION: usize = 20;

/// The rules' text and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// With LF at the end of each line, and of the text.
    pub text: String,
    /// What the first line says; rules of before 2013 say nothing.
    pub version: Option<RulesVersion>,
}

impl Rules {
    /// What stands in the database for the version of rules that say none.
    pub const NO_VERSION: &str = "0";

    /// Normalises line ends and reads the version, where there is one.
    pub fn new(text: &str) -> Self {
        let mut text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}");
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Self { version: text.lines().next().and_then(version_line), text }
    }
}

/// The first line, as a whole: comment signs, `Version:`, a dotted number.
fn version_line(line: &str) -> Option<RulesVersion> {
    let comment = line.trim_start_matches(['/', '|', '#']);
    if comment.len() == line.len() {
        return None;
    }
    let version = comment.trim_start().strip_prefix("Version:").or(comment.trim_start().strip_prefix("version:"))?;
    RulesVersion::parse(version.trim())
}

/// A dotted number, such as `5.44`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesVersion(String);

impl RulesVersion {
    /// `None` when it is no dotted number or too long for its column.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        (text.len() <= MAX_VERSION && text.split('.').all(number)).then(|| Self(text.into()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both speak the same API: their first numbers are equal.
    pub fn is_compatible(&self, other: &Self) -> bool {
        self.numbers().next() == other.numbers().next()
    }

    /// The numbers without leading zeros. They may be longer than any integer type.
    fn numbers(&self) -> impl Iterator<Item = &str> {
        self.0.split('.').map(|number| number.trim_start_matches('0'))
    }
}

impl Ord for RulesVersion {
    /// As RPM compares them: number by number; of two that begin alike the longer one is higher.
    fn cmp(&self, other: &Self) -> Ordering {
        let keys = |version: &'_ Self| version.numbers().map(|n| (n.len(), n.to_owned())).collect::<Vec<_>>();
        keys(self).cmp(&keys(other))
    }
}

impl PartialOrd for RulesVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> RulesVersion {
        RulesVersion::parse(text).unwrap()
    }

    #[test]
    fn versions_compare_number_by_number() {
        for (lower, higher) in [("2.0", "2.1"), ("2.9", "2.10"), ("2", "2.0"), ("1.99", "2.0"), ("5.9", "5.00010")] {
            assert!(version(lower) < version(higher), "{lower} {higher}");
        }
        assert_eq!(version("5.044").cmp(&version("5.44")), Ordering::Equal);
        assert!(version("2.1").is_compatible(&version("2.0")) && !version("2.1").is_compatible(&version("3.0")));
    }

    #[test]
    fn the_version_stands_alone_on_the_first_line() {
        for line in ["// Version: 5.44", "#version:5.44", "//|| Version:   5.44"] {
            let rules = Rules::new(&format!("{line}\r\nvar x;"));
            assert_eq!(rules.version.as_ref().map(RulesVersion::as_str), Some("5.44"), "{line}");
            assert!(rules.text.ends_with("var x;\n") && !rules.text.contains('\r'));
        }
        for line in [
            "Version: 5.44",
            "// Version: 5.x",
            "// Version: 5.44 of May",
            "",
            "var x;",
            "// Version: 1.2345678901234567890",
        ] {
            assert_eq!(Rules::new(line).version, None, "{line}");
        }
    }
}
