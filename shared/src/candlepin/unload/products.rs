//! The files of `products/`: read in their order, passed over where they are as they were.

use super::contents::Contents;
use super::digest::Digester;
use super::facts::{Counts, Facts, SkuFacts};
use super::known::KnownProduct;
use super::output::{Output, Stopped};
use super::product_rows::{Certificate, Rows};
use crate::archive::{Member, Members};
use crate::clock::to_timestamp;
use crate::keyring::KeyError;
use crate::manifest::files::{Files, parse};
use crate::manifest::model::{Product, ProductId, Text};
use crate::manifest::{ManifestError, PemFile};
use crate::outbox::{Change, Event};
use crate::warnings::Warnings;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use time::PrimitiveDateTime;
use uuid::Uuid;

/// Changes whenever files are read otherwise than before, so that all of them count as changed then.
const FORMAT: &[u8] = b"longshore products 1";

/// Width of the id's column, in characters. The server that made the manifest has the same.
const MAX_ID: usize = 32;

/// Width of other texts whose length matters, in characters.
const MAX_TEXT: usize = 255;

/// Why reading ended early.
#[derive(Debug)]
pub(super) enum ReadError {
    Manifest(ManifestError),
    Keys(KeyError),
    Stopped,
}

impl From<KeyError> for ReadError {
    fn from(error: KeyError) -> Self {
        Self::Keys(error)
    }
}

impl From<ManifestError> for ReadError {
    fn from(error: ManifestError) -> Self {
        Self::Manifest(error)
    }
}

impl From<Stopped> for ReadError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// What all readers need to know.
#[derive(Debug, Clone)]
pub(in crate::candlepin) struct Scope {
    pub owner: String,
    pub now: PrimitiveDateTime,
    pub members: Members,
    /// How deep JSON may nest.
    pub depth: u8,
}

/// What becomes of the products.
pub(super) struct Products<'a> {
    scope: &'a Scope,
    /// What has not been come across yet.
    pub known: HashMap<String, KnownProduct>,
    pub contents: Contents,
    pub facts: Facts,
    pub counts: Counts,
    pub events: Vec<Event>,
    pub warnings: Warnings,
    /// Read from other bytes, to the same effect: the new digest of the file.
    pub resourced: Vec<(Uuid, Vec<u8>)>,
    /// Not read, because their files are as they were.
    pub passed_over: Vec<Uuid>,
    /// Of products that are referred to before they are read.
    uuids: HashMap<String, Uuid>,
}

impl<'a> Products<'a> {
    pub fn new(scope: &'a Scope, known: HashMap<String, KnownProduct>, contents: Contents) -> Self {
        let uuids = known.iter().map(|(id, known)| (id.clone(), known.facts.uuid)).collect();
        Self {
            scope,
            known,
            contents,
            facts: Facts::new(),
            counts: Counts::default(),
            events: Vec::new(),
            warnings: Warnings::default(),
            resourced: Vec::new(),
            passed_over: Vec::new(),
            uuids,
        }
    }

    /// Reads one file after the other. `may_pass_over`: whether one that is as it was need not be read.
    pub fn read_all(
        &mut self,
        files: &mut Files<'_>,
        may_pass_over: bool,
        output: &mut Output,
    ) -> Result<(), ReadError> {
        for member in files.json_files("products/") {
            output.check()?;
            let source = product_source(self.scope, &member);
            let id = id_of_product_file(member.name());
            if may_pass_over && self.is_as_it_was(id, &source) {
                self.pass_over(id);
                continue;
            }
            let product: Product<'_> = files.json(member)?;
            if product.id.as_str() != id {
                self.warnings.add("the product's id is not its file's name; the id counts", member.name(), 1);
            }
            self.product(member.name(), &product, Some(&source), output)?;
        }
        self.counts.deletes = self.known.len() as u64;
        Ok(())
    }

    fn is_as_it_was(&self, id: &str, source: &[u8]) -> bool {
        self.known.get(id).is_some_and(|known| known.is_as_it_was(source, |id| self.has_file(id)))
    }

    fn pass_over(&mut self, id: &str) {
        if let Some(known) = self.known.remove(id) {
            self.passed_over.push(known.facts.uuid);
            self.facts.insert(id.to_owned(), known.facts);
            self.counts.unchanged += 1;
        }
    }

    fn has_file(&self, id: &str) -> bool {
        self.scope.members.get(&product_file(id)).is_some()
    }

    fn product(
        &mut self,
        file: &str,
        product: &Product<'_>,
        source: Option<&[u8]>,
        output: &mut Output,
    ) -> Result<(), ReadError> {
        let id = check_id(file, &product.id)?;
        if self.facts.contains_key(id) {
            self.warnings.add("a product is described more than once; the first one counts", file, 1);
            return Ok(());
        }
        let rows = self.rows(file, product, output)?;
        let facts = SkuFacts {
            uuid: rows.uuid,
            name: rows.name.into(),
            virt_limit: product.attributes.get("virt_limit").map(Into::into),
            virt_only: product.attributes.get("virt_only").map(Into::into),
            derived: rows.derived.as_ref().map(|(id, _)| id.clone()),
            provided: rows.provided.keys().cloned().collect(),
        };
        // Before what is nested is looked at: a product may be nested in itself.
        self.facts.insert(id.to_owned(), facts);
        self.write(&rows, source, output);
        output.send_full()?;
        self.without_files(file, product, output)
    }

    /// All that belongs to a product. Rows of its content sets are written on the way.
    fn rows<'p>(
        &mut self,
        file: &str,
        product: &'p Product<'_>,
        output: &mut Output,
    ) -> Result<Rows<'p>, ManifestError> {
        let mut contents = BTreeMap::new();
        for entry in &product.product_content {
            let placed = self.contents.place(&entry.content, self.scope, output);
            let placed = placed.map_err(|problem| ManifestError::invalid(file, problem))?;
            let id = entry.content.id.as_str();
            if placed.contradicts {
                let what = "a content set is described differently by another product, which counts";
                self.warnings.add(what, format!("{file} content {id}"), 1);
            }
            contents.insert(id, (placed, entry.enabled));
        }
        let mut provided = BTreeMap::new();
        for raw in &product.provided_products {
            let nested: ProductId<'_> = parse(file, raw.get().as_bytes(), self.scope.depth)?;
            let id = check_id(file, &nested.id)?;
            provided.insert(id.to_owned(), self.uuid_of(id));
        }
        let derived = match product.derived_product {
            Some(raw) => {
                let nested: ProductId<'_> = parse(file, raw.get().as_bytes(), self.scope.depth)?;
                let id = check_id(file, &nested.id)?;
                Some((id.to_owned(), self.uuid_of(id)))
            }
            None => None,
        };
        check_keys(file, product)?;
        let id = product.id.as_str();
        let certificate = self.certificate(id)?;
        Ok(Rows {
            uuid: self.uuid_of(id),
            id,
            name: product.name.as_ref().map_or(id, Text::as_str),
            attributes: product.attributes.0.iter().map(|(n, v)| (n.as_str(), v.as_ref().map(Text::as_str))).collect(),
            contents,
            dependent: product.dependent_product_ids.iter().map(Text::as_str).collect(),
            relies_on: product.relies_on.iter().map(Text::as_str).collect(),
            provided,
            derived,
            certificate,
        })
    }

    /// Nested products that have no file of their own.
    fn without_files(&mut self, file: &str, product: &Product<'_>, output: &mut Output) -> Result<(), ReadError> {
        for raw in product.provided_products.iter().chain(&product.derived_product) {
            let nested: ProductId<'_> = parse(file, raw.get().as_bytes(), self.scope.depth)?;
            let id = nested.id.as_str();
            if self.has_file(id) || self.facts.contains_key(id) {
                continue;
            }
            self.warnings.add(
                "a nested product has no file of its own; what is nested counts",
                format!("{file} {id}"),
                1,
            );
            let nested: Product<'_> = parse(file, raw.get().as_bytes(), self.scope.depth)?;
            self.product(file, &nested, None, output)?;
        }
        Ok(())
    }

    fn uuid_of(&mut self, id: &str) -> Uuid {
        match self.uuids.get(id) {
            Some(uuid) => *uuid,
            None => *self.uuids.entry(id.to_owned()).or_insert_with(Uuid::now_v7),
        }
    }

    /// `products/<id>.pem`, which engineering products had until 2024. Another product's is not kept: consumers would get it
    /// for this one.
    fn certificate(&mut self, id: &str) -> Result<Option<Certificate>, ManifestError> {
        let file = format!("products/{id}.pem");
        let Some(member) = self.scope.members.get(&file) else { return Ok(None) };
        let bytes = member.read()?;
        let text = std::str::from_utf8(&bytes).map_err(|_| ManifestError::invalid(&*file, "it is not text"))?;
        let pem = PemFile::split(text).map_err(ManifestError::certificate(&file))?.certificate;
        let pem = pem.ok_or_else(|| ManifestError::invalid(&*file, "it holds no certificate"))?;
        let parsed = pem.parse().map_err(ManifestError::certificate(&file))?;
        if parsed.common_name.as_deref() != Some(id) {
            self.warnings.add("the certificate is another product's; it is ignored", file, 1);
            return Ok(None);
        }
        let expires = to_timestamp(parsed.not_after);
        Ok(Some(Certificate { text: pem.text().into(), serial: parsed.serial, expires }))
    }

    /// Writes a product unless it stands there as it is, and says so.
    fn write(&mut self, rows: &Rows<'_>, source: Option<&[u8]>, output: &mut Output) {
        let digests = rows.digests();
        let known = self.known.remove(rows.id);
        let source = source.unwrap_or_default();
        let Some(known) = known else {
            self.counts.adds += 1;
            rows.write(self.scope, &digests, source, None, output);
            let data = json!({"productId": rows.id});
            self.events.push(Event::new(Change::Created, "PRODUCT", rows.name, rows.id, data));
            return;
        };
        let changed = Rows::changed_parts(&known.digest, &digests);
        if changed.is_empty() {
            self.counts.unchanged += 1;
            if known.source != source {
                self.resourced.push((known.facts.uuid, source.to_vec()));
            }
            return;
        }
        self.counts.updates += 1;
        output.forget_product(known.facts.uuid);
        rows.write(self.scope, &digests, source, known.created, output);
        let data = json!({"productId": rows.id, "changed": changed});
        self.events.push(Event::new(Change::Modified, "PRODUCT", rows.name, rows.id, data));
    }
}

/// Names and ids stand in indexes, and one value is a pool's as well.
fn check_keys(file: &str, product: &Product<'_>) -> Result<(), ManifestError> {
    let names = product.attributes.0.iter().map(|(name, _)| ("the name of an attribute", name.as_str()));
    let ids = product.dependent_product_ids.iter().chain(&product.relies_on);
    let ids = ids.map(|id| ("the id of a product that it needs", id.as_str()));
    let value = product.attributes.get("virt_only").map(|value| ("the attribute virt_only", value));
    match names.chain(ids).chain(value).find(|(_, text)| text.chars().count() > MAX_TEXT) {
        Some((what, _)) => Err(ManifestError::invalid(file, format!("{what} is longer than {MAX_TEXT} characters"))),
        None => Ok(()),
    }
}

/// The file of a product.
pub(super) fn product_file(id: &str) -> String {
    format!("products/{id}.json")
}

/// The id that a file of `products/` is named for.
pub(super) fn id_of_product_file(file: &str) -> &str {
    file.trim_start_matches("products/").trim_end_matches(".json")
}

/// The digest of all that a product is read from.
pub(super) fn product_source(scope: &Scope, member: &Member<'_>) -> Vec<u8> {
    let certificate = scope.members.get(&member.name().replace(".json", ".pem"));
    let mut digester = Digester::new();
    digester.bytes(FORMAT);
    for member in [Some(*member), certificate].into_iter().flatten() {
        digester.bytes(&[u8::from(member.is_stored())]).bytes(member.packed());
    }
    digester.finish().to_vec()
}

fn check_id<'t>(file: &str, id: &'t Text<'_>) -> Result<&'t str, ManifestError> {
    let text = id.as_str();
    if text.trim().is_empty() || text.chars().count() > MAX_ID {
        return Err(ManifestError::invalid(
            file,
            format!("a product's id is blank or longer than {MAX_ID} characters"),
        ));
    }
    Ok(text)
}
