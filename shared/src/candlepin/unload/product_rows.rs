//! One product as rows: what it consists of, digested and written part by part.

use super::contents::Placed;
use super::digest::Digester;
use super::known::{Digest, PartDigests};
use super::output::Output;
use super::products::Scope;
use super::tables::Bulk;
use crate::db::Tuple;
use std::collections::{BTreeMap, BTreeSet};
use time::PrimitiveDateTime;
use uuid::Uuid;

/// What a product consists of, as events name it.
const PARTS: [&str; 5] = ["name", "attributes", "content", "products", "certificate"];

/// Imports always set it: what a manifest says of quantities is multiplied already.
const MULTIPLIER: i64 = 1;

/// A product's certificate.
pub(super) struct Certificate {
    pub text: String,
    pub serial: i64,
    pub expires: PrimitiveDateTime,
}

/// A product and all that belongs to it, each list sorted and without repeats.
pub(super) struct Rows<'p> {
    pub uuid: Uuid,
    pub id: &'p str,
    pub name: &'p str,
    pub attributes: BTreeMap<&'p str, Option<&'p str>>,
    /// By id; and whether it is enabled.
    pub contents: BTreeMap<&'p str, (Placed, bool)>,
    pub dependent: BTreeSet<&'p str>,
    pub relies_on: BTreeSet<&'p str>,
    pub provided: BTreeMap<String, Uuid>,
    pub derived: Option<(String, Uuid)>,
    pub certificate: Option<Certificate>,
}

impl Rows<'_> {
    /// A digest for each of the parts.
    pub fn digests(&self) -> PartDigests {
        let mut parts = PARTS.map(|_| Digester::new());
        let [name, attributes, content, products, certificate] = &mut parts;
        name.text(self.name);
        for (key, value) in &self.attributes {
            attributes.text(key).optional(*value);
        }
        for (id, (placed, enabled)) in &self.contents {
            content.text(id).bytes(&placed.digest).bytes(&[u8::from(*enabled)]);
        }
        for list in [&self.dependent, &self.relies_on] {
            products.bytes(&(list.len() as u64).to_be_bytes());
            list.iter().for_each(|id| {
                products.text(id);
            });
        }
        self.provided.keys().for_each(|id| {
            products.text(id);
        });
        products.optional(self.derived.as_ref().map(|(id, _)| id.as_str()));
        certificate.optional(self.certificate.as_ref().map(|certificate| certificate.text.as_str()));
        parts.map(Digester::finish)
    }

    /// Which parts differ from what was written with these digests.
    pub fn changed_parts(before: &[u8], digests: &PartDigests) -> Vec<&'static str> {
        let (before, _) = before.as_chunks::<{ size_of::<Digest>() }>();
        let differs = |index: usize| before.get(index) != Some(&digests[index]);
        PARTS.into_iter().enumerate().filter(|(index, _)| differs(*index)).map(|(_, part)| part).collect()
    }

    /// Writes everything. `created`: when the product was first imported, if it is there already.
    pub fn write(
        &self,
        scope: &Scope,
        digests: &PartDigests,
        source: &[u8],
        created: Option<PrimitiveDateTime>,
        output: &mut Output,
    ) {
        let mut row = output.row(Bulk::Products);
        row.uuid(self.uuid);
        row.text(&scope.owner);
        row.bool(true);
        row.timestamp(created.unwrap_or(scope.now));
        row.timestamp(scope.now);
        row.bytea(digests.as_flattened());
        row.bytea(source);
        row.text(self.id);
        row.text(self.name);
        row.int8(MULTIPLIER);
        row.optional(self.derived.as_ref().map(|(_, uuid)| *uuid), Tuple::uuid);
        for (name, value) in &self.attributes {
            let mut row = output.row(Bulk::Attributes);
            row.uuid(self.uuid);
            row.text(name);
            row.optional_text(*value);
        }
        for (placed, enabled) in self.contents.values() {
            let mut row = output.row(Bulk::ProductContents);
            row.uuid(self.uuid);
            row.uuid(placed.uuid);
            row.bool(*enabled);
        }
        self.write_links(output);
    }

    fn write_links(&self, output: &mut Output) {
        for (table, list) in [(Bulk::Dependent, &self.dependent), (Bulk::Reliance, &self.relies_on)] {
            for id in list {
                let mut row = output.row(table);
                row.uuid(self.uuid);
                row.text(id);
            }
        }
        for provided in self.provided.values() {
            let mut row = output.row(Bulk::Provided);
            row.uuid(self.uuid);
            row.uuid(*provided);
        }
        if let Some(certificate) = &self.certificate {
            let mut row = output.row(Bulk::ProductCertificates);
            row.uuid(self.uuid);
            row.bytea(certificate.text.as_bytes());
            row.int8(certificate.serial);
            row.timestamp(certificate.expires);
        }
    }
}
