//! The files of a manifest and of a data bundle.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::authority::id_of;
use super::entitlement_certificate::Issued;
use super::parallel::parallel;
use super::stock::Stock;
use super::{Entitlement, Era, Manifest, certificate, json};

/// Files by their names below `export/`.
pub(super) type Tree = BTreeMap<String, Vec<u8>>;

#[derive(Clone)]
pub(super) enum Change {
    Without(String),
    Raw(String, Vec<u8>),
    Edit(String, Edit),
}

type Edit = Arc<dyn Fn(&mut Value) + Send + Sync>;

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match self {
            Self::Without(name) => ("Without", name),
            Self::Raw(name, _) => ("Raw", name),
            Self::Edit(name, _) => ("Edit", name),
        };
        f.debug_tuple(kind).field(name).finish()
    }
}

impl Manifest {
    /// The inner tree of a manifest, by names that start with `export/`.
    ///
    /// # Panics
    ///
    /// When a file is to be removed or edited that is not there.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.changed(self.manifest_tree()).into_iter().map(|(name, bytes)| (format!("export/{name}"), bytes)).collect()
    }

    fn manifest_tree(&self) -> Tree {
        let mut tree = self.common_tree();
        self.rules_files(&mut tree);
        if self.era > Era::A {
            self.later_files(&mut tree);
        }
        if let Some(scheme) = &self.scheme {
            tree.insert("scheme.json".to_owned(), self.text(&scheme.json()));
        }
        tree
    }

    /// The tree of a data bundle: that of the first design, whatever the era.
    pub(super) fn bundle_tree(&self) -> Tree {
        let mut tree = self.common_tree();
        let mut meta = self.meta();
        json::add(&mut meta, serde_json::json!({"version": "1.0"}));
        tree.insert("meta.json".to_owned(), self.text(&meta));
        tree.insert("rules/rules.js".to_owned(), self.exporter.rules_text().into_bytes());
        let consumer = format!("upstream_consumer/{}.json", self.exporter.uuid);
        tree.insert(consumer, self.text(&self.upstream_consumer_json()));
        if let Some(identity) = self.identity() {
            let id = id_of("identity", &identity.serial_number().to_string());
            let pem = identity.certificate().pem() + &identity.key().pem(self.era.key_form());
            tree.insert(format!("upstream_consumer/{id}.pem"), pem.into_bytes());
        }
        tree
    }

    /// What both containers have in the same place.
    fn common_tree(&self) -> Tree {
        let mut tree = Tree::new();
        tree.insert("meta.json".to_owned(), self.text(&self.meta()));
        tree.insert("consumer.json".to_owned(), self.text(&self.consumer()));
        for (label, _) in &self.exporter.types {
            tree.insert(format!("consumer_types/{label}.json"), self.text(&self.consumer_type_json(label)));
        }
        let stock = Stock::new(self);
        self.product_tree(&stock, &mut tree);
        for files in parallel(&self.entitlements, |entitlement| self.entitlement_files(&stock, entitlement)) {
            tree.extend(files);
        }
        tree
    }

    fn product_tree(&self, stock: &Stock<'_>, tree: &mut Tree) {
        tree.extend(self.product_files(stock));
        if self.era < Era::D {
            let engineering: Vec<_> = self.products.iter().filter(|product| product.is_engineering()).collect();
            tree.extend(parallel(&engineering, |product| {
                let certificate = self.issuer.product_certificate(&product.id, certificate::product(product));
                (format!("products/{}.pem", product.id), certificate.pem().into_bytes())
            }));
        }
    }

    fn entitlement_files(&self, stock: &Stock<'_>, entitlement: &Entitlement) -> Vec<(String, Vec<u8>)> {
        let issued = self.certified(stock, entitlement);
        let body = self.text(&self.entitlement_json(stock, entitlement, issued.as_ref()));
        let mut files = vec![(format!("entitlements/{}.json", entitlement.id), body)];
        if let Some(Issued { serial, certificate, key, .. }) = issued {
            files.push((format!("entitlement_certificates/{serial}.pem"), (certificate + &key).into_bytes()));
        }
        files
    }

    fn rules_files(&self, tree: &mut Tree) {
        let text = self.exporter.rules_text().into_bytes();
        if self.era == Era::B {
            tree.insert("rules/default-rules.js".to_owned(), text.clone());
        }
        let name = if self.era == Era::A { "rules/rules.js" } else { "rules2/rules.js" };
        tree.insert(name.to_owned(), text);
    }

    fn later_files(&self, tree: &mut Tree) {
        if let Some(identity) = self.identity() {
            let name = format!("upstream_consumer/{}.json", identity.serial_number());
            tree.insert(name, self.text(&self.identity_json(&identity)));
        }
        for version in &self.exporter.distributor_versions {
            let name = format!("distributor_version/{}.json", version.name);
            tree.insert(name, self.text(&self.distributor_version_json(version)));
        }
        for cdn in &self.exporter.cdns {
            let name = format!("content_delivery_network/{}.json", cdn.label);
            tree.insert(name, self.text(&self.cdn_json(cdn)));
        }
    }

    pub(super) fn text(&self, value: &Value) -> Vec<u8> {
        json::bytes(self.era, value)
    }

    pub(super) fn changed(&self, mut tree: Tree) -> Tree {
        for change in &self.changes {
            match change {
                Change::Without(name) => remove(&mut tree, name),
                Change::Raw(name, bytes) => drop(tree.insert(name.clone(), bytes.clone())),
                Change::Edit(name, edit) => self.edited(&mut tree, name, edit),
            }
        }
        tree
    }

    #[expect(clippy::expect_used, reason = "a test that edits what is not there would prove nothing")]
    fn edited(&self, tree: &mut Tree, name: &str, edit: &Edit) {
        let file = tree.get_mut(name).expect("an edited file is in the tree");
        let mut body = serde_json::from_slice(file).expect("an edited file is JSON");
        edit(&mut body);
        *file = self.text(&body);
    }
}

fn remove(tree: &mut Tree, name: &str) {
    let before = tree.len();
    tree.retain(|known, _| if name.ends_with('/') { !known.starts_with(name) } else { known != name });
    assert!(tree.len() < before, "the tree has no {name} to leave out");
}
