//! The certificate by which the exporter is known to its own server.

use rcgen::DnType;
use time::OffsetDateTime;

use super::authority::{Authority, Certificate, VALID_FROM, VALID_TO, leaf_parameters, serial_of, uri};
use super::key::Key;

/// An identity certificate to be. It follows from its values, so that it can be made when it is written.
#[derive(Clone, Debug)]
pub struct IdentityCertificate {
    authority: Authority,
    uuid: String,
    name: Option<String>,
    owner: Option<String>,
    serial: Option<i64>,
    from: OffsetDateTime,
    to: OffsetDateTime,
}

impl IdentityCertificate {
    pub(super) fn new(authority: Authority, uuid: &str) -> Self {
        let uuid = uuid.to_owned();
        Self { authority, uuid, name: None, owner: None, serial: None, from: VALID_FROM, to: VALID_TO }
    }

    /// Names the consumer too, as an alternative name.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Names the owner too, as `O`.
    pub fn owner(mut self, key: &str) -> Self {
        self.owner = Some(key.to_owned());
        self
    }

    /// The serial, instead of one that follows from the uuid; up to 2^63-1.
    pub fn serial(mut self, serial: i64) -> Self {
        self.serial = Some(serial);
        self
    }

    /// When it is valid.
    pub fn valid(mut self, from: OffsetDateTime, to: OffsetDateTime) -> Self {
        (self.from, self.to) = (from, to);
        self
    }

    /// Its serial.
    pub fn serial_number(&self) -> i64 {
        self.serial.unwrap_or_else(|| serial_of("identity", &self.uuid))
    }

    /// Until when it is valid.
    pub fn expiration(&self) -> OffsetDateTime {
        self.to
    }

    /// Its key, which is not that of the entitlements.
    pub fn key(&self) -> Key {
        Key::named("identity", 2048)
    }

    /// The certificate.
    pub fn certificate(&self) -> Certificate {
        let mut subject: Vec<(DnType, &str)> = Vec::new();
        subject.extend(self.owner.as_deref().map(|owner| (DnType::OrganizationName, owner)));
        subject.push((DnType::CommonName, &self.uuid));
        let mut parameters = leaf_parameters(&subject, self.serial_number());
        (parameters.not_before, parameters.not_after) = (self.from, self.to);
        let name = self.name.as_ref().and_then(|name| uri(&format!("CN={}", name.replace(' ', "%20"))));
        parameters.subject_alt_names.extend(name);
        self.authority.issue(&parameters, &self.key())
    }
}
