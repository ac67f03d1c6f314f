//! Extensions of Candlepin's certificates, below 1.3.6.1.4.1.2312.9.

use rcgen::CustomExtension;

use super::product::{Content, Product, is_digits};

const BASE: [u64; 8] = [1, 3, 6, 1, 4, 1, 2312, 9];

/// An extension whose value is a UTF8String.
pub(super) fn text(suffix: &[u64], value: &str) -> CustomExtension {
    CustomExtension::from_oid_content(&[&BASE, suffix].concat(), utf8_string(value))
}

/// Name, version, architecture, tags and brand of a product; none for a SKU, whose id is not a number.
pub(super) fn product(product: &Product) -> Vec<CustomExtension> {
    let Some(id) = number(&product.id) else {
        return Vec::new();
    };
    let attribute = |name| product.attribute_value(name).unwrap_or_default();
    vec![
        text(&[1, id, 1], &product.name),
        text(&[1, id, 2], attribute("version")),
        text(&[1, id, 3], attribute("arch")),
        text(&[1, id, 4], attribute("tags")),
        text(&[1, id, 5], attribute("brand_type")),
    ]
}

/// A content set of a version 1 certificate.
pub(super) fn content(content: &Content) -> Vec<CustomExtension> {
    let kind = match content.kind.as_str() {
        "yum" => 1,
        "file" => 2,
        "kickstart" => 3,
        _ => return Vec::new(),
    };
    let Some(id) = number(&content.id) else {
        return Vec::new();
    };
    let or_empty = |value: &Option<String>| value.clone().unwrap_or_default();
    let rows = [
        (1, content.name.clone()),
        (2, content.label.clone()),
        (5, or_empty(&content.vendor)),
        (6, or_empty(&content.url)),
        (7, or_empty(&content.gpg_url)),
        (8, i32::from(content.enabled).to_string()),
        (9, content.expires.map(|seconds| seconds.to_string()).unwrap_or_default()),
        (10, or_empty(&content.required_tags)),
    ];
    let fields = rows.iter().map(|(field, value)| text(&[2, id, kind, *field], value));
    std::iter::once(text(&[2, id, kind], &content.kind)).chain(fields).collect()
}

fn number(id: &str) -> Option<u64> {
    if is_digits(id) { id.parse().ok() } else { None }
}

/// A DER UTF8String (X.690 8.1.3).
fn utf8_string(value: &str) -> Vec<u8> {
    let length = value.len();
    let mut der = vec![0x0c];
    if length < 0x80 {
        der.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let significant: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
        der.push(0x80 | significant.len() as u8);
        der.extend(significant);
    }
    der.extend(value.as_bytes());
    der
}
