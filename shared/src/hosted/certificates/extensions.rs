//! What certificates say in extensions below 1.3.6.1.4.1.2312.9, each value a UTF8String: products, content sets, the order,
//! the consumer. The form of version 1, which has no version.

use super::der::utf8_string;
use super::facts::{Content, EntitlementFacts, Product};
use rcgen::CustomExtension;
use std::collections::{BTreeMap, HashSet};
use time::PrimitiveDateTime;

const BASE: [u64; 8] = [1, 3, 6, 1, 4, 1, 2312, 9];

fn text(suffix: &[u64], value: &str) -> CustomExtension {
    CustomExtension::from_oid_content(&[&BASE, suffix].concat(), utf8_string(value))
}

/// The number that an id is in an object identifier. None for an id that is no number, as those of SKUs are; such have no
/// extensions. Nor have numbers beyond 63 bits or with zeros in front, which no two readers take alike.
pub(super) fn number(id: &str) -> Option<u64> {
    let plain = id.bytes().all(|byte| byte.is_ascii_digit()) && (id == "0" || !id.starts_with('0'));
    if plain { id.parse::<i64>().ok().map(i64::unsigned_abs) } else { None }
}

/// `1.<product id>.*`: name, version, architecture, tags and brand.
pub(super) fn product(product: &Product) -> Vec<CustomExtension> {
    let Some(id) = number(&product.id) else { return Vec::new() };
    let attribute = |name| product.attribute(name);
    let values =
        [product.name.as_str(), attribute("version"), attribute("arch"), attribute("tags"), attribute("brand_type")];
    (1..).zip(values).map(|(field, value)| text(&[1, id, field], value)).collect()
}

/// Content sets that can stand in a certificate, each once, however many products have it; enabled if it is for one of them.
/// In the order of their ids.
pub(super) fn contents<'p>(products: impl Iterator<Item = &'p Product>) -> Vec<(&'p Content, bool)> {
    let mut found: BTreeMap<u64, (&Content, bool)> = BTreeMap::new();
    for content in products.flat_map(|product| &product.contents) {
        let Some(id) = number(&content.id).filter(|_| kind_number(&content.kind).is_some()) else { continue };
        found.entry(id).or_insert((content, false)).1 |= content.enabled;
    }
    found.into_values().collect()
}

fn kind_number(kind: &str) -> Option<u64> {
    match kind {
        "yum" => Some(1),
        "file" => Some(2),
        "kickstart" => Some(3),
        _ => None,
    }
}

/// `2.<content id>.<type>` and below it.
pub(super) fn content((content, enabled): (&Content, bool)) -> Vec<CustomExtension> {
    let (Some(id), Some(kind)) = (number(&content.id), kind_number(&content.kind)) else { return Vec::new() };
    let or_empty = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    let fields = [
        (1, content.name.clone()),
        (2, content.label.clone()),
        (5, content.vendor.clone()),
        (6, or_empty(&content.url)),
        (7, or_empty(&content.gpg_url)),
        (8, u8::from(enabled).to_string()),
        (9, content.expires.map(|seconds| seconds.to_string()).unwrap_or_default()),
        (10, or_empty(&content.required_tags)),
    ];
    let fields = fields.iter().map(|(field, value)| text(&[2, id, kind, *field], value));
    std::iter::once(text(&[2, id, kind], &content.kind)).chain(fields).collect()
}

/// `4.*`: the order. `5.1`: the consumer.
pub(super) fn order(facts: &EntitlementFacts, sku: &Product) -> Vec<CustomExtension> {
    let or_empty = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    let attribute = |name| sku.attribute(name).to_owned();
    let virt_only = facts.virt_only.as_deref() == Some("true");
    let values = [
        sku.name.clone(),
        or_empty(&facts.order),
        sku.id.clone(),
        or_empty(&facts.subscription),
        facts.pool_quantity.to_string(),
        moment(facts.start),
        moment(facts.end),
        attribute("virt_limit"),
        attribute("sockets"),
        or_empty(&facts.contract),
        facts.quantity.to_string(),
        // Days before the end at which clients warn, and whether it is for managing others: servers leave both at 0.
        "0".to_owned(),
        or_empty(&facts.account),
        "0".to_owned(),
        attribute("support_level"),
        attribute("support_type"),
        attribute("stacking_id"),
        u8::from(virt_only).to_string(),
    ];
    let order = (1..).zip(&values).map(|(field, value)| text(&[4, field], value));
    order.chain([text(&[5, 1], &facts.consumer)]).collect()
}

/// `2026-03-05T10:20:30Z`
fn moment(moment: PrimitiveDateTime) -> String {
    let (date, time) = (moment.date(), moment.time());
    format!("{date}T{:02}:{:02}:{:02}Z", time.hour(), time.minute(), time.second())
}

/// Leaves out what is there already: a certificate holds an extension once (RFC 5280 4.2).
pub(super) fn once(extensions: Vec<CustomExtension>) -> Vec<CustomExtension> {
    let mut seen = HashSet::new();
    extensions.into_iter().filter(|extension| seen.insert(extension.oid_components().collect::<Vec<_>>())).collect()
}
