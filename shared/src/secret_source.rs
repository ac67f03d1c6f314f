//! Where a secret text is kept: keys, and the authority.

use crate::aws::Aws;
use crate::failure::Chain;
use crate::secret::Secret;
use aws_sdk_kms::primitives::Blob;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a secret text is.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// `file:<path>`: a local file, for development.
    File(PathBuf),
    /// `secretsmanager:<ARN or name>`: the text of a secret.
    SecretsManager(String),
    /// `kms:<base64>`: the text itself, encrypted by KMS.
    Kms(Vec<u8>),
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretSource({self})")
    }
}

/// Names the place, as errors do.
impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::SecretsManager(id) => write!(f, "secret {id}"),
            Self::Kms(ciphertext) => write!(f, "a KMS ciphertext of {} bytes", ciphertext.len()),
        }
    }
}

impl FromStr for SecretSource {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected file:<path>, secretsmanager:<ARN or name> or kms:<base64>";
        match text.trim().split_once(':') {
            Some((_, "")) | None => Err(EXPECTED),
            Some(("file", path)) => Ok(Self::File(path.into())),
            Some(("secretsmanager", id)) => Ok(Self::SecretsManager(id.into())),
            Some(("kms", base64)) => {
                BASE64_STANDARD.decode(base64).map(Self::Kms).map_err(|_| "what follows kms: is not base64")
            }
            Some(_) => Err(EXPECTED),
        }
    }
}

impl SecretSource {
    /// Reads the text.
    ///
    /// # Errors
    /// Why it cannot be had, without a word of it.
    pub(crate) async fn read(&self, aws: &Aws) -> Result<Secret, String> {
        let text = match self {
            Self::File(path) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
            Self::SecretsManager(id) => read_secret(id, aws).await,
            Self::Kms(ciphertext) => decrypt(ciphertext, aws).await,
        };
        text.map(Secret::new)
    }
}

/// The text of a secret of Secrets Manager, by ARN or name.
///
/// # Errors
/// Why it cannot be had, without a word of it.
pub async fn read_secret(id: &str, aws: &Aws) -> Result<String, String> {
    let answer = Box::pin(aws.secrets().get_secret_value().secret_id(id).send()).await;
    let answer = answer.map_err(|error| Chain(&error).to_string())?;
    answer.secret_string().map(Into::into).ok_or_else(|| "it is binary, not text".into())
}

async fn decrypt(ciphertext: &[u8], aws: &Aws) -> Result<String, String> {
    let answer = Box::pin(aws.kms().decrypt().ciphertext_blob(Blob::new(ciphertext)).send()).await;
    let answer = answer.map_err(|error| Chain(&error).to_string())?;
    let plain = answer.plaintext.ok_or("KMS gave no plaintext")?;
    String::from_utf8(plain.into_inner()).map_err(|_| "what KMS decrypted is not text".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_names_its_kind() {
        assert_eq!("file:/tmp/keys".parse(), Ok(SecretSource::File("/tmp/keys".into())));
        let arn = "arn:aws:secretsmanager:eu-central-1:1:secret:keys-AbCdEf";
        assert_eq!(format!("secretsmanager:{arn}").parse(), Ok(SecretSource::SecretsManager(arn.into())));
        assert_eq!("kms:AQID".parse(), Ok(SecretSource::Kms(vec![1, 2, 3])));
        for text in ["", "file:", "kms:?", "/tmp/keys", "https://keys"] {
            assert!(text.parse::<SecretSource>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_encrypted_is_not_shown() {
        let source: SecretSource = "kms:AQID".parse().unwrap();
        assert_eq!(format!("{source:?}"), "SecretSource(a KMS ciphertext of 3 bytes)");
    }
}
