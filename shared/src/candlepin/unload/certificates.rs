//! Entitlement certificates: paired with their entitlements, keys sealed, each written once.

use super::digest::Digester;
use super::output::Output;
use super::products::{ReadError, Scope};
use super::tables::Bulk;
use crate::archive::{Expander, Member};
use crate::clock::to_timestamp;
use crate::db::Tuple;
use crate::keyring::Keyring;
use crate::manifest::model::{CertificateJson, Serial, Text};
use crate::manifest::{
    Certificate, CertificatePem, KeyMatch, ManifestError, PemFile, PrivateKey, certificate_and_key, key_matches,
};
use crate::warnings::Warnings;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// The folder of certificates as files.
const FOLDER: &str = "entitlement_certificates/";

/// Whom a certificate may be for: the world names the entitlement in it, the first design the subscription.
pub(super) struct Names<'e> {
    pub entitlement: &'e str,
    pub subscription: Option<&'e str>,
}

/// Writes certificates that are not there yet.
pub(super) struct Certificates<'a> {
    scope: &'a Scope,
    keyring: &'a Keyring,
    /// Digest -> row, of those that are there.
    known: HashMap<Vec<u8>, String>,
    expander: Expander,
    /// Files that belong to an entitlement.
    paired: HashSet<String>,
    pub adds: u64,
}

impl<'a> Certificates<'a> {
    pub fn new(scope: &'a Scope, keyring: &'a Keyring, known: HashMap<Vec<u8>, String>) -> Self {
        Self { scope, keyring, known, expander: Expander::new(), paired: HashSet::new(), adds: 0 }
    }

    /// The row of an entitlement's certificate, written where it is new, and its serial number. Compared with its file, where
    /// there is one.
    pub fn place(
        &mut self,
        file: &str,
        names: &Names<'_>,
        json: &CertificateJson<'_>,
        output: &mut Output,
    ) -> Result<(String, Option<i64>), ReadError> {
        let serial = match json.serial.and_then(Serial::number) {
            Some(serial) => Some(serial),
            None => serial_of(file, json)?,
        };
        let member = serial.and_then(|serial| self.file(serial));
        let mut as_json = None;
        if let Some(member) = member {
            self.paired.insert(member.name().to_owned());
            as_json = Some(self.compare(file, member, json)?);
        }
        let digest = digest(names, json.cert.as_ref().map(Text::as_str), json.key.as_ref().map(Text::as_str));
        if let Some(row) = self.known.get(&digest[..]) {
            return Ok((row.clone(), serial));
        }
        let pem = match as_json.flatten() {
            Some(pem) => pem,
            None => certificate_and_key(file, json)?,
        };
        Ok((self.write(file, names, pem, serial, &digest, output)?, serial))
    }

    /// The file of a certificate.
    pub fn file(&self, serial: i64) -> Option<Member<'a>> {
        self.scope.members.get(&format!("{FOLDER}{serial}.pem"))
    }

    /// Takes note that a certificate's file belongs to an entitlement that is as it was.
    pub fn pass_over(&mut self, serial: Option<i64>) {
        let file = serial.and_then(|serial| self.file(serial));
        self.paired.extend(file.map(|member| member.name().to_owned()));
    }

    /// Where JSON and file disagree, nobody knows which is right. Returns what was read, where it had to be.
    fn compare(
        &mut self,
        file: &str,
        member: Member<'_>,
        json: &CertificateJson<'_>,
    ) -> Result<Option<PemFile>, ManifestError> {
        let text = text_of(&mut self.expander, member)?;
        let parts = [json.cert.as_ref(), json.key.as_ref()].map(|part| part.map(Text::as_str).unwrap_or_default());
        // As the world writes it: one text after the other.
        if text.len() == parts[0].len() + parts[1].len() && text.starts_with(parts[0]) && text.ends_with(parts[1]) {
            return Ok(None);
        }
        let in_file = PemFile::split(text).map_err(ManifestError::certificate(member.name()))?;
        let in_json = certificate_and_key(file, json)?;
        let same_certificate = match (&in_file.certificate, &in_json.certificate) {
            (Some(a), Some(b)) => a.is_same(b),
            _ => false,
        };
        let same_key = match (&in_file.key, &in_json.key) {
            (Some(a), Some(b)) => a.is_same(b),
            // A file of the certificate alone is fine.
            (None, _) => true,
            (Some(_), None) => false,
        };
        if same_certificate && same_key {
            Ok(Some(in_json))
        } else {
            let problem = format!("certificate or key are other ones than in {}", member.name());
            Err(ManifestError::invalid(file, problem))
        }
    }

    /// Files that belong to no entitlement's JSON, under the name in their certificates. One that cannot be read, or whose
    /// name does not say its serial number, is nobody's.
    pub fn left(
        &mut self,
        warnings: &mut Warnings,
        output: &Output,
    ) -> Result<HashMap<String, Vec<Member<'a>>>, ReadError> {
        let mut left: HashMap<String, Vec<Member<'a>>> = HashMap::new();
        for member in self.scope.members.under(FOLDER) {
            let name = member.name();
            if self.paired.contains(name) {
                continue;
            }
            output.check()?;
            if !name.ends_with(".pem") {
                warnings.add("a file of a kind that is not known there; it is ignored", name, 1);
                continue;
            }
            match name_in(name, self.expander.read(member).map_err(ManifestError::from)?) {
                // Several entitlements of one subscription may have certificates that are named for it.
                Ok(common_name) => left.entry(common_name).or_default().push(member),
                Err(problem) => warnings.add(format!("the certificate is ignored: {problem}"), name, 1),
            }
        }
        Ok(left)
    }

    /// Writes a certificate that stands in a file alone.
    pub fn place_file(
        &mut self,
        member: Member<'_>,
        names: &Names<'_>,
        output: &mut Output,
    ) -> Result<String, ReadError> {
        let file = member.name();
        let text = text_of(&mut self.expander, member)?;
        let pem = PemFile::split(text).map_err(ManifestError::certificate(file))?;
        let certificate = pem.certificate.as_ref().map(CertificatePem::text);
        let digest = digest(names, certificate, pem.key.as_ref().map(|key| key.text().expose()));
        match self.known.get(&digest[..]) {
            Some(row) => Ok(row.clone()),
            None => self.write(file, names, pem, None, &digest, output),
        }
    }

    fn write(
        &mut self,
        file: &str,
        names: &Names<'_>,
        pem: PemFile,
        serial: Option<i64>,
        digest: &[u8],
        output: &mut Output,
    ) -> Result<String, ReadError> {
        let PemFile { certificate: Some(certificate), key } = pem else {
            return Err(ManifestError::invalid(file, "there is a key, and no certificate").into());
        };
        let parsed = certificate.parse().map_err(ManifestError::certificate(file))?;
        if serial.is_some_and(|serial| serial != parsed.serial) {
            return Err(ManifestError::invalid(file, "the serial number is not the certificate's").into());
        }
        let common_name = parsed.common_name.as_deref().unwrap_or_default();
        if common_name != names.entitlement && Some(common_name) != names.subscription {
            return Err(ManifestError::invalid(file, "the certificate is for another entitlement").into());
        }
        if key.as_ref().is_some_and(|key| key_matches(&parsed, key) == KeyMatch::Differs) {
            return Err(ManifestError::invalid(file, "the private key is not the certificate's").into());
        }
        let id = Uuid::now_v7().simple().to_string();
        let serial_id = local_serial();
        let mut row = output.row(Bulk::Serials);
        row.int8(serial_id);
        row.int8(parsed.serial);
        row.timestamp(to_timestamp(parsed.not_after));
        row.timestamp(self.scope.now);
        row.timestamp(self.scope.now);
        let seal = |key: &PrivateKey| self.keyring.seal(&key_context(&id), key.text().expose().as_bytes());
        let sealed = key.as_ref().map(seal).transpose()?;
        let mut row = output.row(Bulk::Certificates);
        row.text(&id);
        row.bytea(certificate.text().as_bytes());
        row.optional(sealed.as_ref().map(|sealed| &sealed.bytes[..]), Tuple::bytea);
        row.optional_text(sealed.as_ref().map(|sealed| sealed.key_id.as_str()));
        row.bytea(digest);
        row.text(common_name);
        row.int8(serial_id);
        row.timestamp(self.scope.now);
        row.timestamp(self.scope.now);
        self.adds += 1;
        self.known.insert(digest.to_vec(), id.clone());
        Ok(id)
    }
}

/// Where a key's text stands once it is sealed, which sealing binds it to.
pub(in crate::candlepin) fn key_context(certificate: &str) -> String {
    format!("cp_certificate/{certificate}")
}

/// Of certificate, key and the entitlement that both are for.
fn digest(names: &Names<'_>, certificate: Option<&str>, key: Option<&str>) -> Vec<u8> {
    let mut digester = Digester::new();
    digester.text(names.entitlement).optional(certificate).optional(key);
    digester.finish().to_vec()
}

/// The name in the certificate of a file that is named for its serial number.
fn name_in(file: &str, bytes: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
    let certificate = Certificate::parse(text).map_err(|error| error.to_string())?;
    if file.trim_start_matches(FOLDER).trim_end_matches(".pem") != certificate.serial.to_string() {
        return Err("its serial number is not the file's name".into());
    }
    Ok(certificate.common_name.unwrap_or_default())
}

/// The serial number in a certificate that comes without one.
fn serial_of(file: &str, json: &CertificateJson<'_>) -> Result<Option<i64>, ManifestError> {
    let Some(certificate) = certificate_and_key(file, json)?.certificate else { return Ok(None) };
    Ok(Some(certificate.parse().map_err(ManifestError::certificate(file))?.serial))
}

fn text_of<'b>(expander: &'b mut Expander, member: Member<'b>) -> Result<&'b str, ManifestError> {
    let bytes = expander.read(member)?;
    std::str::from_utf8(bytes).map_err(|_| ManifestError::invalid(member.name(), "it is not text"))
}

/// A number for a certificate in this database: 63 bits of chance, so that two never meet.
pub(crate) fn local_serial() -> i64 {
    (Uuid::new_v4().as_u64_pair().1.rotate_left(17) >> 1).cast_signed()
}
