//! All that is found in an export.

use anyhow::Result;
use longshore::{
    candlepin::{ImportError, rehearse},
    failure::Chain,
    manifest::{Head, Kind, read::Export},
    warnings::{Warning, Warnings},
};
use serde::Serialize;
use time::OffsetDateTime;

use super::{
    rows::{Lists, shown},
    signature::{Signature, check},
};
use crate::inspect::{Options, Refused};

/// What there is to tell; as JSON, what `--json` prints.
#[derive(Debug, Serialize)]
pub struct Findings {
    pub kind: &'static str,
    pub compressed_bytes: u64,
    pub expanded_bytes: u64,
    pub files: usize,
    pub from: From,
    pub signature: Signature,
    pub rules_version: Option<String>,
    pub consumer_types: Vec<String>,
    pub distributor_versions: Vec<String>,
    pub cdns: Vec<Cdn>,
    #[serde(flatten)]
    pub lists: Lists,
    pub warnings: Vec<Warning>,
    pub warning_count: u64,
    pub refused: Option<Refused>,
}

/// Who made the export, for whom.
#[derive(Debug, Default, Serialize)]
pub struct From {
    pub consumer_uuid: Option<String>,
    pub consumer_name: Option<String>,
    pub consumer_type: Option<String>,
    pub content_access_mode: Option<String>,
    pub url_web: Option<String>,
    pub url_api: Option<String>,
    pub created: Option<String>,
    pub principal: Option<String>,
    pub exporter_version: Option<String>,
    pub cdn_label: Option<String>,
}

/// A content delivery network.
#[derive(Debug, Serialize)]
pub struct Cdn {
    pub label: String,
    pub name: String,
    pub url: String,
}

impl Findings {
    /// Reads all of an export, and tells what can be told of one that an import would refuse.
    ///
    /// # Errors
    /// A file that was named beside the export cannot be read.
    pub fn of(export: &Export, compressed: usize, options: &Options, now: OffsetDateTime) -> Result<Self> {
        let mut warnings = Warnings::default();
        let (signature, unsigned) = check(export, options, now)?;
        for name in &export.container().ignored {
            warnings.add("a file outside the export; it is ignored", name, 1);
        }
        // In the order of an import: what it would say first is what is told.
        let head = export.head(&mut warnings).map_err(ImportError::from);
        let lists = Lists::read(export, head.as_ref().ok(), now);
        let (rehearsed, more) = match head.as_ref().ok().map(|_| rehearse(export)) {
            Some(Ok(more)) => (None, more),
            Some(Err(error)) => (Some(error), Warnings::default()),
            None => (None, Warnings::default()),
        };
        warnings.append(more);
        let refusal = unsigned.as_ref().or(head.as_ref().err()).or(rehearsed.as_ref());
        let head = head.as_ref().ok();
        let kind = match export.container().kind {
            Kind::Manifest => "manifest",
            Kind::DataBundle => "data bundle",
        };
        Ok(Self {
            kind,
            compressed_bytes: compressed as u64,
            expanded_bytes: export.container().files.expanded_bytes(),
            files: export.container().files.len(),
            from: From::of(export, head),
            signature,
            rules_version: head
                .and_then(|head| head.rules.as_ref())
                .map(|rules| rules.version.as_ref().map_or("without a version", |version| version.as_str()).to_owned()),
            consumer_types: names(head, |head| head.consumer_types.iter().map(|one| one.label.clone()).collect()),
            distributor_versions: names(head, |head| {
                head.distributor_versions.iter().map(|one| one.display_name.clone()).collect()
            }),
            cdns: head.map(cdns).unwrap_or_default(),
            lists,
            warnings: warnings.first,
            warning_count: warnings.count,
            refused: refusal.map(|error| Refused::new(error, Chain(error).to_string())),
        })
    }
}

fn names(head: Option<&Head>, of: impl Fn(&Head) -> Vec<String>) -> Vec<String> {
    head.map(of).unwrap_or_default()
}

fn cdns(head: &Head) -> Vec<Cdn> {
    let cdn = |one: &longshore::manifest::model::Cdn| Cdn {
        label: one.label.clone(),
        name: one.name.clone(),
        url: one.url.clone(),
    };
    head.cdns.iter().map(cdn).collect()
}

impl From {
    /// From the two files alone where the rest cannot be read.
    fn of(export: &Export, head: Option<&Head>) -> Self {
        let consumer = head.map(|head| head.consumer.clone()).or_else(|| export.consumer().ok());
        let meta = head.map(|head| head.meta.clone()).or_else(|| export.meta().ok());
        let mut from = Self::default();
        if let Some(consumer) = consumer {
            from.consumer_uuid = Some(consumer.uuid);
            from.consumer_name = consumer.name;
            from.consumer_type = consumer.type_label;
            from.content_access_mode = consumer.content_access_mode;
            (from.url_web, from.url_api) = (consumer.url_web, consumer.url_api);
        }
        if let Some(meta) = meta {
            from.created = Some(shown(meta.created.0));
            from.principal = meta.principal_name;
            from.exporter_version = Some(meta.version);
            from.cdn_label = meta.cdn_label;
        }
        from
    }
}
