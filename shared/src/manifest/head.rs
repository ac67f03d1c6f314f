//! What a manifest says about itself and about what all owners share: everything but products and entitlements.

use super::files::Files;
use super::identity::{Identity, read_upstream_consumer};
use super::model::{
    Cdn, Consumer, ConsumerType, DistributorVersion, Meta, RawConsumer, RawDistributorVersion, RawMeta,
};
use super::rules::Rules;
use super::{Container, Kind, ManifestError};
use crate::archive::Member;
use crate::warnings::Warnings;

/// Widths of the columns of an upstream consumer, in characters.
const MAX_NAME: usize = 255;

/// Everything of a manifest that is small.
#[derive(Debug)]
pub struct Head {
    /// `meta.json`
    pub meta: Meta,
    /// `consumer.json`, completed from `upstream_consumer/`.
    pub consumer: Consumer,
    /// The identity certificate, where the manifest carries one.
    pub identity: Option<Identity>,
    /// Sorted by label.
    pub consumer_types: Vec<ConsumerType>,
    /// Sorted by name.
    pub distributor_versions: Vec<DistributorVersion>,
    /// Sorted by label.
    pub cdns: Vec<Cdn>,
    /// The rules, where there are any.
    pub rules: Option<Rules>,
    /// Whether there are products. Without them there are no entitlements either.
    pub has_products: bool,
}

/// `meta.json` alone: what a failure's record tells of the manifest.
///
/// # Errors
/// The file is missing, damaged, or does not say when the manifest was made.
pub(crate) fn read_meta(files: &mut Files<'_>) -> Result<Meta, ManifestError> {
    let member = files.members().get("meta.json").ok_or(ManifestError::Missing { part: "meta.json" })?;
    let meta = files.json::<RawMeta<'_>>(member)?.check();
    meta.ok_or_else(|| ManifestError::invalid("meta.json", "it does not say when the manifest was created"))
}

/// `consumer.json`
///
/// # Errors
/// The file is missing, damaged, or names no consumer.
pub(crate) fn read_consumer(files: &mut Files<'_>) -> Result<Consumer, ManifestError> {
    let member = files.members().get("consumer.json").ok_or(ManifestError::Missing { part: "consumer.json" })?;
    let consumer = files.json::<RawConsumer<'_>>(member)?.check();
    consumer.ok_or_else(|| ManifestError::invalid("consumer.json", "it holds no uuid of the upstream consumer"))
}

/// Reads everything small, in the order in which the world looks for what is missing.
///
/// # Errors
/// See [`ManifestError`].
pub(crate) fn read_head(
    container: &Container,
    files: &mut Files<'_>,
    warnings: &mut Warnings,
) -> Result<Head, ManifestError> {
    let meta = read_known_meta(container, files)?;
    if !files.has_folder("consumer_types/") {
        return Err(ManifestError::Missing { part: "consumer_types/" });
    }
    let consumer = read_consumer(files)?;
    let has_products = files.has_folder("products/");
    if has_products && !files.has_folder("entitlements/") {
        return Err(ManifestError::Missing { part: "entitlements/, although it has products/" });
    }
    let (consumer, identity) = complete(consumer, &meta, files, warnings)?;
    if !has_products {
        warnings.add("there are no products, so there are no subscriptions", "products/", 1);
    }
    Ok(Head {
        consumer_types: read_consumer_types(files)?,
        distributor_versions: read_distributor_versions(files)?,
        cdns: read_cdns(files)?,
        rules: read_rules(files)?,
        meta,
        consumer,
        identity,
        has_products,
    })
}

/// Reads only who made the manifest: the consumer, its identity certificate, and what its type is. Whatever else the
/// manifest has, or lacks, it might as well not have.
///
/// # Errors
/// See [`ManifestError`].
pub(crate) fn read_consumer_only(
    container: &Container,
    files: &mut Files<'_>,
    warnings: &mut Warnings,
) -> Result<Head, ManifestError> {
    let meta = read_known_meta(container, files)?;
    let consumer = read_consumer(files)?;
    let (consumer, identity) = complete(consumer, &meta, files, warnings)?;
    let mut consumer_types = read_consumer_types(files)?;
    consumer_types.retain(|found| Some(&found.label) == consumer.type_label.as_ref());
    Ok(Head {
        meta,
        consumer,
        identity,
        consumer_types,
        distributor_versions: Vec::new(),
        cdns: Vec::new(),
        rules: None,
        has_products: false,
    })
}

/// `meta.json` of a format that is known.
fn read_known_meta(container: &Container, files: &mut Files<'_>) -> Result<Meta, ManifestError> {
    let meta = read_meta(files)?;
    if container.kind == Kind::DataBundle && !knows_version(&meta.version) {
        let problem = "the version of the data bundle is not one that is known, which is 1.x";
        return Err(ManifestError::invalid("meta.json", problem));
    }
    Ok(meta)
}

/// The consumer with what other files tell of it, and its identity certificate.
fn complete(
    mut consumer: Consumer,
    meta: &Meta,
    files: &mut Files<'_>,
    warnings: &mut Warnings,
) -> Result<(Consumer, Option<Identity>), ManifestError> {
    let identity = read_upstream_consumer(files, &mut consumer, warnings)?;
    consumer.url_web = consumer.url_web.take().or_else(|| meta.web_app_prefix.clone());
    check_widths(&consumer)?;
    Ok((consumer, identity))
}

fn read_consumer_types(files: &mut Files<'_>) -> Result<Vec<ConsumerType>, ManifestError> {
    read_all(files, "consumer_types/", |found: &ConsumerType| &found.label)
}

/// `1`, `1.0`, `1.1.2`: whatever the first version of the format has become by adding to it.
fn knows_version(version: &str) -> bool {
    version.split('.').next() == Some("1")
}

/// The objects of a folder, sorted by what identifies them, which must be there once.
fn read_all<T>(files: &mut Files<'_>, folder: &str, key: fn(&T) -> &String) -> Result<Vec<T>, ManifestError>
where
    T: for<'a> serde::Deserialize<'a>,
{
    let members: Vec<Member<'_>> = files.json_files(folder);
    let mut all: Vec<T> = members.into_iter().map(|member| files.json(member)).collect::<Result<_, _>>()?;
    all.sort_by(|a, b| key(a).cmp(key(b)));
    check_keys(folder, all.iter().map(key))?;
    Ok(all)
}

fn read_cdns(files: &mut Files<'_>) -> Result<Vec<Cdn>, ManifestError> {
    let folder = "content_delivery_network/";
    let all = read_all(files, folder, |found: &Cdn| &found.label)?;
    for cdn in &all {
        check_texts(folder, &cdn.label, [&cdn.name, &cdn.url].into_iter())?;
    }
    Ok(all)
}

fn read_distributor_versions(files: &mut Files<'_>) -> Result<Vec<DistributorVersion>, ManifestError> {
    let folder = "distributor_version/";
    let members: Vec<Member<'_>> = files.json_files(folder);
    let mut all = Vec::new();
    for member in members {
        all.push(DistributorVersion::from(files.json::<RawDistributorVersion>(member)?));
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    check_keys(folder, all.iter().map(|version| &version.name))?;
    for version in &all {
        check_texts(folder, &version.name, version.capabilities.iter().chain([&version.display_name]))?;
    }
    Ok(all)
}

/// What the database keeps of an object besides its key.
fn check_texts<'a>(folder: &str, key: &str, mut texts: impl Iterator<Item = &'a String>) -> Result<(), ManifestError> {
    if texts.any(|text| text.chars().count() > MAX_NAME || text.contains('\0')) {
        let problem =
            format!("a text of {} is over {MAX_NAME} characters, or has U+0000", crate::failure::brief(key, 80));
        return Err(ManifestError::invalid(folder, problem));
    }
    Ok(())
}

/// `keys` are sorted.
fn check_keys<'a>(folder: &str, keys: impl Iterator<Item = &'a String>) -> Result<(), ManifestError> {
    let mut last: Option<&String> = None;
    for key in keys {
        if key.trim().is_empty() || key.chars().count() > MAX_NAME || key.contains('\0') {
            return Err(ManifestError::invalid(folder, "a name or label is blank, over 255 characters, or has U+0000"));
        }
        if last == Some(key) {
            return Err(ManifestError::invalid(
                folder,
                format!("{} is described twice", crate::failure::brief(key, 80)),
            ));
        }
        last = Some(key);
    }
    Ok(())
}

/// `rules2/rules.js`, which must say its version; else `rules/rules.js`, which may. The copy for old servers,
/// `rules/default-rules.js`, is nobody's any more.
fn read_rules(files: &mut Files<'_>) -> Result<Option<Rules>, ManifestError> {
    if let Some(member) = files.members().get("rules2/rules.js") {
        let rules = Rules::new(files.text(member)?);
        if rules.version.is_none() {
            let problem = "its first line is not `// Version: <number>.<number>`";
            return Err(ManifestError::invalid("rules2/rules.js", problem));
        }
        return Ok(Some(rules));
    }
    let old = files.members().get("rules/rules.js");
    old.map(|member| Ok(Rules::new(files.text(member)?))).transpose()
}

fn check_widths(consumer: &Consumer) -> Result<(), ManifestError> {
    let texts = [
        ("uuid", Some(&consumer.uuid)),
        ("name", consumer.name.as_ref()),
        ("urlWeb", consumer.url_web.as_ref()),
        ("urlApi", consumer.url_api.as_ref()),
        ("contentAccessMode", consumer.content_access_mode.as_ref()),
    ];
    let wide = texts.into_iter().find(|(_, text)| text.is_some_and(|text| text.chars().count() > MAX_NAME));
    wide.map_or(Ok(()), |(key, _)| {
        Err(ManifestError::invalid("consumer.json", format!("{key} is longer than {MAX_NAME} characters")))
    })
}
