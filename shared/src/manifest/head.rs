//! What a manifest says about itself and about what all owners share: everything but products and entitlements.

use super::certificate::{CertificatePem, KeyMatch, PemFile, PrivateKey, key_matches};
use super::files::Files;
use super::model::{
    Cdn, CertificateJson, Consumer, ConsumerType, DistributorVersion, Meta, RawConsumer, RawDistributorVersion,
    RawMeta, Text,
};
use super::rules::Rules;
use super::{Container, Kind, ManifestError};
use crate::archive::Member;
use crate::clock::to_timestamp;
use crate::warnings::Warnings;
use time::PrimitiveDateTime;

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

/// The certificate with which the consumer is known to its server, and its key.
#[derive(Debug)]
pub struct Identity {
    /// PEM.
    pub certificate: CertificatePem,
    /// Absent in bundles that carry the certificate alone.
    pub key: Option<PrivateKey>,
    /// The X.509 serial number.
    pub serial: i64,
    /// The end of its validity.
    pub expires: PrimitiveDateTime,
    /// The file that it came from.
    pub file: String,
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
    let meta = read_meta(files)?;
    if container.kind == Kind::DataBundle && !knows_version(&meta.version) {
        let problem = "the version of the data bundle is not one that is known, which is 1.x";
        return Err(ManifestError::invalid("meta.json", problem));
    }
    if !files.has_folder("consumer_types/") {
        return Err(ManifestError::Missing { part: "consumer_types/" });
    }
    let mut consumer = read_consumer(files)?;
    let has_products = files.has_folder("products/");
    if has_products && !files.has_folder("entitlements/") {
        return Err(ManifestError::Missing { part: "entitlements/, although it has products/" });
    }
    let identity = read_upstream_consumer(files, &mut consumer, warnings)?;
    consumer.url_web = consumer.url_web.take().or_else(|| meta.web_app_prefix.clone());
    check_widths(&consumer)?;
    if !has_products {
        warnings.add("there are no products, so there are no subscriptions", "products/", 1);
    }
    Ok(Head {
        consumer_types: read_all(files, "consumer_types/", |found: &ConsumerType| &found.label)?,
        distributor_versions: read_distributor_versions(files)?,
        cdns: read_cdns(files)?,
        rules: read_rules(files)?,
        meta,
        consumer,
        identity,
        has_products,
    })
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

/// The identity certificate, and what `upstream_consumer/<uuid>.json` adds to the consumer.
///
/// In the world the folder holds one `<serial>.json` with certificate and key; in the association design `<uuid>.json` and
/// `<certificate id>.pem`; in what is exported here both.
fn read_upstream_consumer(
    files: &mut Files<'_>,
    consumer: &mut Consumer,
    warnings: &mut Warnings,
) -> Result<Option<Identity>, ManifestError> {
    let mut found: Vec<Identity> = Vec::new();
    let members: Vec<Member<'_>> = files.members().under("upstream_consumer/").collect();
    for member in members {
        let name = member.name();
        if name.ends_with(".json") {
            let json: UpstreamJson<'_> = files.json(member)?;
            if let Some(more) = json.consumer.check() {
                complete(consumer, more, name)?;
            }
            if json.certificate.cert.is_some() {
                found.push(identity_from_json(name, &json.certificate)?);
            }
        } else if name.ends_with(".pem") {
            let pem = PemFile::split(files.text(member)?).map_err(ManifestError::certificate(name))?;
            found.extend(identity(name, pem)?);
        } else {
            warnings.add("a file of a kind that is not known there; it is ignored", name, 1);
        }
    }
    let Some(identity) = one_identity(found, warnings) else { return Ok(None) };
    check_identity(&identity, consumer, warnings)?;
    Ok(Some(identity))
}

/// Of several certificates the one that is valid longest. Both forms of the folder together tell of one certificate more
/// than once; where only one of them has the key, that one counts.
fn one_identity(mut found: Vec<Identity>, warnings: &mut Warnings) -> Option<Identity> {
    found.sort_by(|a, b| {
        (a.expires, a.serial, a.key.is_some(), &a.file).cmp(&(b.expires, b.serial, b.key.is_some(), &b.file))
    });
    let identity = found.pop()?;
    if found.iter().any(|other| other.certificate.text() != identity.certificate.text()) {
        warnings.add("several identity certificates; the one that is valid longest counts", "upstream_consumer/", 1);
    }
    Some(identity)
}

/// Either of the two JSON files of the folder.
#[derive(serde::Deserialize)]
struct UpstreamJson<'a> {
    #[serde(flatten, borrow)]
    consumer: RawConsumer<'a>,
    #[serde(flatten, borrow)]
    certificate: CertificateJson<'a>,
}

/// What `consumer.json` does not say, the other file may.
fn complete(consumer: &mut Consumer, more: Consumer, file: &str) -> Result<(), ManifestError> {
    if more.uuid != consumer.uuid {
        return Err(ManifestError::invalid(file, "it is of another consumer than consumer.json"));
    }
    let take = |mine: &mut Option<String>, other: Option<String>| *mine = mine.take().or(other);
    take(&mut consumer.name, more.name);
    take(&mut consumer.type_label, more.type_label);
    take(&mut consumer.url_web, more.url_web);
    take(&mut consumer.url_api, more.url_api);
    take(&mut consumer.content_access_mode, more.content_access_mode);
    Ok(())
}

fn identity_from_json(file: &str, json: &CertificateJson<'_>) -> Result<Identity, ManifestError> {
    let pem = certificate_and_key(file, json)?;
    let identity = identity(file, pem)?.ok_or_else(|| ManifestError::invalid(file, "it holds no certificate"))?;
    match json.serial.and_then(super::model::Serial::number) {
        Some(serial) if serial != identity.serial => {
            Err(ManifestError::invalid(file, "its serial number is not the certificate's"))
        }
        _ => Ok(identity),
    }
}

/// A certificate and its key, which stand in JSON as two texts.
pub(crate) fn certificate_and_key(file: &str, json: &CertificateJson<'_>) -> Result<PemFile, ManifestError> {
    let certificate = json.cert.as_ref().map(Text::as_str).unwrap_or_default();
    let key = json.key.as_ref().map(Text::as_str).filter(|key| !key.trim().is_empty()).unwrap_or_default();
    PemFile::split(&format!("{certificate}\n{key}")).map_err(ManifestError::certificate(file))
}

fn identity(file: &str, pem: PemFile) -> Result<Option<Identity>, ManifestError> {
    let Some(certificate) = pem.certificate else { return Ok(None) };
    let parsed = certificate.parse().map_err(ManifestError::certificate(file))?;
    let expires = to_timestamp(parsed.not_after);
    Ok(Some(Identity { certificate, key: pem.key, serial: parsed.serial, expires, file: file.into() }))
}

/// The certificate names the consumer, and the key is its own.
fn check_identity(identity: &Identity, consumer: &Consumer, warnings: &mut Warnings) -> Result<(), ManifestError> {
    let file = &identity.file;
    let certificate = identity.certificate.parse().map_err(ManifestError::certificate(file))?;
    if certificate.common_name.as_deref() != Some(&consumer.uuid) {
        return Err(ManifestError::invalid(file, "the identity certificate is another consumer's"));
    }
    match identity.key.as_ref().map(|key| key_matches(&certificate, key)) {
        Some(KeyMatch::Differs) => {
            Err(ManifestError::invalid(file, "the private key is not the identity certificate's"))
        }
        None => {
            warnings.add("the identity certificate comes without its private key", file, 1);
            Ok(())
        }
        Some(_) => Ok(()),
    }
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
