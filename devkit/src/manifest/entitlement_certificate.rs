//! Entitlement certificates, which say once more what the JSON says.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use rcgen::{CustomExtension, DnType};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::authority::{leaf_parameters, serial_of};
use super::certificate::{content, product, text};
use super::entitlement_json::Pool;
use super::pem::pem_block;
use super::stock::{Stock, without_nulls};
use super::{Algorithm, CertificateVersion, Entitlement, Era, Manifest};

/// A certificate with its key, as text.
pub(super) struct Issued {
    pub serial: i64,
    pub expiration: OffsetDateTime,
    /// The `CERTIFICATE` block and, in version 3, data and signature.
    pub certificate: String,
    pub key: String,
}

/// The JSON of `ENTITLEMENT DATA`.
#[derive(Serialize)]
struct Payload<'a> {
    consumer: &'a str,
    quantity: i64,
    subscription: Value,
    order: Value,
    products: Vec<&'a RawValue>,
    pool: Value,
}

impl Manifest {
    /// The certificate of an entitlement, unless it is to have none.
    pub(super) fn certified(&self, stock: &Stock<'_>, entitlement: &Entitlement) -> Option<Issued> {
        if !entitlement.certified {
            return None;
        }
        let pool = self.pool_of(stock, entitlement);
        let version = entitlement.version.unwrap_or(self.era.certificates());
        let serial = entitlement.serial.unwrap_or_else(|| serial_of("entitlement", &entitlement.id));
        let extensions = match version {
            CertificateVersion::V1 => self.extensions_v1(stock, entitlement, &pool),
            CertificateVersion::V3 => vec![text(&[6], "3.4"), text(&[8], "Basic")],
        };
        let mut certificate = self.entitlement_certificate(entitlement, &pool, serial, extensions);
        if version == CertificateVersion::V3 {
            certificate.push_str(&self.signed_data(stock, entitlement, &pool));
        }
        let key = self.issuer.leaf.pem(self.era.key_form());
        Some(Issued { serial, expiration: pool.end, certificate, key })
    }

    fn entitlement_certificate(
        &self,
        entitlement: &Entitlement,
        pool: &Pool,
        serial: i64,
        extensions: Vec<CustomExtension>,
    ) -> String {
        let named = if entitlement.named_by_subscription { &pool.subscription } else { &entitlement.id };
        let mut subject: Vec<(DnType, &str)> = Vec::new();
        if self.era > Era::B {
            subject.push((DnType::OrganizationName, &self.exporter.owner));
        }
        subject.push((DnType::CommonName, named));
        let mut parameters = leaf_parameters(&subject, serial);
        (parameters.not_before, parameters.not_after) = (pool.start, pool.end);
        parameters.custom_extensions.extend(extensions);
        self.issuer.issue(&parameters, &self.issuer.leaf).pem()
    }

    fn extensions_v1(&self, stock: &Stock<'_>, entitlement: &Entitlement, pool: &Pool) -> Vec<CustomExtension> {
        let products = || pool.products(entitlement).filter_map(|id| stock.find(id));
        let mut contents: Vec<_> = products().flat_map(|product| &product.content).collect();
        // A certificate holds an extension once (RFC 5280 4.2), however many products share the content.
        contents.sort_by(|a, b| a.id.cmp(&b.id));
        contents.dedup_by(|a, b| a.id == b.id);
        let order = self.order_v1(stock, entitlement, pool);
        products().flat_map(product).chain(contents.into_iter().flat_map(content)).chain(order).collect()
    }

    fn order_v1(&self, stock: &Stock<'_>, entitlement: &Entitlement, pool: &Pool) -> Vec<CustomExtension> {
        let date = |time: OffsetDateTime| {
            let (day, clock) = (time.date(), time.time());
            format!("{day}T{:02}:{:02}:{:02}Z", clock.hour(), clock.minute(), clock.second())
        };
        let sku = stock.find(&entitlement.sku);
        let attribute = |name| sku.and_then(|sku| sku.attribute_value(name)).unwrap_or_default();
        let or_empty = |value: &Option<String>| value.clone().unwrap_or_default();
        let rows = [
            (&[4, 1], stock.name(&entitlement.sku)),
            (&[4, 2], or_empty(&entitlement.order)),
            (&[4, 3], entitlement.sku.clone()),
            (&[4, 5], pool.quantity.to_string()),
            (&[4, 6], date(pool.start)),
            (&[4, 7], date(pool.end)),
            (&[4, 8], attribute("virt_limit").to_owned()),
            (&[4, 10], or_empty(&entitlement.contract)),
            (&[4, 11], entitlement.quantity.to_string()),
            (&[4, 12], "0".to_owned()),
            (&[4, 13], or_empty(&entitlement.account)),
            (&[4, 14], "0".to_owned()),
            (&[4, 15], attribute("support_level").to_owned()),
            (&[4, 16], attribute("support_type").to_owned()),
            (&[5, 1], self.exporter.uuid.clone()),
        ];
        rows.iter().map(|(suffix, value)| text(*suffix, value)).collect()
    }

    /// `ENTITLEMENT DATA` and the signature over the zlib stream in it.
    fn signed_data(&self, stock: &Stock<'_>, entitlement: &Entitlement, pool: &Pool) -> String {
        let stream = zlib(&self.payload(stock, entitlement, pool));
        let signature = self.issuer.sign(&stream, Algorithm::Sha256);
        pem_block("ENTITLEMENT DATA", &stream) + &pem_block(self.era.signature_label(), &signature)
    }

    fn payload<'a>(&'a self, stock: &'a Stock<'_>, entitlement: &'a Entitlement, pool: &'a Pool) -> Payload<'a> {
        let sku = stock.find(&entitlement.sku);
        let attribute = |name| sku.and_then(|sku| sku.attribute_value(name));
        let service = json!({"level": attribute("support_level"), "type": attribute("support_type")});
        Payload {
            consumer: &self.exporter.uuid,
            quantity: entitlement.quantity,
            subscription: without_nulls(json!({
                "sku": entitlement.sku, "name": stock.name(&entitlement.sku), "service": without_nulls(service),
                "stacking_id": attribute("stacking_id"), "sockets": attribute("sockets"),
            })),
            order: without_nulls(json!({
                "number": entitlement.order, "quantity": pool.quantity, "start": self.date(pool.start),
                "end": self.date(pool.end), "contract": entitlement.contract, "account": entitlement.account,
            })),
            products: pool.products(entitlement).filter_map(|id| stock.payload(id)).collect(),
            pool: json!({"id": entitlement.pool}),
        }
    }
}

#[expect(clippy::expect_used, reason = "text goes into a vector, and neither fails")]
fn zlib(payload: &Payload<'_>) -> Vec<u8> {
    let text = serde_json::to_vec(payload).expect("a payload has a text");
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&text).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}
