//! Entitlements, as rows of a test.

use time::OffsetDateTime;

use super::product::owned;

/// The form of an entitlement certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateVersion {
    /// Products, content and order in extensions of the certificate.
    V1,
    /// They stand below the certificate, in a block `ENTITLEMENT DATA` that is signed by itself.
    V3,
}

/// What the exporter was entitled to: so many pieces of an upstream pool.
///
/// ```
/// use longshore_devkit::manifest::Entitlement;
///
/// let row = Entitlement::new("e1", "p1", "EX-SKU-1").quantity(12).contract("CON-5").provides(&["901"]);
/// # let _ = row;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Entitlement {
    pub(super) id: String,
    pub(super) pool: String,
    pub(super) sku: String,
    pub(super) quantity: i64,
    pub(super) dates: Option<(OffsetDateTime, OffsetDateTime)>,
    pub(super) contract: Option<String>,
    pub(super) account: Option<String>,
    pub(super) order: Option<String>,
    pub(super) provides: Option<Vec<String>>,
    pub(super) derived: Option<(String, Vec<String>)>,
    pub(super) branding: Vec<Branding>,
    pub(super) subscription: Option<String>,
    pub(super) serial: Option<i64>,
    pub(super) version: Option<CertificateVersion>,
    pub(super) certified: bool,
    pub(super) named_by_subscription: bool,
}

/// Another name under which a product is sold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Branding {
    pub(super) product: String,
    pub(super) name: String,
    pub(super) kind: String,
}

impl Entitlement {
    /// Ten pieces of the pool, for the product `sku`, with a certificate; valid from the day of the manifest to 2040.
    pub fn new(id: &str, upstream_pool: &str, sku: &str) -> Self {
        Self {
            id: id.to_owned(),
            pool: upstream_pool.to_owned(),
            sku: sku.to_owned(),
            quantity: 10,
            dates: None,
            contract: None,
            account: None,
            order: None,
            provides: None,
            derived: None,
            branding: Vec::new(),
            subscription: None,
            serial: None,
            version: None,
            certified: true,
            named_by_subscription: false,
        }
    }

    /// How many pieces.
    pub fn quantity(mut self, n: i64) -> Self {
        self.quantity = n;
        self
    }

    /// When it starts and ends.
    pub fn dates(mut self, start: OffsetDateTime, end: OffsetDateTime) -> Self {
        self.dates = Some((start, end));
        self
    }

    /// The number of the contract.
    pub fn contract(mut self, number: &str) -> Self {
        self.contract = Some(number.to_owned());
        self
    }

    /// The number of the account.
    pub fn account(mut self, number: &str) -> Self {
        self.account = Some(number.to_owned());
        self
    }

    /// The number of the order; the first era does not write it.
    pub fn order(mut self, number: &str) -> Self {
        self.order = Some(number.to_owned());
        self
    }

    /// The products in the pool's list, instead of those that the SKU provides.
    pub fn provides(mut self, ids: &[&str]) -> Self {
        self.provides = Some(owned(ids));
        self
    }

    /// The SKU for guests and the products that it provides, instead of the SKU's own. The first era has none.
    pub fn derived(mut self, sku: &str, provides: &[&str]) -> Self {
        self.derived = Some((sku.to_owned(), owned(provides)));
        self
    }

    /// Adds a branding; `kind` is `OS` in the world. Eras before the third have none.
    pub fn branding(mut self, product: &str, name: &str, kind: &str) -> Self {
        let branding = Branding { product: product.to_owned(), name: name.to_owned(), kind: kind.to_owned() };
        self.branding.push(branding);
        self
    }

    /// The id of the exporter's subscription, instead of one that follows from the pool.
    pub fn subscription_id(mut self, id: &str) -> Self {
        self.subscription = Some(id.to_owned());
        self
    }

    /// The serial of its certificate, instead of one that follows from the id; up to 2^63-1.
    pub fn serial(mut self, serial: i64) -> Self {
        self.serial = Some(serial);
        self
    }

    /// The form of its certificate, instead of the era's.
    pub fn certificate_version(mut self, version: CertificateVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Without a certificate, in JSON and as a file.
    pub fn without_certificate(mut self) -> Self {
        self.certified = false;
        self
    }

    /// The certificate's `CN` is the id of the subscription instead of the entitlement's.
    pub fn named_by_subscription(mut self) -> Self {
        self.named_by_subscription = true;
        self
    }
}
