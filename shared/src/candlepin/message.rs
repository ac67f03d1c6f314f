//! A manifest that is announced: the ingress form of the Upload Service, with what an import needs in its `metadata`.

use super::Conflict;
use crate::failure::brief;
use crate::kafka::{BASE64, Record};
use crate::message::{Announcement, Fields, MessageError, Parsed};
use base64::Engine as _;
use serde_json::Value;

/// The service whose uploads are ours.
const SERVICE: &str = "candlepin";

/// Longest name of a file or a person that is kept, in bytes: 255 with the two dots that say that it was cut.
const MAX_NAME: usize = 253;

/// Longest unknown name that is shown, in bytes.
const MAX_SHOWN: usize = 40;

/// An announced manifest or data bundle.
pub struct ManifestMessage {
    /// Where it is and who says so. Its identity or its claim names somebody.
    pub announced: Announcement,
    /// Who uploaded it, as the producer says.
    pub principal: Option<String>,
    /// The key of the owner that it is for.
    pub owner: Option<String>,
    /// The conflicts that are forced: sorted, each once.
    pub force: Vec<Conflict>,
    /// A detached signature.
    pub signature: Option<Vec<u8>>,
    /// Where a detached signature is. May be presigned, so it is a secret.
    pub signature_url: Option<String>,
    /// What the file was called where it was uploaded.
    pub file_name: Option<String>,
    /// Only the upstream consumer is to be taken from it.
    pub consumer_only: bool,
}

impl std::fmt::Debug for ManifestMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A signature's URL may be presigned, and nobody's name is for logs.
        f.debug_struct("ManifestMessage")
            .field("announced", &self.announced)
            .field("force", &self.force)
            .field("consumer_only", &self.consumer_only)
            .finish_non_exhaustive()
    }
}

impl ManifestMessage {
    /// Understands a record. Unknown keys are ignored.
    ///
    /// # Errors
    /// See [`MessageError`]: none is cured by a redelivery.
    pub fn parse(record: &Record) -> Result<Parsed<Self>, MessageError> {
        match Fields::for_service(record, SERVICE)? {
            Parsed::NotOurs(why) => Ok(Parsed::NotOurs(why)),
            Parsed::Message(fields) if fields.names_another(SERVICE)? => {
                Ok(Parsed::NotOurs("its service is another one"))
            }
            Parsed::Message(fields) => Self::read(&fields, record).map(Parsed::from),
        }
    }

    /// The caller's organisation.
    pub fn org(&self) -> &str {
        let Announcement { identity, claim, .. } = &self.announced;
        identity.tenant().or(claim.tenant()).unwrap_or_default()
    }

    fn read(fields: &Fields, record: &Record) -> Result<Self, MessageError> {
        let metadata = fields.object("metadata")?;
        let announced = Announcement::ingress(fields, record)?;
        // Nobody could be asked for whom he may act.
        if announced.identity.tenant().or(announced.claim.tenant()).is_none() {
            return Err(MessageError::Identity("missing, and so are org_id and account"));
        }
        Ok(Self {
            announced,
            principal: short(fields.text("principal")?),
            owner: metadata.text("owner")?,
            force: force(metadata.get("force"))?,
            signature: signature(metadata.text("signature")?)?,
            signature_url: match fields.text("signature_url")? {
                Some(url) => Some(url),
                None => metadata.text("signature_url")?,
            },
            file_name: short(metadata.text("file_name")?),
            consumer_only: only(metadata.text("only")?)?,
        })
    }
}

/// The one part of a manifest that can be had alone. Whoever names another one would not want all of it instead.
fn only(part: Option<String>) -> Result<bool, MessageError> {
    match part.as_deref() {
        None => Ok(false),
        Some("consumer") => Ok(true),
        Some(other) => Err(MessageError::Unknown {
            key: "metadata.only",
            problem: format!("{:?} cannot be imported alone; consumer can", brief(other, MAX_SHOWN)),
        }),
    }
}

fn short(text: Option<String>) -> Option<String> {
    text.map(|text| brief(&text, MAX_NAME))
}

/// A list of names, or one name. From the time before there were names: `true` alone, which means the manifest's age, and
/// `false`.
fn force(value: Option<&Value>) -> Result<Vec<Conflict>, MessageError> {
    let list = match value {
        None => &[][..],
        Some(Value::Array(list)) => list,
        Some(one) => std::slice::from_ref(one),
    };
    let names = list.iter().map(|item| match item {
        Value::String(name) => Ok(name.trim()),
        Value::Bool(true) => Ok("true"),
        Value::Bool(false) => Ok("false"),
        _ => Err(MessageError::Key { key: "metadata.force", problem: "not a list of names" }),
    });
    let mut names: Vec<&str> = names.collect::<Result<_, _>>()?;
    names.retain(|name| !name.is_empty());
    let mut conflicts = match names.as_slice() {
        [one] if one.eq_ignore_ascii_case("true") => vec![Conflict::ManifestOld],
        [one] if one.eq_ignore_ascii_case("false") => Vec::new(),
        several => several.iter().map(|name| conflict(name)).collect::<Result<_, _>>()?,
    };
    conflicts.sort_unstable();
    conflicts.dedup();
    Ok(conflicts)
}

fn conflict(name: &str) -> Result<Conflict, MessageError> {
    name.parse().map_err(|error: super::UnknownConflict| MessageError::Unknown {
        key: "metadata.force",
        problem: error.to_string(),
    })
}

/// Tools break base64 into lines.
fn signature(text: Option<String>) -> Result<Option<Vec<u8>>, MessageError> {
    let Some(text) = text else { return Ok(None) };
    let one_line: String = text.split_ascii_whitespace().collect();
    let decoded = BASE64.decode(one_line);
    decoded.map(Some).map_err(|_| MessageError::Key { key: "metadata.signature", problem: "not base64" })
}

#[cfg(test)]
mod tests;
