//! What imports of manifests need: keys for what is secret in them, and whom to trust.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result};
use longshore_devkit::{keys::random_key_file, manifest::Authority};

/// The folder of trusted certificates in a stack's directory.
pub const TRUSTED: &str = "trusted";

/// Writes the certificate of the authority that signs the samples, and a key of this stack's own unless it has one: a
/// later stack on the same database must open what an earlier one has sealed. Adds both to the environment.
pub fn prepare(dir: &Path, env: &mut BTreeMap<String, String>) -> Result<()> {
    let (keys, trusted) = (dir.join("keys.json"), dir.join(TRUSTED));
    if !keys.exists() {
        write_secret(&keys, &random_key_file()?)?;
    }
    let certificate = trusted.join("demo-authority.pem");
    fs::create_dir_all(&trusted)
        .and_then(|()| fs::write(&certificate, Authority::new().pem()))
        .with_context(|| format!("cannot write {}", certificate.display()))?;
    env.insert("LONGSHORE_KEYS".to_owned(), format!("file:{}", keys.display()));
    env.insert("LONGSHORE_TRUSTED_CERTIFICATES".to_owned(), trusted.display().to_string());
    Ok(())
}

/// Writes a file for its owner's eyes only.
pub fn write_secret(path: &Path, text: &str) -> Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}
