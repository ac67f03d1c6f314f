//! What a manifest is to hold.

use std::sync::Arc;

use serde_json::Value;
use time::OffsetDateTime;

use super::exporter::{Cdn, DistributorVersion, Exporter};
use super::product::owned;
use super::tree::Change;
use super::{Authority, DateSpelling, Entitlement, Era, IdentityCertificate, Product, SchemeSigner};

/// A manifest, or a data bundle with the same content, to be changed call by call.
///
/// A new one has no products and no entitlements; [`sample`](Self::sample) has some of everything. References are
/// written as they are given: a product that was not added is missing in the manifest too.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub(super) era: Era,
    pub(super) dates: DateSpelling,
    pub(super) issuer: Authority,
    pub(super) exporter: Exporter,
    pub(super) products: Vec<Product>,
    pub(super) entitlements: Vec<Entitlement>,
    pub(super) scheme: Option<SchemeSigner>,
    pub(super) changes: Vec<Change>,
    pub(super) beside: Vec<(String, Vec<u8>)>,
    pub(super) signature: Option<Vec<u8>>,
}

impl Manifest {
    /// An empty manifest of the consumer `lab-distributor`, whose certificates come from [`Authority::new`].
    pub fn new(era: Era) -> Self {
        Self {
            era,
            dates: era.dates(),
            issuer: Authority::new(),
            exporter: Exporter::new(era),
            products: Vec::new(),
            entitlements: Vec::new(),
            scheme: None,
            changes: Vec::new(),
            beside: Vec::new(),
            signature: None,
        }
    }

    /// Writes dates otherwise than the era.
    pub fn dates(mut self, spelling: DateSpelling) -> Self {
        self.dates = spelling;
        self
    }

    /// Who issues identity, entitlement and product certificates.
    pub fn issued_by(mut self, authority: &Authority) -> Self {
        self.issuer = authority.clone();
        self
    }

    /// The uuid of the exporting consumer.
    pub fn uuid(mut self, uuid: &str) -> Self {
        self.exporter.uuid = uuid.to_owned();
        self
    }

    /// Its name.
    pub fn name(mut self, name: &str) -> Self {
        self.exporter.name = name.to_owned();
        self
    }

    /// The label of its type.
    pub fn type_label(mut self, label: &str) -> Self {
        self.exporter.type_label = label.to_owned();
        self
    }

    /// The key of its organisation.
    pub fn owner(mut self, key: &str) -> Self {
        self.exporter.owner = key.to_owned();
        self
    }

    /// Its mode: `entitlement`, `org_environment` or empty.
    pub fn content_access_mode(mut self, mode: &str) -> Self {
        self.exporter.content_access_mode = mode.to_owned();
        self
    }

    /// When the manifest was made.
    pub fn created(mut self, at: OffsetDateTime) -> Self {
        self.exporter.created = at;
        self
    }

    /// Who made it.
    pub fn principal(mut self, name: &str) -> Self {
        self.exporter.principal = Some(name.to_owned());
        self
    }

    /// The prefixes of the exporter's pages and of its API.
    pub fn urls(mut self, web: &str, api: &str) -> Self {
        (self.exporter.web, self.exporter.api) = (web.to_owned(), api.to_owned());
        self
    }

    /// The CDN that the exporter chose.
    pub fn cdn_label(mut self, label: &str) -> Self {
        self.exporter.cdn_label = Some(label.to_owned());
        self
    }

    /// The version of its rules.
    pub fn rules(mut self, version: &str) -> Self {
        self.exporter.rules = Some(version.to_owned());
        self
    }

    /// Adds a consumer type of the exporter, or changes it. There are `system` and `candlepin` from the start.
    pub fn consumer_type(mut self, label: &str, manifest: bool) -> Self {
        self.exporter.types.retain(|(known, _)| known != label);
        self.exporter.types.push((label.to_owned(), manifest));
        self
    }

    /// Removes a consumer type.
    pub fn without_consumer_type(mut self, label: &str) -> Self {
        self.exporter.types.retain(|(known, _)| known != label);
        self
    }

    /// Adds a distributor version. The first era does not write it.
    pub fn distributor_version(mut self, name: &str, display_name: &str, capabilities: &[&str]) -> Self {
        let version = DistributorVersion {
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            capabilities: owned(capabilities),
        };
        self.exporter.distributor_versions.push(version);
        self
    }

    /// Adds a CDN. The first era does not write it.
    pub fn cdn(mut self, label: &str, name: &str, url: &str) -> Self {
        self.exporter.cdns.push(Cdn { label: label.to_owned(), name: name.to_owned(), url: url.to_owned() });
        self
    }

    /// Adds a product, or replaces the one of the same id.
    pub fn product(mut self, product: Product) -> Self {
        match self.products.iter_mut().find(|known| known.id == product.id) {
            Some(known) => *known = product,
            None => self.products.push(product),
        }
        self
    }

    /// Adds an entitlement, or replaces the one of the same id.
    pub fn entitlement(mut self, entitlement: Entitlement) -> Self {
        match self.entitlements.iter_mut().find(|known| known.id == entitlement.id) {
            Some(known) => *known = entitlement,
            None => self.entitlements.push(entitlement),
        }
        self
    }

    /// Removes an entitlement.
    pub fn without_entitlement(mut self, id: &str) -> Self {
        self.entitlements.retain(|known| known.id != id);
        self
    }

    /// The exporter's identity certificate, instead of one from the issuer. The first era does not write it.
    pub fn identity_certificate(mut self, certificate: IdentityCertificate) -> Self {
        self.exporter.identity = Some(Some(certificate));
        self
    }

    /// Without an identity certificate.
    pub fn without_identity_certificate(mut self) -> Self {
        self.exporter.identity = Some(None);
        self
    }

    /// The exporter got its own pools from a manifest: pools show its upstream consumer, with a private key.
    pub fn chained(mut self) -> Self {
        self.exporter.chained = true;
        self
    }

    /// Adds `scheme.json` to the tree. [`build_with_scheme`](Self::build_with_scheme) signs accordingly as well.
    pub fn scheme(mut self, signer: &SchemeSigner) -> Self {
        self.scheme = Some(signer.clone());
        self
    }

    /// Without a file; its name is that below `export/`. A name that ends in `/` stands for all files below it.
    ///
    /// Changes apply in the order of the calls. Building panics when there is no such file.
    pub fn without(mut self, name: &str) -> Self {
        self.changes.push(Change::Without(name.to_owned()));
        self
    }

    /// Adds a file below `export/`, or replaces it.
    pub fn raw(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.changes.push(Change::Raw(name.to_owned(), bytes.into()));
        self
    }

    /// Changes a JSON file below `export/`. Building panics when there is no such file.
    pub fn edit(mut self, name: &str, change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        self.changes.push(Change::Edit(name.to_owned(), Arc::new(change)));
        self
    }

    /// Adds a member to the outer zip, beside `consumer_export.zip` and `signature`.
    pub fn beside(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.beside.push((name.to_owned(), bytes.into()));
        self
    }

    /// Exactly these bytes as signature, whoever builds.
    pub fn signature(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.signature = Some(bytes.into());
        self
    }
}
