//! `products/<id>.json`, and the lists of attributes that stand elsewhere too.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::authority::id_of;
use super::json::add;
use super::parallel::parallel;
use super::stock::Stock;
use super::{Content, Era, Manifest, Product};

impl Manifest {
    /// Every product's file. The last two eras nest whole products in products.
    pub(super) fn product_files(&self, stock: &Stock<'_>) -> Vec<(String, Vec<u8>)> {
        let flat = parallel(&self.products, |product| (product.id.as_str(), self.flat_product(product)));
        let flat: BTreeMap<&str, Value> = flat.into_iter().collect();
        parallel(&self.products, |product| {
            let mut body = flat.get(product.id.as_str()).cloned().unwrap_or_default();
            if self.era > Era::B {
                add(&mut body, self.nested(stock, &flat, product));
            }
            (format!("products/{}.json", product.id), self.text(&body))
        })
    }

    fn nested(&self, stock: &Stock<'_>, flat: &BTreeMap<&str, Value>, product: &Product) -> Value {
        let child = |id: &String| {
            let known = flat.get(id.as_str()).cloned();
            known.unwrap_or_else(|| json!({"id": id, "name": format!("Product {id}")}))
        };
        let provided: Vec<Value> = product.provides.iter().map(child).collect();
        let derived = product.derived.as_ref().map(|id| {
            let mut body = child(id);
            let provides = stock.find(id).map(|derived| derived.provides.as_slice()).unwrap_or_default();
            add(&mut body, json!({"providedProducts": provides.iter().map(child).collect::<Vec<_>>()}));
            body
        });
        json!({"providedProducts": provided, "derivedProduct": derived})
    }

    fn flat_product(&self, product: &Product) -> Value {
        let content: Vec<Value> = product.content.iter().map(|content| self.product_content(content)).collect();
        let mut body = self.stamped(json!({
            "id": product.id, "name": product.name, "multiplier": product.multiplier,
            "attributes": self.attributes(&product.attributes, None), "productContent": content,
            "dependentProductIds": product.dependent,
        }));
        let href = format!("/products/{}", product.id);
        let more = match self.era {
            Era::A => json!({"href": href}),
            Era::B => json!({"href": href, "reliesOn": product.relies_on}),
            Era::C | Era::D => json!({
                "uuid": id_of("product", &product.id), "providedProducts": [], "derivedProduct": null,
            }),
        };
        add(&mut body, more);
        body
    }

    fn product_content(&self, content: &Content) -> Value {
        let mut body = json!({
            "id": content.id, "type": content.kind, "label": content.label, "name": content.name,
            "vendor": content.vendor, "contentUrl": content.url, "gpgUrl": content.gpg_url,
            "requiredTags": content.required_tags, "modifiedProductIds": content.modified,
        });
        let more = match self.era {
            Era::A => json!({"releaseVer": content.release, "metadataExpire": content.expires}),
            Era::B => json!({
                "releaseVer": content.release, "metadataExpire": content.expires, "arches": content.arches,
            }),
            Era::C | Era::D => json!({
                "releaseVersion": content.release, "metadataExpiration": content.expires, "arches": content.arches,
                "uuid": id_of("content", &content.id),
            }),
        };
        add(&mut body, more);
        json!({"enabled": content.enabled, "content": self.stamped(body)})
    }

    /// An attribute list; in the first two eras its elements are database rows. `product` is set for those of a pool.
    pub(super) fn attributes(&self, list: &[(String, Option<String>)], product: Option<&str>) -> Value {
        let element = |(name, value): &(String, Option<String>)| {
            let mut element = json!({"name": name, "value": value});
            if self.era < Era::C {
                add(&mut element, self.stamps());
                let of_pool = product.map(|id| json!({"id": id_of("pool attribute", name), "productId": id}));
                add(&mut element, of_pool.unwrap_or_default());
            }
            element
        };
        list.iter().map(element).collect()
    }
}
