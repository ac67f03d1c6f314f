//! Who signed an export, so far as that can be told.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use longshore::{
    candlepin::ImportError,
    manifest::{
        Kind, ManifestError, Scheme, SignatureError, TrustAnchors,
        read::Export,
        signature::{load_files, verify, verify_untrusted},
    },
};
use serde::Serialize;
use time::OffsetDateTime;

use crate::inspect::Options;

/// What is known of a signature.
#[derive(Debug, Serialize)]
pub struct Signature {
    pub state: State,
    /// By whom, or why not, for people.
    pub detail: String,
    /// What the manifest says of its own signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Claim>,
}

/// Whether a signature is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Good,
    Bad,
    /// Nobody said whom to trust, or where the signature is.
    Unchecked,
    Missing,
}

/// `scheme.json`: only a claim until its certificate is trusted.
#[derive(Debug, Serialize)]
pub struct Claim {
    pub name: String,
    pub algorithm: &'static str,
    pub subject: String,
    pub issuer: String,
}

/// Checks the signature of an export. The second value is why an import would refuse it.
///
/// # Errors
/// Trusted certificates, or a detached signature that was named, cannot be read.
pub fn check(export: &Export, options: &Options, now: OffsetDateTime) -> Result<(Signature, Option<ImportError>)> {
    let anchors = load_files(&options.trust)?;
    let is_bundle = export.container().kind == Kind::DataBundle;
    let bytes = if is_bundle { detached(options)? } else { export.container().signature.clone() };
    let scheme = match export.scheme() {
        Ok(scheme) => scheme,
        Err(error) => return Ok(bad(None, ImportError::from(error))),
    };
    Ok(match bytes.filter(|bytes| !bytes.is_empty()) {
        Some(bytes) if anchors.is_empty() => unchecked(export, &bytes, scheme.as_ref(), now),
        Some(bytes) => judge(export, &bytes, scheme.as_ref(), &anchors, now),
        None if is_bundle => {
            let detail = "a data bundle's signature is a file of its own; name it with --signature".to_owned();
            (Signature { state: State::Unchecked, detail, scheme: None }, None)
        }
        None => {
            let error = ImportError::from(ManifestError::from(SignatureError::Missing));
            (
                Signature { state: State::Missing, detail: error.to_string(), scheme: claim(scheme.as_ref()) },
                Some(error),
            )
        }
    })
}

/// The file that was named, else the one beside the bundle, where there is one.
fn detached(options: &Options) -> Result<Option<Vec<u8>>> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    if let Some(path) = &options.signature {
        return read(path).map(Some);
    }
    let mut beside = options.file.clone().into_os_string();
    beside.push(".sig");
    let beside = PathBuf::from(beside);
    if beside.is_file() { read(&beside).map(Some) } else { Ok(None) }
}

fn judge(
    export: &Export,
    bytes: &[u8],
    scheme: Option<&Scheme>,
    anchors: &TrustAnchors,
    now: OffsetDateTime,
) -> (Signature, Option<ImportError>) {
    match verify(&export.container().signed, bytes, scheme, anchors, now) {
        Ok(by) => (Signature { state: State::Good, detail: by.to_string(), scheme: claim(scheme) }, None),
        Err(error) => bad(scheme, error),
    }
}

/// Without certificates to trust: whether whoever is named made it, and who would have to be trusted.
fn unchecked(
    export: &Export,
    bytes: &[u8],
    scheme: Option<&Scheme>,
    now: OffsetDateTime,
) -> (Signature, Option<ImportError>) {
    const NOBODY: &str = "no trusted certificates were given";
    let Some(scheme) = scheme else {
        let bits = bytes.len() * 8;
        let detail = format!("{NOBODY}; --trust the certificate of whoever made it, with an RSA key of {bits} bits");
        return (Signature { state: State::Unchecked, detail, scheme: None }, None);
    };
    if let Err(error) = verify_untrusted(&export.container().signed, bytes, scheme, now) {
        return bad(Some(scheme), error);
    }
    let (subject, issuer) = (scheme.subject(), scheme.issuer());
    let detail = format!("{NOBODY}; {subject} made it, --trust its certificate or that of its issuer {issuer}");
    (Signature { state: State::Unchecked, detail, scheme: claim(Some(scheme)) }, None)
}

fn bad(scheme: Option<&Scheme>, error: impl Into<ImportError> + ToString) -> (Signature, Option<ImportError>) {
    let signature = Signature { state: State::Bad, detail: error.to_string(), scheme: claim(scheme) };
    (signature, Some(error.into()))
}

fn claim(scheme: Option<&Scheme>) -> Option<Claim> {
    scheme.map(|scheme| Claim {
        name: scheme.name().to_owned(),
        algorithm: scheme.algorithm(),
        subject: scheme.subject().to_owned(),
        issuer: scheme.issuer().to_owned(),
    })
}
