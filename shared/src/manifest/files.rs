//! One file after the other out of a manifest, each as the JSON that it should be.

use super::ManifestError;
use crate::archive::{Expander, Member, Members};
use crate::json::depth_within;
use serde::Deserialize;

/// Reads files through one buffer.
pub(crate) struct Files<'m> {
    members: &'m Members,
    expander: Expander,
    depth: u8,
}

impl<'m> Files<'m> {
    /// `depth` is how deep JSON may nest.
    pub fn new(members: &'m Members, depth: u8) -> Self {
        Self { members, expander: Expander::new(), depth }
    }

    /// All files.
    pub fn members(&self) -> &'m Members {
        self.members
    }

    /// The bytes of a file, valid until the next one is read.
    pub fn bytes<'s>(&'s mut self, member: Member<'s>) -> Result<&'s [u8], ManifestError> {
        Ok(self.expander.read(member)?)
    }

    /// A file as JSON.
    pub fn json<'s, T: Deserialize<'s>>(&'s mut self, member: Member<'s>) -> Result<T, ManifestError> {
        parse(member.name(), self.expander.read(member)?, self.depth)
    }

    /// A file as text.
    pub fn text<'s>(&'s mut self, member: Member<'s>) -> Result<&'s str, ManifestError> {
        std::str::from_utf8(self.bytes(member)?)
            .map_err(|_| ManifestError::invalid(member.name(), "it is not UTF-8 text"))
    }

    /// The `*.json` files of a folder, in the order of their names.
    pub fn json_files(&self, folder: &str) -> Vec<Member<'m>> {
        self.members.under(folder).filter(|member| member.name().ends_with(".json")).collect()
    }

    /// Whether a folder holds anything.
    pub fn has_folder(&self, folder: &str) -> bool {
        self.members.under(folder).next().is_some()
    }
}

/// Parses a file of that name.
pub(crate) fn parse<'a, T: Deserialize<'a>>(file: &str, bytes: &'a [u8], depth: u8) -> Result<T, ManifestError> {
    let error = |problem: String| ManifestError::Json { file: file.into(), problem };
    if !depth_within(bytes, depth) {
        return Err(error(format!("JSON nested deeper than {depth} levels")));
    }
    // Or a list would be read as an object's values in some order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(error("a JSON list, where an object is expected".into()));
    }
    serde_json::from_slice(bytes).map_err(|problem| error(describe(&problem)))
}

/// What the parser found wrong, without what it read: that may be a private key.
pub(crate) fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // Quotes within what was read are escaped, so the last one ends it.
    let plain = match (text.find('"'), text.rfind('"')) {
        (Some(first), Some(last)) => format!("{}..{}", &text[..first], &text[last + 1..]),
        _ => text,
    };
    let what = if error.is_data() { "unexpected JSON" } else { "not JSON" };
    format!("{what}: {plain}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::model::Entitlement;

    #[test]
    fn an_error_names_file_and_place_and_never_quotes() {
        let json = r#"{"id":"e1","quantity":"my \"secret\" key"}"#;
        let error = parse::<Entitlement<'_>>("entitlements/e1.json", json.as_bytes(), 64).unwrap_err().to_string();
        assert!(error.starts_with("entitlements/e1.json: unexpected JSON: invalid type"), "{error}");
        assert!(error.contains("line 1 column") && !error.contains("secret") && !error.contains("key\\"), "{error}");
        let cut = parse::<Entitlement<'_>>("entitlements/e1.json", br#"{"id":"#, 64).unwrap_err().to_string();
        assert!(cut.contains("not JSON"), "{cut}");
        let list = parse::<Entitlement<'_>>("entitlements/e1.json", br#" ["e1", 5]"#, 64).unwrap_err().to_string();
        assert!(list.contains("a JSON list"), "{list}");
        let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
        let error = parse::<serde_json::Value>("x.json", deep.as_bytes(), 64).unwrap_err().to_string();
        assert!(error.contains("deeper than 64"), "{error}");
    }
}
