//! What an import of a manifest trusts, keeps and lets be forced.

use super::read::{Reader, SettingError};
use crate::candlepin::Conflict;

/// Imports of manifests.
#[derive(Debug, Clone)]
pub struct ImportSettings {
    /// Where the certificates are whose signatures count: files, directories, ARNs of Secrets Manager secrets. None trusts
    /// no signature.
    pub trusted_certificates: Vec<String>,
    /// Where the keys are that private keys are encrypted with.
    pub keys: Option<KeysLocation>,
    /// The conflicts that a message may force: sorted, each once.
    pub forceable: Vec<Conflict>,
    /// Import records that are kept for an owner.
    pub records: u32,
}

/// Where keys are: `file:..`, `secretsmanager:..` or `kms:..`. Only its scheme is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct KeysLocation(String);

impl KeysLocation {
    /// The text of the variable.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for KeysLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = self.0.split_once(':').map_or("", |(scheme, _)| scheme);
        write!(f, "KeysLocation({scheme}:..)")
    }
}

impl ImportSettings {
    pub(super) fn read(read: &Reader<'_>) -> Result<Self, SettingError> {
        Ok(Self {
            trusted_certificates: read.list("LONGSHORE_TRUSTED_CERTIFICATES"),
            keys: keys(read)?,
            forceable: forceable(read)?,
            records: read.number("LONGSHORE_IMPORT_RECORDS", 10, 1..=10_000)?,
        })
    }
}

fn keys(read: &Reader<'_>) -> Result<Option<KeysLocation>, SettingError> {
    let variable = "LONGSHORE_KEYS";
    let Some(text) = read.text(variable) else { return Ok(None) };
    match text.split_once(':') {
        Some(("file" | "secretsmanager" | "kms", place)) if !place.is_empty() => Ok(Some(KeysLocation(text))),
        _ => Err(SettingError::new(variable, "expected file:.., secretsmanager:.. or kms:..")),
    }
}

/// An empty variable counts as unset, so that there is a word for none.
fn forceable(read: &Reader<'_>) -> Result<Vec<Conflict>, SettingError> {
    let variable = "LONGSHORE_FORCEABLE_CONFLICTS";
    let names = read.list(variable);
    match names.as_slice() {
        [] => return Ok(Conflict::ALL.into()),
        [none] if none.eq_ignore_ascii_case("none") => return Ok(Vec::new()),
        _ => {}
    }
    let parse = |name: &String| name.parse().map_err(|error| SettingError::new(variable, error));
    let mut conflicts: Vec<Conflict> = names.iter().map(parse).collect::<Result<_, _>>()?;
    conflicts.sort_unstable();
    conflicts.dedup();
    Ok(conflicts)
}
