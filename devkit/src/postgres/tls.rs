//! A certificate for the server.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result};

use super::account::Account;

/// Writes certificate and key (PEM) into the server's directory and returns the settings that use them.
pub(super) fn settings(home: &Path, account: Option<&Account>, certificate: &str, key: &str) -> Result<Vec<String>> {
    let mut settings = vec!["ssl=on".to_owned()];
    for (file, setting, text) in [("server.crt", "ssl_cert_file", certificate), ("server.key", "ssl_key_file", key)] {
        let path = home.join(file);
        // The server refuses a key that others may read.
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let mut opened = opened.with_context(|| format!("cannot write {}", path.display()))?;
        opened.write_all(text.as_bytes())?;
        Account::give(account, &path)?;
        let absolute = fs::canonicalize(&path)?;
        settings.push(format!("{setting}={}", absolute.display()));
    }
    Ok(settings)
}
