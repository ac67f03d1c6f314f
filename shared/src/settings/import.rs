//! What an import of a manifest trusts, keeps and lets be forced.

use super::read::{Reader, SettingError};
use crate::candlepin::Conflict;
use crate::manifest::TrustSource;
use crate::secret_source::SecretSource;

/// Imports of manifests.
#[derive(Debug, Clone)]
pub struct ImportSettings {
    /// Where the certificates are whose signatures count: files, directories, ARNs of Secrets Manager secrets. None trusts
    /// no signature.
    pub trusted_certificates: Vec<TrustSource>,
    /// Where the keys are that private keys are encrypted with.
    pub keys: Option<SecretSource>,
    /// The conflicts that a message may force: sorted, each once.
    pub forceable: Vec<Conflict>,
    /// Import records that are kept for an owner.
    pub records: u32,
}

impl ImportSettings {
    pub(super) fn read(read: &Reader<'_>) -> Result<Self, SettingError> {
        Ok(Self {
            trusted_certificates: trusted(read)?,
            keys: read.optional("LONGSHORE_KEYS")?,
            forceable: forceable(read)?,
            records: read.number("LONGSHORE_IMPORT_RECORDS", 10, 1..=10_000)?,
        })
    }
}

fn trusted(read: &Reader<'_>) -> Result<Vec<TrustSource>, SettingError> {
    let variable = "LONGSHORE_TRUSTED_CERTIFICATES";
    let parse = |place: &String| place.parse().map_err(|error| SettingError::new(variable, error));
    read.list(variable).iter().map(parse).collect()
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
