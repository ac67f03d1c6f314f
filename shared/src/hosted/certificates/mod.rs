//! The certificates that are issued here: identities, entitlements, engineering products.

mod der;
mod extensions;
mod facts;

pub(super) use facts::{Content, EntitlementFacts, Product};

use super::authority::{Authority, AuthorityError, certificate_pem};
use super::key_pair::PublicKey;
use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    SerialNumber,
};
use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime};

/// How many content sets an entitlement certificate of version 1 may name. Clients refuse more.
pub const MAX_CONTENTS: usize = 185;

/// Years of a consumer's identity.
const IDENTITY_YEARS: i32 = 5;

/// Years of a product's certificate.
const PRODUCT_YEARS: i32 = 10;

/// A certificate that was issued.
pub(super) struct Issued {
    pub serial: i64,
    pub pem: String,
    pub expires: PrimitiveDateTime,
}

/// Why an entitlement has no certificate.
#[derive(Debug)]
pub(super) enum IssueError {
    Authority(AuthorityError),
    /// There are more content sets than [`MAX_CONTENTS`].
    TooMany(usize),
}

impl From<AuthorityError> for IssueError {
    fn from(error: AuthorityError) -> Self {
        Self::Authority(error)
    }
}

/// The identity of a consumer: `O=<owner key>, CN=<uuid>`, from an hour ago, because clocks differ.
pub(super) fn identity(
    authority: &Authority,
    public: &PublicKey,
    owner: &str,
    uuid: &str,
    name: &str,
    now: OffsetDateTime,
) -> Result<Issued, AuthorityError> {
    let subject = [(DnType::OrganizationName, owner), (DnType::CommonName, uuid)];
    // subjectAltName
    let names = CustomExtension::from_oid_content(&[2, 5, 29, 17], der::directory_names(owner, uuid, name));
    let valid = (an_hour_before(now), years_after(now, IDENTITY_YEARS));
    issue(authority, public, &subject, random_serial(), valid, vec![names])
}

/// The certificate of an entitlement: `O=<owner key>, CN=<entitlement id>`, as long as its pool. `products` are the one that
/// is sold, first, and those that come with it.
pub(super) fn entitlement(
    authority: &Authority,
    public: &PublicKey,
    facts: &EntitlementFacts,
    products: &[&Product],
) -> Result<Issued, IssueError> {
    let contents = extensions::contents(products.iter().copied());
    if contents.len() > MAX_CONTENTS {
        return Err(IssueError::TooMany(contents.len()));
    }
    let mut said: Vec<CustomExtension> = products.iter().flat_map(|product| extensions::product(product)).collect();
    said.extend(contents.into_iter().flat_map(extensions::content));
    said.extend(products.first().map(|sku| extensions::order(facts, sku)).unwrap_or_default());
    let subject = [(DnType::OrganizationName, facts.owner.as_str()), (DnType::CommonName, facts.id.as_str())];
    let valid = (facts.start.assume_utc(), facts.end.assume_utc());
    Ok(issue(authority, public, &subject, random_serial(), valid, extensions::once(said))?)
}

/// The certificate of an engineering product: `CN=<product id>`.
pub(super) fn product(
    authority: &Authority,
    public: &PublicKey,
    product: &Product,
    now: OffsetDateTime,
) -> Result<Issued, AuthorityError> {
    let subject = [(DnType::CommonName, product.id.as_str())];
    let valid = (an_hour_before(now), years_after(now, PRODUCT_YEARS));
    issue(authority, public, &subject, product_serial(&product.id), valid, extensions::product(product))
}

fn issue(
    authority: &Authority,
    public: &PublicKey,
    subject: &[(DnType, &str)],
    serial: i64,
    (from, to): (OffsetDateTime, OffsetDateTime),
    said: Vec<CustomExtension>,
) -> Result<Issued, AuthorityError> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    for (kind, value) in subject {
        parameters.distinguished_name.push(kind.clone(), *value);
    }
    parameters.serial_number = Some(SerialNumber::from(serial.unsigned_abs()));
    (parameters.not_before, parameters.not_after) = (from, to);
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.use_authority_key_identifier_extension = true;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    parameters.custom_extensions = vec![netscape_type()];
    parameters.custom_extensions.extend(said);
    let der = authority.issue(&parameters, public)?;
    Ok(Issued { serial, pem: certificate_pem(&der), expires: crate::clock::to_timestamp(to) })
}

/// Netscape certificate type: SSL client and S/MIME, a bit string of eight bits of which five are unused. Old clients ask
/// for it.
fn netscape_type() -> CustomExtension {
    CustomExtension::from_oid_content(&[2, 16, 840, 1, 113_730, 1, 1], vec![0x03, 0x02, 0x05, 0xa0])
}

/// A positive serial number of chance, at most 63 bits: that is what readers hold.
fn random_serial() -> i64 {
    crate::candlepin::local_serial().max(1)
}

/// The absolute value of the hash that Java gives a text, over UTF-16 units: the same product has the same number on every
/// server.
fn product_serial(id: &str) -> i64 {
    let hash = id.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    i64::from(hash).abs().max(1)
}

fn an_hour_before(now: OffsetDateTime) -> OffsetDateTime {
    now.checked_sub(Duration::HOUR).unwrap_or(now)
}

/// The same day so many years later; the day before, where there is none.
fn years_after(now: OffsetDateTime, years: i32) -> OffsetDateTime {
    let (year, month, day) = now.to_calendar_date();
    let date = Date::from_calendar_date(year + years, month, day)
        .or_else(|_| Date::from_calendar_date(year + years, month, day - 1));
    date.map_or(now, |date| now.replace_date(date))
}

/// Whether a product is an engineering product, which has a certificate: its id is a number.
pub(super) fn is_engineering(id: &str) -> bool {
    extensions::number(id).is_some()
}

#[cfg(test)]
mod tests;
