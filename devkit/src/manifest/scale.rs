//! Large manifests for the benchmark.

use std::collections::BTreeSet;

use time::Duration;

use super::authority::{id_of, serial_of};
use super::entitlement_json::term;
use super::{Content, Entitlement, Era, Manifest, Product};

/// How much a large manifest holds. The same numbers give the same manifest.
///
/// A third of the products are SKUs. Engineering products are shared out among them, and so are entitlements, so that a
/// SKU, what it provides, its content and its entitlements make one piece of the whole. Every content set is its
/// product's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Entitlements, each with a certificate of version 3.
    pub entitlements: usize,
    /// Products of both kinds; three make a piece.
    pub products: usize,
    /// Content sets of each product.
    pub contents_per_product: usize,
}

impl Default for Scale {
    fn default() -> Self {
        Self { entitlements: 2_000, products: 1_500, contents_per_product: 40 }
    }
}

impl Scale {
    /// The default with `factor` times as many entitlements and products, and at least one piece.
    pub fn scaled(factor: f64) -> Self {
        let whole = Self::default();
        let scale = |n: usize| (n as f64 * factor).round() as usize;
        Self { entitlements: scale(whole.entitlements).max(1), products: scale(whole.products).max(3), ..whole }
    }

    /// The manifest, of the last era.
    pub fn manifest(&self) -> Manifest {
        self.with_changes(&BTreeSet::new())
    }

    /// The manifest a day later, when a share of the products, of the content and of the entitlements has changed, the
    /// same for the same seed: whole pieces, rounded up, so that no certificate changes but those of the changed entitlements.
    pub fn changed(&self, share: f64, seed: u64) -> Manifest {
        let mut pieces: Vec<usize> = (0..self.pieces()).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut pieces);
        pieces.truncate((pieces.len() as f64 * share).ceil() as usize);
        let mut manifest = self.with_changes(&pieces.into_iter().collect());
        manifest.exporter.created += Duration::DAY;
        manifest
    }

    fn pieces(&self) -> usize {
        (self.products / 3).max(1)
    }

    fn with_changes(&self, changed: &BTreeSet<usize>) -> Manifest {
        let pieces = self.pieces();
        let is_changed = |n: usize| changed.contains(&(n % pieces));
        let mut manifest = Manifest::new(Era::D);
        let engines = self.products.saturating_sub(pieces);
        manifest.products.extend((0..engines).map(|n| self.engine(n, is_changed(n))));
        manifest.products.extend((0..pieces).map(|n| self.sku(n, engines, is_changed(n))));
        // Fixed, as the changed manifest is a day younger, which must not show in what did not change.
        let (start, end) = term(manifest.exporter.created);
        let entitlements = (0..self.entitlements).map(|n| entitlement(n, n % pieces, is_changed(n)).dates(start, end));
        manifest.entitlements.extend(entitlements);
        manifest
    }

    fn engine(&self, n: usize, changed: bool) -> Product {
        let product = Product::new(&engine_id(n), &format!("Engine {n}"))
            .attribute("arch", "x86_64,aarch64")
            .attribute("version", if changed { "2.1" } else { "2.0" });
        self.with_content(product, n, changed)
    }

    fn sku(&self, n: usize, engines: usize, changed: bool) -> Product {
        let provided: Vec<String> = (n..engines).step_by(self.pieces()).map(engine_id).collect();
        let provided: Vec<&str> = provided.iter().map(String::as_str).collect();
        let product = Product::new(&format!("SKU-{n:05}"), &format!("Suite {n}"))
            .attribute("arch", "x86_64,aarch64")
            .attribute("support_level", if changed { "Platinum" } else { "Gold" })
            .attribute("support_type", "L1-L3")
            .provides(&provided);
        self.with_content(product, engines + n, changed)
    }

    /// `n` is the number of the product among all.
    fn with_content(&self, mut product: Product, n: usize, changed: bool) -> Product {
        product.content =
            (0..self.contents_per_product).map(|i| content(n * self.contents_per_product + i, changed)).collect();
        product
    }
}

fn engine_id(n: usize) -> String {
    (100_000 + n).to_string()
}

fn content(n: usize, changed: bool) -> Content {
    let content = Content::new(&(1_000_000 + n).to_string(), &format!("scale-content-{n}-rpms"));
    if changed { content.name(&format!("Content {n}, second edition")) } else { content }
}

fn entitlement(n: usize, sku: usize, changed: bool) -> Entitlement {
    let id = id_of("scaled entitlement", &n.to_string());
    let pool = id_of("scaled pool", &n.to_string());
    let entitlement = Entitlement::new(&id, &pool, &format!("SKU-{sku:05}"))
        .contract(&format!("CON-{}", n % 97))
        .account(&format!("ACC-{}", n % 13))
        .order(&format!("ORD-{n}"));
    match changed {
        // A server that changes an entitlement issues its certificate anew.
        true => entitlement.quantity(11).serial(serial_of("changed entitlement", &id)),
        false => entitlement,
    }
}
