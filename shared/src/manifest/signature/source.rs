//! Where trusted certificates come from: files, directories, Secrets Manager.

use super::anchors::{AnchorError, TrustAnchors};
use crate::aws::Aws;
use crate::secret_source;
use serde::Deserialize;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// One place with trusted certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustSource {
    /// A PEM file, or a directory of which every file is one.
    Path(PathBuf),
    /// A Secrets Manager secret, by ARN or name: PEM text, or JSON whose `certificates` is PEM text or a list of such.
    Secret(String),
}

impl FromStr for TrustSource {
    type Err = &'static str;

    /// An ARN of Secrets Manager or `secret:<name>` is a secret, anything else a path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let name = text.strip_prefix("secret:").map(str::trim);
        match name.or_else(|| is_secret_arn(text).then_some(text)) {
            Some("") => Err("expected a name after secret:"),
            Some(id) => Ok(Self::Secret(id.into())),
            None if text.is_empty() => Err("expected a path, the ARN of a secret or secret:<name>"),
            None if text.starts_with("arn:") => Err("expected the ARN of a Secrets Manager secret"),
            None => Ok(Self::Path(text.into())),
        }
    }
}

/// `arn:<partition>:secretsmanager:..`: the partition is `aws`, `aws-cn`, `aws-us-gov`, ..
fn is_secret_arn(text: &str) -> bool {
    let mut parts = text.split(':');
    parts.next() == Some("arn") && parts.next().is_some() && parts.next() == Some("secretsmanager")
}

/// Reads the certificates of all places. No place is no trusted certificate.
///
/// # Errors
/// A place that is not there, cannot be read, or holds something that is no certificate.
pub async fn load(sources: &[TrustSource], aws: &Aws) -> Result<TrustAnchors, AnchorError> {
    let mut texts = Vec::new();
    for source in sources {
        match source {
            TrustSource::Path(path) => read_path(path, &mut texts)?,
            TrustSource::Secret(id) => texts.push((format!("secret {id}"), read_secret(id, aws).await?)),
        }
    }
    TrustAnchors::parse(&texts)
}

/// Reads the certificates of files, and of all files in directories.
///
/// # Errors
/// As [`load`].
pub fn load_files<P: AsRef<Path>>(paths: &[P]) -> Result<TrustAnchors, AnchorError> {
    let mut texts = Vec::new();
    paths.iter().try_for_each(|path| read_path(path.as_ref(), &mut texts))?;
    TrustAnchors::parse(&texts)
}

/// Size of one file, in bytes: somebody may have named the wrong one.
const FILE_MAXIMUM: u64 = 4 << 20;

fn read_path(path: &Path, texts: &mut Vec<(String, String)>) -> Result<(), AnchorError> {
    let error = |source| AnchorError::File { place: path.display().to_string(), source };
    if !path.metadata().map_err(error)?.is_dir() {
        texts.push(read_file(path)?);
        return Ok(());
    }
    let entries: io::Result<Vec<PathBuf>> =
        path.read_dir().and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
    // In a fixed order, so that errors and logs are the same each time.
    let mut files = entries.map_err(error)?;
    files.retain(|file| file.is_file());
    files.sort();
    if files.is_empty() {
        return Err(AnchorError::NoCertificate(path.display().to_string()));
    }
    for file in files {
        texts.push(read_file(&file)?);
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<(String, String), AnchorError> {
    let place = path.display().to_string();
    let read = || {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(FILE_MAXIMUM + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_MAXIMUM {
            return Err(io::Error::other("larger than 4 MiB"));
        }
        // Explanations between certificates come in any encoding.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match read() {
        Ok(text) => Ok((place, text)),
        Err(source) => Err(AnchorError::File { place, source }),
    }
}

async fn read_secret(id: &str, aws: &Aws) -> Result<String, AnchorError> {
    let error = |reason: String| AnchorError::Secret { id: id.into(), reason };
    let text = secret_source::read_secret(id, aws).await.map_err(error)?;
    certificates_of(&text).ok_or_else(|| error("it is JSON without `certificates`".into()))
}

#[derive(Deserialize)]
struct Certificates {
    certificates: OneOrMany,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn certificates_of(secret: &str) -> Option<String> {
    if !secret.trim_start().starts_with('{') {
        return Some(secret.into());
    }
    match serde_json::from_str::<Certificates>(secret).ok()?.certificates {
        OneOrMany::One(text) => Some(text),
        OneOrMany::Many(texts) => Some(texts.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_secret_or_a_path() {
        let arn = "arn:aws-us-gov:secretsmanager:us-gov-west-1:1:secret:trust-AbCdEf";
        for (text, expected) in [
            (arn, TrustSource::Secret(arn.into())),
            ("secret:team/trust", TrustSource::Secret("team/trust".into())),
            (" /etc/trust ", TrustSource::Path("/etc/trust".into())),
        ] {
            assert_eq!(text.parse(), Ok(expected));
        }
        for text in ["", "secret:", "arn:aws:s3:::bucket"] {
            assert!(text.parse::<TrustSource>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_text_or_json() {
        assert_eq!(certificates_of("-----BEGIN").as_deref(), Some("-----BEGIN"));
        assert_eq!(certificates_of(r#" {"certificates":"a"}"#).as_deref(), Some("a"));
        assert_eq!(certificates_of(r#"{"certificates":["a","b"]}"#).as_deref(), Some("a\nb"));
        assert_eq!(certificates_of(r#"{"certificate":"a"}"#), None);
    }
}
