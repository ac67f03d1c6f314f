//! What imports and exports of manifests need: keys for what is secret in them, whom to trust, and who signs.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result};
use longshore_devkit::{
    keys::random_key_file,
    manifest::{Authority, KeyForm},
};

/// The folder of trusted certificates in a stack's directory.
pub const TRUSTED: &str = "trusted";

/// The name of the authority that the stack signs with.
const AUTHORITY: &str = "Longshore Local Authority";

/// Writes the certificate of the authority that signs the samples, an authority that the stack signs with itself, and a key
/// of this stack's own unless it has one: a later stack on the same database must open what an earlier one has sealed.
/// Adds all to the environment.
pub fn prepare(dir: &Path, env: &mut BTreeMap<String, String>) -> Result<()> {
    let (keys, trusted, authority) = (dir.join("keys.json"), dir.join(TRUSTED), dir.join("authority.pem"));
    if !keys.exists() {
        write_secret(&keys, &random_key_file()?)?;
    }
    let certificate = trusted.join("demo-authority.pem");
    fs::create_dir_all(&trusted)
        .and_then(|()| fs::write(&certificate, Authority::new().pem()))
        .with_context(|| format!("cannot write {}", certificate.display()))?;
    let ours = Authority::named(AUTHORITY);
    write_secret(&authority, &(ours.pem() + &ours.key().pem(KeyForm::Pkcs8)))?;
    // What is exported here can be imported here.
    let certificate = trusted.join("stack-authority.pem");
    fs::write(&certificate, ours.pem()).with_context(|| format!("cannot write {}", certificate.display()))?;
    env.insert("LONGSHORE_AUTHORITY".to_owned(), format!("file:{}", authority.display()));
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
