//! `upstream_consumer/`: the identity certificate, and what the folder adds to `consumer.json`.

use super::ManifestError;
use super::certificate::{CertificatePem, KeyMatch, PemFile, PrivateKey, key_matches};
use super::files::Files;
use super::model::{CertificateJson, Consumer, RawConsumer, Serial, Text};
use crate::archive::Member;
use crate::clock::to_timestamp;
use crate::warnings::Warnings;
use time::PrimitiveDateTime;

/// The consumer's key pair, which manifests of the autumn of 2012 carry beside the certificate. Nobody has a use for it.
const KEY_PAIR: &str = "upstream_consumer/keypair.pem";

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

/// The identity certificate, and what `upstream_consumer/<uuid>.json` adds to the consumer.
///
/// In the world the folder holds one `<serial>.json` with certificate and key; in the association design `<uuid>.json` and
/// `<certificate id>.pem`; in what is exported here both.
pub(super) fn read_upstream_consumer(
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
        } else if name == KEY_PAIR {
            continue;
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
    match json.serial.and_then(Serial::number) {
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
