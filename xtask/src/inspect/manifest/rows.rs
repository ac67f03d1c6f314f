//! The lists of an export, each object cut down to what is shown of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use longshore::manifest::{
    Certificate as X509, Head,
    model::{Entitlement, Moment, Product as ProductFile, ProductId, Text},
    read::Export,
};
use serde::Serialize;
use time::{OffsetDateTime, PrimitiveDateTime, macros::format_description};

/// What the files of an export list, so far as they can be read: what cannot is in the refusal.
#[derive(Debug, Default, Serialize)]
pub struct Lists {
    pub subscriptions: Vec<Subscription>,
    pub products: Vec<Product>,
    pub content: Vec<Content>,
    pub certificates: Vec<Certificate>,
}

/// An entitlement of the export: what becomes a subscription.
#[derive(Debug, Serialize)]
pub struct Subscription {
    pub product: String,
    pub name: Option<String>,
    pub quantity: Option<i64>,
    pub from: Option<String>,
    pub until: Option<String>,
    pub expired: bool,
    pub contract: Option<String>,
    pub account: Option<String>,
    pub order: Option<String>,
    pub provided_products: usize,
    pub derived_product: Option<String>,
    pub upstream_pool: Option<String>,
    pub upstream_entitlement: Option<String>,
    /// Its serial number; a text, because many readers of JSON round such numbers.
    pub certificate: Option<String>,
}

/// A product.
#[derive(Debug, Serialize)]
pub struct Product {
    pub id: String,
    pub name: Option<String>,
    pub content_sets: usize,
    pub attributes: usize,
    pub provided_products: usize,
    pub derived_product: Option<String>,
}

/// A content set, and how many products have it.
#[derive(Debug, Serialize)]
pub struct Content {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub label: Option<String>,
    pub url: Option<String>,
    pub products: usize,
}

/// An identity or entitlement certificate. Never its text.
#[derive(Debug, Serialize)]
pub struct Certificate {
    pub of: &'static str,
    pub serial: String,
    pub common_name: Option<String>,
    /// What the entitlement is for.
    pub product: Option<String>,
    pub expires: String,
    pub expired: bool,
    #[serde(skip)]
    at: OffsetDateTime,
}

impl Lists {
    /// Reads every list to its end, or to the first file that cannot be read.
    pub fn read(export: &Export, head: Option<&Head>, now: OffsetDateTime) -> Self {
        let mut reading = Reading::new(now);
        let identity = head.and_then(|head| head.identity.as_ref());
        if let Some(certificate) = identity.and_then(|identity| identity.certificate.parse().ok()) {
            reading.certificate("identity", certificate);
        }
        // What cannot be read is what an import refuses, and told as that.
        let _ = export.each_product(|product| reading.product(product));
        let _ = export.each_certificate(|certificate| reading.certificate("entitlement", certificate));
        let _ = export.each_entitlement(|entitlement| reading.entitlement(entitlement));
        reading.finish()
    }
}

struct Reading {
    now: OffsetDateTime,
    subscriptions: Vec<Subscription>,
    products: Vec<Product>,
    content: BTreeMap<String, Content>,
    /// By serial number: most stand in JSON and in a file.
    certificates: BTreeMap<i64, Certificate>,
    /// By id: what comes with a product, and its guests'.
    bundled: HashMap<String, (Vec<String>, Option<String>)>,
}

impl Reading {
    fn new(now: OffsetDateTime) -> Self {
        Self {
            now,
            subscriptions: Vec::new(),
            products: Vec::new(),
            content: BTreeMap::new(),
            certificates: BTreeMap::new(),
            bundled: HashMap::new(),
        }
    }

    fn product(&mut self, product: &ProductFile<'_>) {
        let id = |raw: &serde_json::value::RawValue| {
            serde_json::from_str::<ProductId<'_>>(raw.get()).ok().map(|found| found.id.as_str().to_owned())
        };
        let provided: Vec<String> = product.provided_products.iter().filter_map(|raw| id(raw)).collect();
        let derived = product.derived_product.and_then(id);
        for entry in &product.product_content {
            let content = &entry.content;
            let known = self.content.entry(content.id.as_str().to_owned()).or_insert_with(|| Content {
                id: content.id.as_str().to_owned(),
                kind: text(&content.kind),
                label: text(&content.label),
                url: text(&content.content_url),
                products: 0,
            });
            known.products += 1;
        }
        self.products.push(Product {
            id: product.id.as_str().to_owned(),
            name: text(&product.name),
            content_sets: product.product_content.len(),
            attributes: product.attributes.0.len(),
            provided_products: provided.len(),
            derived_product: derived.clone(),
        });
        if !provided.is_empty() || derived.is_some() {
            self.bundled.insert(product.id.as_str().to_owned(), (provided, derived));
        }
    }

    fn entitlement(&mut self, entitlement: &Entitlement<'_>) {
        let Some(pool) = &entitlement.pool else { return };
        let sku = pool.product_id.as_ref().map(Text::as_str).unwrap_or_default();
        let (mut provided, mut derived) = (BTreeSet::new(), text(&pool.derived_product_id));
        provided.extend(pool.provided_products.iter().map(|provided| provided.product_id.as_str()));
        if let Some((bundled, guests)) = self.bundled.get(sku) {
            provided.extend(bundled.iter().map(String::as_str));
            derived = guests.clone().or(derived);
        }
        let until = entitlement.end_date.map(|moment| moment.0);
        let provided_products = provided.len();
        let certificate = self.entitlement_certificate(entitlement);
        self.subscriptions.push(Subscription {
            product: sku.to_owned(),
            name: None,
            quantity: entitlement.quantity,
            from: entitlement.start_date.map(|Moment(from)| shown(from)),
            until: until.map(shown),
            expired: until.is_some_and(|until| until.assume_utc() < self.now),
            contract: text(&pool.contract_number).or_else(|| text(&entitlement.contract_number)),
            account: text(&pool.account_number).or_else(|| text(&entitlement.account_number)),
            order: text(&pool.order_number),
            provided_products,
            derived_product: derived,
            upstream_pool: text(&pool.id),
            upstream_entitlement: text(&entitlement.id),
            certificate,
        });
    }

    /// The serial number of the certificate in JSON, which counts.
    fn entitlement_certificate(&mut self, entitlement: &Entitlement<'_>) -> Option<String> {
        let json = entitlement.certificates.iter().find_map(|json| json.cert.as_ref())?;
        let certificate = X509::parse(json.as_str()).ok()?;
        let serial = certificate.serial.to_string();
        self.certificate("entitlement", certificate);
        Some(serial)
    }

    fn certificate(&mut self, of: &'static str, certificate: X509) {
        let until = certificate.not_after;
        let row = Certificate {
            of,
            serial: certificate.serial.to_string(),
            common_name: certificate.common_name,
            product: None,
            expires: shown(PrimitiveDateTime::new(until.date(), until.time())),
            expired: until < self.now,
            at: until,
        };
        self.certificates.entry(certificate.serial).or_insert(row);
    }

    /// Joins what names each other, and sorts: certificates that expire first come first.
    fn finish(mut self) -> Lists {
        let names: HashMap<&str, &Option<String>> =
            self.products.iter().map(|product| (product.id.as_str(), &product.name)).collect();
        for subscription in &mut self.subscriptions {
            subscription.name = names.get(subscription.product.as_str()).and_then(|name| (*name).clone());
        }
        let mut certificates: Vec<Certificate> = std::mem::take(&mut self.certificates).into_values().collect();
        certificates.sort_by(|a, b| (a.at, &a.serial).cmp(&(b.at, &b.serial)));
        self.pair(&mut certificates);
        Lists {
            subscriptions: self.subscriptions,
            products: self.products,
            content: self.content.into_values().collect(),
            certificates,
        }
    }

    /// A certificate names its entitlement; the first design has no other link between the two.
    fn pair(&mut self, certificates: &mut [Certificate]) {
        let by_name: HashMap<String, usize> = certificates
            .iter()
            .enumerate()
            .filter(|(_, row)| row.of == "entitlement")
            .filter_map(|(at, row)| Some((row.common_name.clone()?, at)))
            .collect();
        for subscription in &mut self.subscriptions {
            let at = subscription.upstream_entitlement.as_ref().and_then(|id| by_name.get(id));
            let Some(certificate) = at.and_then(|at| certificates.get_mut(*at)) else { continue };
            certificate.product = Some(subscription.product.clone());
            subscription.certificate.get_or_insert_with(|| certificate.serial.clone());
        }
    }
}

/// Blank counts as absent.
fn text(text: &Option<Text<'_>>) -> Option<String> {
    text.as_ref().map(|text| text.as_str().trim()).filter(|text| !text.is_empty()).map(Into::into)
}

/// A moment in UTC, as RFC 3339.
pub fn shown(moment: PrimitiveDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    moment.format(format).unwrap_or_default()
}
