//! `products/<product id>.json`

use super::values::{Attributes, Text, or_default};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A product, as borrowed from its file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Product<'a> {
    /// All digits: an engineering product; otherwise one that is sold (SKU).
    #[serde(borrow)]
    pub id: Text<'a>,
    /// For people.
    #[serde(borrow, default)]
    pub name: Option<Text<'a>>,
    /// Such as `arch`, `version`, `virt_limit`.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub attributes: Attributes<'a>,
    /// Its content sets.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub product_content: Vec<ProductContent<'a>>,
    /// Ids of products that it needs.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub dependent_product_ids: Vec<Text<'a>>,
    /// Ids of products that it relies on; 2013 only.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub relies_on: Vec<Text<'a>>,
    /// Whole products, since 2020. Each usually has a file of its own, which counts.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub provided_products: Vec<&'a RawValue>,
    /// As `provided_products`.
    #[serde(borrow, default)]
    pub derived_product: Option<&'a RawValue>,
}

/// A nested product's id: enough where it has a file of its own.
#[derive(Debug, Deserialize)]
pub struct ProductId<'a> {
    /// As [`Product::id`].
    #[serde(borrow)]
    pub id: Text<'a>,
}

/// A content set and whether the product has it enabled.
#[derive(Debug, Deserialize)]
pub struct ProductContent<'a> {
    /// The content set.
    #[serde(borrow)]
    pub content: Content<'a>,
    /// Whether it is enabled by default.
    #[serde(default, deserialize_with = "or_default")]
    pub enabled: bool,
}

/// A content set.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content<'a> {
    /// Identifies it.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// `yum`, `file`, `kickstart`, ..
    #[serde(borrow, default, rename = "type")]
    pub kind: Option<Text<'a>>,
    /// A name without blanks.
    #[serde(borrow, default)]
    pub label: Option<Text<'a>>,
    /// For people.
    #[serde(borrow, default)]
    pub name: Option<Text<'a>>,
    /// Blank in some files.
    #[serde(borrow, default)]
    pub vendor: Option<Text<'a>>,
    /// Path on the content delivery network.
    #[serde(borrow, default)]
    pub content_url: Option<Text<'a>>,
    /// Path of the signing key.
    #[serde(borrow, default)]
    pub gpg_url: Option<Text<'a>>,
    /// Tags, separated by commas.
    #[serde(borrow, default)]
    pub required_tags: Option<Text<'a>>,
    /// Until 2015.
    #[serde(borrow, default)]
    release_ver: Option<Text<'a>>,
    /// Since 2015, with the same meaning.
    #[serde(borrow, default)]
    release_version: Option<Text<'a>>,
    /// Architectures, separated by commas.
    #[serde(borrow, default)]
    pub arches: Option<Text<'a>>,
    /// Ids of products that it modifies.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub modified_product_ids: Vec<Text<'a>>,
}

impl Content<'_> {
    /// The vendor; `unknown` where the file has none.
    pub fn vendor(&self) -> &str {
        self.vendor.as_ref().map(Text::as_str).filter(|vendor| !vendor.trim().is_empty()).unwrap_or("unknown")
    }

    /// The release, under either name.
    pub fn release(&self) -> Option<&str> {
        self.release_version.as_ref().or(self.release_ver.as_ref()).map(Text::as_str)
    }
}
