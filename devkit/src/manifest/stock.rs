//! The products of a manifest while it is written, by id.

use std::collections::HashMap;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::parallel::parallel;
use super::{Content, Manifest, Product};

pub(super) struct Stock<'a> {
    products: HashMap<&'a str, Row<'a>>,
}

struct Row<'a> {
    product: &'a Product,
    /// The product as every certificate for it holds it; thousands of certificates may hold the same.
    payload: Box<RawValue>,
}

impl<'a> Stock<'a> {
    pub(super) fn new(manifest: &'a Manifest) -> Self {
        let row = |product: &'a Product| (product.id.as_str(), Row { product, payload: payload(product) });
        Self { products: parallel(&manifest.products, row).into_iter().collect() }
    }

    pub(super) fn find(&self, id: &str) -> Option<&'a Product> {
        self.products.get(id).map(|row| row.product)
    }

    /// The product's part of a version 3 certificate.
    pub(super) fn payload(&self, id: &str) -> Option<&RawValue> {
        self.products.get(id).map(|row| &*row.payload)
    }

    /// The product's name, or its id when the manifest does not hold it.
    pub(super) fn name(&self, id: &str) -> String {
        self.find(id).map_or_else(|| id.to_owned(), |product| product.name.clone())
    }
}

#[expect(clippy::expect_used, reason = "a JSON value always has a text")]
fn payload(product: &Product) -> Box<RawValue> {
    let attribute = |name| product.attribute_value(name);
    let body = without_nulls(json!({
        "id": product.id, "name": product.name, "version": attribute("version"),
        "brand_type": attribute("brand_type"), "brand_name": attribute("brand_name"),
        "architectures": list(attribute("arch")),
        "content": product.content.iter().map(content).collect::<Vec<_>>(),
    }));
    serde_json::value::to_raw_value(&body).expect("a JSON value has a text")
}

fn content(content: &Content) -> Value {
    without_nulls(json!({
        "id": content.id, "type": content.kind, "name": content.name, "label": content.label,
        "vendor": content.vendor, "path": content.url, "gpg_url": content.gpg_url,
        "enabled": (!content.enabled).then_some(false), "metadata_expire": content.expires,
        "required_tags": content.required_tags.as_deref().map(|tags| list(Some(tags))),
        "arches": list(content.arches.as_deref()),
    }))
}

fn list(text: Option<&str>) -> Vec<&str> {
    text.map(|text| text.split(',').collect()).unwrap_or_default()
}

pub(super) fn without_nulls(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    value
}
