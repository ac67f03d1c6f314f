//! The files of `entitlements/`: what the upstream consumer has been granted.

use super::certificates::{Certificates, Names};
use super::digest::Digester;
use super::facts::Facts;
use super::incoming::{Incoming, id_of_file, incoming};
use super::output::Output;
use super::products::ReadError;
use crate::archive::Member;
use crate::manifest::ManifestError;
use crate::manifest::files::Files;
use crate::manifest::model::Entitlement;
use crate::warnings::Warnings;
use std::collections::{HashMap, HashSet};

/// Changes whenever files are read otherwise than before, so that all of them count as changed then.
const FORMAT: &[u8] = b"longshore entitlements 1";

/// An entitlement that was imported before.
#[derive(Debug)]
pub(in crate::candlepin) struct KnownEntitlement {
    /// As it was then, with the digest of what it was read from.
    pub incoming: Incoming,
    /// Serial number of its certificate.
    pub serial: Option<i64>,
}

/// Reads entitlements.
pub(super) struct Entitlements<'a> {
    pub facts: &'a Facts,
    pub certificates: Certificates<'a>,
    /// By the entitlement's id.
    pub known: &'a HashMap<String, KnownEntitlement>,
    pub warnings: &'a mut Warnings,
}

impl Entitlements<'_> {
    /// Reads all, in the order of their files, and writes their certificates. Files that are as they were, with products
    /// that are as they were, are passed over.
    pub fn read_all(&mut self, files: &mut Files<'_>, output: &mut Output) -> Result<Vec<Incoming>, ReadError> {
        // Without products there is nothing to be entitled to, whatever lies there.
        if !files.has_folder("products/") {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        let mut ids = HashSet::new();
        for member in files.json_files("entitlements/") {
            output.check()?;
            let incoming = match self.as_it_was(&member) {
                Some(known) => known,
                None => self.read(files, member, output)?,
            };
            // Twice the quantity would be nobody's intention.
            if !ids.insert(incoming.entitlement.clone()) {
                let problem = "another file describes the same entitlement";
                return Err(ManifestError::invalid(member.name(), problem).into());
            }
            all.push(incoming);
        }
        self.pair_files(&mut all, output)?;
        Ok(all)
    }

    fn as_it_was(&mut self, member: &Member<'_>) -> Option<Incoming> {
        let KnownEntitlement { incoming, serial } = self.known.get(id_of_file(member.name()))?;
        let mut products = incoming.provided.iter().chain(&incoming.derived_provided);
        let is_known = products.all(|id| self.facts.contains_key(id));
        if !is_known || self.source(member, *serial, incoming)? != incoming.source {
            return None;
        }
        self.certificates.pass_over(*serial);
        Some(incoming.clone())
    }

    fn read(&mut self, files: &mut Files<'_>, member: Member<'_>, output: &mut Output) -> Result<Incoming, ReadError> {
        let file = member.name();
        let entitlement: Entitlement<'_> = files.json(member)?;
        let mut incoming = incoming(file, &entitlement, self.facts, self.warnings)?;
        let mut serial = None;
        if let Some(json) = entitlement.certificates.iter().find(|json| json.cert.is_some()) {
            if entitlement.certificates.len() > 1 {
                self.warnings.add("several certificates; the first one counts", file, 1);
            }
            let subscription = incoming.upstream_subscription.as_deref();
            let names = Names { entitlement: &incoming.entitlement, subscription };
            let (row, number) = self.certificates.place(file, &names, json, output)?;
            (incoming.certificate, serial) = (Some(row), number);
        }
        incoming.source = self.source(&member, serial, &incoming).unwrap_or_default();
        output.send_full()?;
        Ok(incoming)
    }

    /// The digest of all that an entitlement is read from: its file, its certificate's, and what its products bring along.
    fn source(&self, member: &Member<'_>, serial: Option<i64>, incoming: &Incoming) -> Option<Vec<u8>> {
        let certificate = serial.and_then(|serial| self.certificates.file(serial));
        let mut digester = Digester::new();
        digester.bytes(FORMAT);
        for member in [Some(*member), certificate].into_iter().flatten() {
            digester.bytes(&[u8::from(member.is_stored())]).bytes(member.packed());
        }
        for product in [Some(&incoming.product), incoming.derived.as_ref()].into_iter().flatten() {
            let facts = self.facts.get(product)?;
            digester.optional(facts.derived.as_deref());
            facts.provided.iter().for_each(|id| {
                digester.text(id);
            });
        }
        Some(digester.finish().to_vec())
    }

    /// Certificates that stand in files alone, as the first design has it, go to the entitlement that they name.
    fn pair_files(&mut self, all: &mut [Incoming], output: &mut Output) -> Result<(), ReadError> {
        let mut left = self.certificates.left(self.warnings, output)?;
        for incoming in all.iter_mut().filter(|incoming| incoming.certificate.is_none()) {
            let names =
                Names { entitlement: &incoming.entitlement, subscription: incoming.upstream_subscription.as_deref() };
            // What it is read from now is not only what its digest is of.
            incoming.source = Vec::new();
            let mut take = |name: &str| left.get_mut(name).filter(|list| !list.is_empty()).map(|list| list.remove(0));
            let found = take(names.entitlement).or_else(|| take(names.subscription?));
            match found {
                Some(file) => incoming.certificate = Some(self.certificates.place_file(file, &names, output)?),
                None => self.warnings.add("the entitlement has no certificate", &incoming.file, 1),
            }
        }
        let mut unpaired: Vec<&str> = left.into_values().flatten().map(|file| file.name()).collect();
        unpaired.sort();
        for file in unpaired {
            self.warnings.add("the certificate belongs to no entitlement; it is ignored", file, 1);
        }
        Ok(())
    }
}
