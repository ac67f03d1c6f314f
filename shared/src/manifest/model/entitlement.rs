//! `entitlements/<entitlement id>.json` and the certificates that stand in JSON.

use super::values::{Moment, Text, or_default};
use serde::Deserialize;

/// An entitlement of the upstream consumer, as borrowed from its file. Who owns the pool, and so the keys that chained
/// exports carry there, is not read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entitlement<'a> {
    /// The upstream entitlement's id; blank in some files.
    #[serde(borrow, default)]
    pub id: Option<Text<'a>>,
    /// How much of the pool.
    #[serde(default)]
    pub quantity: Option<i64>,
    /// First day.
    #[serde(default)]
    pub start_date: Option<Moment>,
    /// Last day.
    #[serde(default)]
    pub end_date: Option<Moment>,
    /// Until 2013; then the pool's.
    #[serde(borrow, default)]
    pub account_number: Option<Text<'a>>,
    /// Until 2013; then the pool's.
    #[serde(borrow, default)]
    pub contract_number: Option<Text<'a>>,
    /// What it was granted from.
    #[serde(borrow, default)]
    pub pool: Option<Pool<'a>>,
    /// The first one counts.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub certificates: Vec<CertificateJson<'a>>,
}

/// The upstream pool.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pool<'a> {
    /// The upstream pool's id.
    #[serde(borrow, default)]
    pub id: Option<Text<'a>>,
    /// The product that was sold.
    #[serde(borrow, default)]
    pub product_id: Option<Text<'a>>,
    /// Products that come with it.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub provided_products: Vec<Provided<'a>>,
    /// The product of guests; for two weeks of 2013 called `subProductId`.
    #[serde(borrow, default, alias = "subProductId")]
    pub derived_product_id: Option<Text<'a>>,
    /// Products that come with the derived one.
    #[serde(borrow, default, deserialize_with = "or_default", alias = "subProvidedProducts")]
    pub derived_provided_products: Vec<Provided<'a>>,
    /// Other names for products.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub branding: Vec<Branding<'a>>,
    /// Contract.
    #[serde(borrow, default)]
    pub contract_number: Option<Text<'a>>,
    /// Account.
    #[serde(borrow, default)]
    pub account_number: Option<Text<'a>>,
    /// Order.
    #[serde(borrow, default)]
    pub order_number: Option<Text<'a>>,
    /// The upstream subscription, which certificates of the first design are named for.
    #[serde(borrow, default)]
    pub subscription_id: Option<Text<'a>>,
}

/// A product that comes with another.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provided<'a> {
    /// Its id.
    #[serde(borrow)]
    pub product_id: Text<'a>,
}

/// Another name for a product. All three are required.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Branding<'a> {
    /// The product.
    #[serde(borrow)]
    pub product_id: Text<'a>,
    /// The name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Such as `OS`.
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
}

/// A certificate with its key, as entitlements and upstream consumers carry it.
#[derive(Deserialize)]
pub struct CertificateJson<'a> {
    /// PEM.
    #[serde(borrow, default)]
    pub cert: Option<Text<'a>>,
    /// PEM: PKCS#1 until 2025, PKCS#8 since.
    #[serde(borrow, default)]
    pub key: Option<Text<'a>>,
    /// Its serial number.
    #[serde(default)]
    pub serial: Option<Serial>,
}

impl std::fmt::Debug for CertificateJson<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateJson").field("serial", &self.serial).finish_non_exhaustive()
    }
}

/// A serial number: a positive 63-bit integer. A number with a fraction or an exponent is refused, as it has lost digits
/// on its way through floating point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Serial {
    /// The number, which `serial` repeats.
    #[serde(default)]
    id: Option<i64>,
    #[serde(default)]
    serial: Option<i64>,
}

impl Serial {
    /// The number.
    pub fn number(self) -> Option<i64> {
        self.serial.or(self.id)
    }
}
