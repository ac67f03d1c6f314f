//! What is imported: a manifest of some size, and the ones that follow it.

use anyhow::{Result, ensure};
use longshore::archive::Limits;
use longshore_devkit::manifest::{Algorithm, Authority, Manifest, Scale};
use time::Duration;
use tokio_postgres::Client;

use super::CHANGED;
use crate::{
    bench::rig::{Stats, Unloaded},
    table::thousands,
};

/// A manifest, signed.
#[derive(Debug)]
pub struct Load {
    /// How much it holds.
    pub scale: Scale,
    /// The manifest.
    pub archive: Vec<u8>,
    inner_bytes: u64,
}

impl Load {
    /// A manifest of this size.
    pub fn new(scale: Scale) -> Self {
        let manifest = scale.manifest();
        let inner = manifest.inner_zip();
        let inner_bytes = inner.len() as u64;
        let archive = manifest.wrap(inner, |bytes| Authority::new().sign(bytes, Algorithm::Sha256));
        Self { scale, archive, inner_bytes }
    }

    /// The archive and the zip in it: the signature is over the latter, so both are in memory at once.
    pub fn held_bytes(&self) -> u64 {
        self.archive.len() as u64 + self.inner_bytes
    }

    /// The manifest in words.
    pub fn describe(&self) -> String {
        let Scale { entitlements, products, contents_per_product } = self.scale;
        format!(
            "{} entitlements, {} products with {} content sets each",
            thousands(entitlements as u64),
            thousands(products as u64),
            thousands(contents_per_product as u64)
        )
    }

    /// Fails unless the database holds what the manifest says.
    pub async fn expect_imported(&self, client: &Client) -> Result<()> {
        let Scale { entitlements, products, contents_per_product } = self.scale;
        let expected = [
            ("cp_products", products),
            ("cp_contents", products * contents_per_product),
            ("cp_product_contents", products * contents_per_product),
            ("cp_certificate", entitlements),
            ("cp_subscription", entitlements),
            ("cp_pool", entitlements),
        ];
        for (table, expected) in expected {
            let sql = format!("SELECT count(*) FROM candlepin.{table}");
            let count: i64 = client.query_one(&sql, &[]).await?.get(0);
            ensure!(count.unsigned_abs() == expected as u64, "{table}: {count} rows instead of {expected}");
        }
        Ok(())
    }

    /// Fails unless what changed was updated, and nothing else.
    pub fn expect_changed(&self, import: &Unloaded) -> Result<()> {
        let updates = |kind: &str| -> Result<u64> {
            let stats = import.of(kind);
            ensure!(stats == Stats { updates: stats.updates, ..Stats::default() }, "{kind}: {stats:?}");
            Ok(stats.updates)
        };
        let (share, _) = CHANGED;
        let products = updates("products")?;
        let expected = self.scale.products as f64 * share;
        ensure!(products as f64 >= expected && products as f64 <= expected + 3.0, "{products} products were updated");
        let contents = products * self.scale.contents_per_product as u64;
        ensure!(updates("contents")? == contents, "{contents} content sets have changed");
        let (subscriptions, pools) = (updates("subscriptions")?, updates("pools")?);
        ensure!(subscriptions > 0 && subscriptions == pools, "{subscriptions} subscriptions, {pools} pools");
        Ok(())
    }
}

/// The manifests that follow a first one.
#[derive(Debug)]
pub struct Successors {
    /// The same, half a day later.
    pub unchanged: Vec<u8>,
    /// A day later, with changes.
    pub changed: Vec<u8>,
}

impl Successors {
    /// Of the manifest of this size.
    pub fn of(scale: Scale) -> Self {
        let first = scale.manifest();
        let half_a_day_later = first.created_at() + Duration::hours(12);
        let (share, seed) = CHANGED;
        let sign = |manifest: Manifest| manifest.build(&Authority::new());
        Self { unchanged: sign(first.created(half_a_day_later)), changed: sign(scale.changed(share, seed)) }
    }
}

/// Limits for manifests that are larger than what the defaults leave room for, which is four times the whole.
pub fn limits(scale: f64) -> Vec<(String, String)> {
    if scale <= 1.0 {
        return Vec::new();
    }
    let limits = Limits::for_manifests();
    let raise = |limit: u64| (limit as f64 * scale).ceil() as u64;
    let variables = [
        ("LONGSHORE_MAX_COMPRESSED_BYTES", raise(limits.compressed_bytes)),
        ("LONGSHORE_MAX_EXPANDED_BYTES", raise(limits.expanded_bytes)),
        ("LONGSHORE_MAX_ENTRIES", raise(limits.entries)),
    ];
    variables.map(|(name, limit)| (name.to_owned(), limit.to_string())).to_vec()
}
