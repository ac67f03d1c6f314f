//! What is asked for.

use super::ExportError;
use std::str::FromStr;

/// Widest text that whoever imports the manifest can keep, in characters.
const MAX_TEXT: usize = 255;

/// How a manifest is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// A zip in a zip with the signature beside it, as Candlepin makes and reads it.
    #[default]
    Zip,
    /// A gzip'd tar with a detached signature, as the Data Transfer design has it.
    Tar,
}

impl Format {
    /// As it stands in requests and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Tar => "tar",
        }
    }

    /// What its files end with.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Tar => "tar.gz",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Zip => "application/zip",
            Self::Tar => "application/gzip",
        }
    }
}

impl FromStr for Format {
    type Err = ExportError;

    fn from_str(text: &str) -> Result<Self, ExportError> {
        match text {
            "zip" => Ok(Self::Zip),
            "tar" => Ok(Self::Tar),
            _ => Err(ExportError::Request("format is zip or tar".into())),
        }
    }
}

/// A manifest that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// The uuid of the distributor whose manifest it is.
    pub consumer: String,
    /// The label of the content delivery network that importers are to use.
    pub cdn_label: Option<String>,
    /// Base of this server's web pages about consumers, in place of the setting.
    pub web_prefix: Option<String>,
    /// Base of this server's API of consumers, in place of the setting.
    pub api_url: Option<String>,
    /// How it is packed.
    pub format: Format,
}

impl Request {
    /// Checks what comes from outside. Blank texts count as absent.
    ///
    /// # Errors
    /// [`ExportError::Request`] when a text is too long for those who import the manifest, or no consumer is named.
    pub fn check(self) -> Result<Self, ExportError> {
        let request = Self {
            cdn_label: given(self.cdn_label),
            web_prefix: given(self.web_prefix).map(appendable),
            api_url: given(self.api_url).map(appendable),
            ..self
        };
        if request.consumer.trim().is_empty() {
            return Err(ExportError::Request("no consumer is named".into()));
        }
        let texts = [
            ("the consumer's uuid", Some(&request.consumer)),
            ("cdn_label", request.cdn_label.as_ref()),
            ("webapp_prefix", request.web_prefix.as_ref()),
            ("api_url", request.api_url.as_ref()),
        ];
        for (name, text) in texts {
            let unfit = |text: &&String| text.chars().count() > MAX_TEXT || text.contains('\0');
            if text.filter(unfit).is_some() {
                return Err(ExportError::Request(format!("{name} is over {MAX_TEXT} characters, or has U+0000")));
            }
        }
        Ok(request)
    }
}

/// A text that says something.
pub(super) fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// A base to which a consumer's uuid can be appended: with a slash at its end, unless it ends in a sign that separates.
fn appendable(mut base: String) -> String {
    if base.ends_with(|last: char| last.is_alphanumeric()) {
        base.push('/');
    }
    base
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_can_be_appended_to_both_bases() {
        let web_prefix = Some("web.example/subs?uuid=".to_owned());
        let api_url = Some("https://api.example/candlepin/consumers".to_owned());
        let request = Request { consumer: "c".into(), web_prefix, api_url, ..Request::default() }.check().unwrap();
        assert_eq!(request.web_prefix.as_deref(), Some("web.example/subs?uuid="));
        assert_eq!(request.api_url.as_deref(), Some("https://api.example/candlepin/consumers/"));
    }

    #[test]
    fn blank_is_absent_and_long_is_refused() {
        let label = |label: &str| Request { consumer: "c".into(), cdn_label: Some(label.into()), ..Request::default() };
        assert_eq!(label(" ").check().unwrap().cdn_label, None);
        assert!(label(&"x".repeat(256)).check().is_err());
        assert!(Request::default().check().is_err());
        assert!("rar".parse::<Format>().is_err());
    }
}
