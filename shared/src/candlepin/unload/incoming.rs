//! One entitlement, understood: what becomes a subscription.

use super::facts::Facts;
use crate::manifest::ManifestError;
use crate::manifest::model::{Branding, Entitlement, Moment, Pool, Provided, Text};
use crate::warnings::Warnings;
use std::collections::BTreeSet;
use time::PrimitiveDateTime;

/// Width of texts that have columns of their own, in characters.
const MAX_TEXT: usize = 255;

/// An entitlement of the manifest: what becomes a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::candlepin) struct Incoming {
    /// Upstream entitlement.
    pub entitlement: String,
    /// Upstream pool.
    pub pool: String,
    pub quantity: i64,
    pub start: PrimitiveDateTime,
    pub end: PrimitiveDateTime,
    pub product: String,
    pub derived: Option<String>,
    /// Sorted, each once; so are the next two.
    pub provided: Vec<String>,
    pub derived_provided: Vec<String>,
    /// Product, type, name.
    pub branding: Vec<(String, String, String)>,
    pub contract: Option<String>,
    pub account: Option<String>,
    pub order: Option<String>,
    /// Row of its certificate.
    pub certificate: Option<String>,
    /// The upstream subscription, while a certificate may still be found by it.
    pub upstream_subscription: Option<String>,
    pub file: String,
    /// Digest of all that it was read from.
    pub source: Vec<u8>,
}

/// Understands an entitlement.
pub(super) fn incoming(
    file: &str,
    entitlement: &Entitlement<'_>,
    facts: &Facts,
    warnings: &mut Warnings,
) -> Result<Incoming, ManifestError> {
    let missing = |what: &str| ManifestError::invalid(file, format!("{what} is missing"));
    let pool = entitlement.pool.as_ref().ok_or_else(|| missing("pool"))?;
    let product = pool.product_id.as_ref().ok_or_else(|| missing("pool.productId"))?.as_str();
    let sku = facts.get(product).ok_or_else(|| unknown(file, product))?;
    let derived = match (&sku.derived, id_of(&pool.derived_product_id)) {
        (Some(own), Some(other)) if own != other => {
            warnings.add("the pool has another derived product than the product, which counts", file, 1);
            Some(own.clone())
        }
        (own, other) => own.clone().or_else(|| other.map(Into::into)),
    };
    let derived_facts = derived.as_deref().map(|id| facts.get(id).ok_or_else(|| unknown(file, id))).transpose()?;
    let quantity = entitlement.quantity.ok_or_else(|| missing("quantity"))?;
    if quantity < 0 {
        return Err(ManifestError::invalid(file, "quantity is negative"));
    }
    let date = |moment: Option<Moment>, what: &str| moment.map(|moment| moment.0).ok_or_else(|| missing(what));
    let incoming = Incoming {
        // The file is named for it.
        entitlement: text(&entitlement.id).unwrap_or_else(|| id_of_file(file).into()),
        pool: text(&pool.id).ok_or_else(|| missing("pool.id"))?,
        quantity,
        start: date(entitlement.start_date, "startDate")?,
        end: date(entitlement.end_date, "endDate")?,
        product: product.into(),
        provided: provided(file, &sku.provided, &pool.provided_products, facts)?,
        derived_provided: match derived_facts {
            Some(derived) => provided(file, &derived.provided, &pool.derived_provided_products, facts)?,
            None => Vec::new(),
        },
        derived,
        branding: branding(pool),
        contract: text(&pool.contract_number).or_else(|| text(&entitlement.contract_number)),
        account: text(&pool.account_number).or_else(|| text(&entitlement.account_number)),
        order: text(&pool.order_number),
        certificate: None,
        upstream_subscription: text(&pool.subscription_id),
        file: file.into(),
        source: Vec::new(),
    };
    check_widths(file, &incoming)?;
    Ok(incoming)
}

/// The id that a file of `entitlements/` is named for.
pub(super) fn id_of_file(file: &str) -> &str {
    file.trim_start_matches("entitlements/").trim_end_matches(".json")
}

fn unknown(file: &str, product: &str) -> ManifestError {
    let product = crate::failure::brief(product, 64);
    ManifestError::invalid(file, format!("product {product} is not in products/"))
}

/// Blank counts as absent.
fn id_of<'t>(text: &'t Option<Text<'_>>) -> Option<&'t str> {
    text.as_ref().map(Text::as_str).filter(|text| !text.trim().is_empty())
}

fn text(text: &Option<Text<'_>>) -> Option<String> {
    id_of(text).map(Into::into)
}

/// What the product brings along, and what this pool adds; for this subscription alone.
fn provided(file: &str, own: &[String], added: &[Provided<'_>], facts: &Facts) -> Result<Vec<String>, ManifestError> {
    let mut all: BTreeSet<&str> = own.iter().map(String::as_str).collect();
    for provided in added {
        let id = provided.product_id.as_str();
        if !facts.contains_key(id) {
            return Err(unknown(file, id));
        }
        all.insert(id);
    }
    Ok(all.into_iter().map(Into::into).collect())
}

fn branding(pool: &Pool<'_>) -> Vec<(String, String, String)> {
    let one = |branding: &Branding<'_>| {
        [&branding.product_id, &branding.kind, &branding.name].map(|text| text.as_str().to_owned()).into()
    };
    let mut all: Vec<_> = pool.branding.iter().map(one).collect();
    all.sort();
    all.dedup();
    all
}

fn check_widths(file: &str, incoming: &Incoming) -> Result<(), ManifestError> {
    let branding =
        incoming.branding.iter().flat_map(|(product, kind, name)| [(product, 32), (kind, 32), (name, MAX_TEXT)]);
    let texts =
        [Some(&incoming.entitlement), Some(&incoming.pool), incoming.contract.as_ref(), incoming.account.as_ref()];
    let more = [incoming.order.as_ref(), incoming.upstream_subscription.as_ref()];
    let texts = texts.into_iter().chain(more).flatten().map(|text| (text, MAX_TEXT));
    match texts.chain(branding).find(|(text, width)| text.chars().count() > *width) {
        Some((_, width)) => Err(ManifestError::invalid(file, format!("a text is longer than {width} characters"))),
        None => Ok(()),
    }
}
