//! `entitlements/<id>.json`: the entitlement, its pool, its certificate.

use serde_json::{Value, json};
use time::macros::datetime;
use time::{OffsetDateTime, Time};

use super::authority::id_of;
use super::entitlement::Branding;
use super::entitlement_certificate::Issued;
use super::json::add;
use super::stock::Stock;
use super::{Entitlement, Era, Manifest};

const FAR: OffsetDateTime = datetime!(2040-01-01 00:00 UTC);

/// What follows from an entitlement for its upstream pool.
pub(super) struct Pool {
    pub quantity: i64,
    pub start: OffsetDateTime,
    pub end: OffsetDateTime,
    pub subscription: String,
    pub provides: Vec<String>,
    pub derived: Option<(String, Vec<String>)>,
}

impl Pool {
    /// The products of the entitlement's certificate: the SKU and what it provides.
    pub(super) fn products<'a>(&'a self, entitlement: &'a Entitlement) -> impl Iterator<Item = &'a str> {
        let provides = self.provides.iter().filter(|id| **id != entitlement.sku);
        provides.map(String::as_str).chain([entitlement.sku.as_str()])
    }
}

/// From the day of the manifest to a far one.
pub(super) fn term(created: OffsetDateTime) -> (OffsetDateTime, OffsetDateTime) {
    (created.replace_time(Time::MIDNIGHT), FAR)
}

impl Manifest {
    pub(super) fn pool_of(&self, stock: &Stock<'_>, entitlement: &Entitlement) -> Pool {
        let sku = stock.find(&entitlement.sku);
        let provided_by = |id: &str| stock.find(id).map(|product| product.provides.clone()).unwrap_or_default();
        let of_sku = || sku.and_then(|sku| sku.derived.clone()).map(|id| (id.clone(), provided_by(&id)));
        let (start, end) = entitlement.dates.unwrap_or_else(|| term(self.exporter.created));
        Pool {
            quantity: entitlement.quantity.saturating_add(28),
            start,
            end,
            subscription: entitlement.subscription.clone().unwrap_or_else(|| id_of("subscription", &entitlement.pool)),
            provides: entitlement.provides.clone().unwrap_or_else(|| provided_by(&entitlement.sku)),
            derived: entitlement.derived.clone().or_else(of_sku),
        }
    }

    pub(super) fn entitlement_json(
        &self,
        stock: &Stock<'_>,
        entitlement: &Entitlement,
        issued: Option<&Issued>,
    ) -> Value {
        let pool = self.pool_of(stock, entitlement);
        let certificates: Vec<Value> =
            issued.map(|issued| self.certificate_json(entitlement, issued)).into_iter().collect();
        let mut body = self.stamped(json!({
            "id": entitlement.id, "quantity": entitlement.quantity,
            "startDate": self.date(pool.start), "endDate": self.date(pool.end),
            "pool": self.pool_json(stock, entitlement, &pool), "certificates": certificates,
        }));
        if self.era == Era::A {
            let more = json!({
                "accountNumber": entitlement.account, "contractNumber": entitlement.contract, "flexExpiryDays": 0,
                "consumer": self.whole_consumer(),
            });
            add(&mut body, more);
        }
        if self.era < Era::D {
            add(&mut body, json!({"href": format!("/entitlements/{}", entitlement.id)}));
        }
        body
    }

    fn certificate_json(&self, entitlement: &Entitlement, issued: &Issued) -> Value {
        self.stamped(json!({
            "id": id_of("certificate", &entitlement.id), "key": issued.key, "cert": issued.certificate,
            "serial": self.serial_json(issued.serial, issued.expiration),
        }))
    }

    fn pool_json(&self, stock: &Stock<'_>, entitlement: &Entitlement, pool: &Pool) -> Value {
        let sku = stock.find(&entitlement.sku);
        let attributes = sku.map(|sku| sku.attributes.as_slice()).unwrap_or_default();
        let mut body = self.stamped(json!({
            "id": entitlement.pool, "productId": entitlement.sku, "productName": stock.name(&entitlement.sku),
            "productAttributes": self.attributes(attributes, Some(&entitlement.sku)), "attributes": [],
            "providedProducts": self.provided(stock, &pool.provides),
            "quantity": pool.quantity, "consumed": entitlement.quantity, "exported": entitlement.quantity,
            "startDate": self.date(pool.start), "endDate": self.date(pool.end),
            "contractNumber": entitlement.contract, "accountNumber": entitlement.account,
            "subscriptionId": pool.subscription, "subscriptionSubKey": "master", "owner": self.owner_json(),
            "activeSubscription": true, "sourceEntitlement": null, "restrictedToUsername": null,
        }));
        add(&mut body, self.later_pool_json(stock, entitlement, pool));
        body
    }

    /// What pools got after the first era.
    fn later_pool_json(&self, stock: &Stock<'_>, entitlement: &Entitlement, pool: &Pool) -> Value {
        if self.era == Era::A {
            return json!({"href": format!("/pools/{}", entitlement.pool)});
        }
        let (derived, provides) = pool.derived.as_ref().map(|(id, list)| (id, list.as_slice())).unzip();
        let product = derived.and_then(|id| stock.find(id));
        let attributes = product.map(|product| product.attributes.as_slice()).unwrap_or_default();
        let mut body = json!({
            "orderNumber": entitlement.order, "derivedProductId": derived,
            "derivedProductName": derived.map(|id| stock.name(id)),
            "derivedProductAttributes": self.attributes(attributes, derived.map(String::as_str)),
            "derivedProvidedProducts": self.provided(stock, provides.unwrap_or_default()),
        });
        if self.era > Era::B {
            let branding: Value = entitlement.branding.iter().map(|branding| self.branding_json(branding)).collect();
            let more = json!({
                "type": "NORMAL", "branding": branding, "calculatedAttributes": null, "stackId": null,
                "sourceStackId": null, "stacked": false, "upstreamPoolId": null, "upstreamEntitlementId": null,
                "upstreamConsumerId": null, "developmentPool": false,
            });
            add(&mut body, more);
        }
        body
    }

    fn branding_json(&self, Branding { product, name, kind }: &Branding) -> Value {
        self.stamped(json!({"productId": product, "name": name, "type": kind}))
    }

    /// References to products; in the first two eras they are database rows.
    fn provided(&self, stock: &Stock<'_>, ids: &[String]) -> Value {
        let element = |id: &String| {
            let element = json!({"productId": id, "productName": stock.name(id)});
            if self.era > Era::B {
                return element;
            }
            let mut element = self.stamped(element);
            add(&mut element, json!({"id": id_of("provided product", id)}));
            element
        };
        ids.iter().map(element).collect()
    }

    /// The first era showed the exporter in every entitlement, with its private key.
    fn whole_consumer(&self) -> Value {
        let exporter = &self.exporter;
        self.stamped(json!({
            "id": id_of("consumer", &exporter.uuid), "uuid": exporter.uuid, "name": exporter.name,
            "type": self.consumer_type_json(&exporter.type_label), "facts": {"cpu.cpu_socket(s)": "2"},
            "idCert": self.identity().map(|identity| self.identity_json(&identity)),
        }))
    }
}
