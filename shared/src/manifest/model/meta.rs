//! The small files: what the manifest is, who it is for, and the objects that all owners share.

use super::values::{Moment, Text, or_default};
use serde::Deserialize;

/// `meta.json`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The exporter's version, `0.0.0` where the file has none. In a data bundle the version of its format.
    pub version: String,
    /// When the manifest was made: what tells an older from a newer one.
    pub created: Moment,
    /// Who exported it.
    pub principal_name: Option<String>,
    /// Base of the exporter's web pages, in place of a missing `urlWeb`.
    pub web_app_prefix: Option<String>,
    /// The content delivery network that was asked for.
    pub cdn_label: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::manifest) struct RawMeta<'a> {
    #[serde(borrow, default)]
    version: Option<Text<'a>>,
    #[serde(default)]
    pub created: Option<Moment>,
    #[serde(borrow, default)]
    principal_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    web_app_prefix: Option<Text<'a>>,
    #[serde(borrow, default)]
    cdn_label: Option<Text<'a>>,
}

impl RawMeta<'_> {
    /// `None` when it does not say when it was made.
    pub fn check(self) -> Option<Meta> {
        Some(Meta {
            version: some_text(self.version).unwrap_or_else(|| "0.0.0".into()),
            created: self.created?,
            principal_name: some_text(self.principal_name),
            web_app_prefix: some_text(self.web_app_prefix),
            cdn_label: some_text(self.cdn_label),
        })
    }
}

/// Text that says something: blank counts as absent.
pub(super) fn some_text(text: Option<Text<'_>>) -> Option<String> {
    text.map(|text| text.0.into_owned()).filter(|text| !text.trim().is_empty())
}

/// `consumer.json`: the distributor that the manifest is for, as its own server knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Consumer {
    /// Identifies it everywhere.
    pub uuid: String,
    /// Its name; files of 2010 to 2012 hold nothing but the uuid.
    pub name: Option<String>,
    /// Label of its consumer type.
    pub type_label: Option<String>,
    /// Base of its page in the exporter's web pages; the uuid can be appended.
    pub url_web: Option<String>,
    /// Base of its resource in the exporter's API; the uuid can be appended.
    pub url_api: Option<String>,
    /// `entitlement` or `org_environment`.
    pub content_access_mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::manifest) struct RawConsumer<'a> {
    #[serde(borrow, default)]
    uuid: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default, rename = "type")]
    consumer_type: Option<RawType<'a>>,
    /// The names of the association design's `upstream_consumer/<uuid>.json` beside those of `consumer.json`.
    #[serde(borrow, default, alias = "prefixUrlWeb", alias = "webUrl")]
    url_web: Option<Text<'a>>,
    #[serde(borrow, default, alias = "prefixUrlApi", alias = "apiUrl")]
    url_api: Option<Text<'a>>,
    #[serde(borrow, default)]
    content_access_mode: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct RawType<'a> {
    #[serde(borrow, default)]
    label: Option<Text<'a>>,
}

impl RawConsumer<'_> {
    /// `None` when it has no uuid.
    pub fn check(self) -> Option<Consumer> {
        Some(Consumer {
            uuid: some_text(self.uuid)?.trim().to_owned(),
            name: some_text(self.name),
            type_label: some_text(self.consumer_type.and_then(|found| found.label)),
            url_web: some_text(self.url_web),
            url_api: some_text(self.url_api),
            content_access_mode: some_text(self.content_access_mode),
        })
    }
}

/// `consumer_types/<label>.json`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct ConsumerType {
    /// Its name; may hold blanks.
    pub label: String,
    /// Whether consumers of this type get manifests; files of 2011 do not say.
    #[serde(default)]
    pub manifest: Option<bool>,
}

/// `distributor_version/<name>.json`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistributorVersion {
    /// Identifies it.
    pub name: String,
    /// For people.
    pub display_name: String,
    /// Names of what it can do, sorted, each once.
    pub capabilities: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::manifest) struct RawDistributorVersion {
    name: String,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    capabilities: Vec<Capability>,
}

#[derive(Deserialize)]
struct Capability {
    name: String,
}

impl From<RawDistributorVersion> for DistributorVersion {
    fn from(raw: RawDistributorVersion) -> Self {
        let mut capabilities: Vec<_> = raw.capabilities.into_iter().map(|capability| capability.name).collect();
        capabilities.sort();
        capabilities.dedup();
        Self { display_name: raw.display_name.unwrap_or_else(|| raw.name.clone()), name: raw.name, capabilities }
    }
}

/// `content_delivery_network/<label>.json`. Its certificate, which carries a private key, is not even read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Cdn {
    /// Identifies it; called `key` for two weeks of 2013.
    #[serde(alias = "key")]
    pub label: String,
    /// For people.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// Its address.
    #[serde(default, deserialize_with = "or_default")]
    pub url: String,
}
