//! An [`Estate`] as the archive that the Catalog Worker uploads, written a page at a time.

use std::io;

use serde_json::{Value, json};

use super::object::Object;
use super::{Collection, Estate};
use crate::archive::{ArchiveWriter, Spelling, in_memory};

/// The largest page that Tower serves.
const PAGE_SIZE: usize = 200;

impl Estate {
    /// A full archive: a gzip'd tar with the worker's spelling, directory entries and order.
    pub fn full(&self) -> Vec<u8> {
        self.full_variant(0)
    }

    /// The same objects in an archive that differs from [`full`](Self::full) in the time stamp of its gzip header;
    /// for `n` below 256 that is one byte.
    pub fn full_variant(&self, n: u32) -> Vec<u8> {
        in_memory(ArchiveWriter::gzip(Spelling::LeadingSlash, n), |writer| self.write(writer, None))
    }

    /// An incremental archive of what differs from `earlier`, which must have the same sizes and seed.
    /// Its pages hold the new and the changed objects, with their surveys; its id files, the ids of all that exists.
    pub fn incremental_since(&self, earlier: &Self) -> Vec<u8> {
        in_memory(ArchiveWriter::gzip(Spelling::LeadingSlash, 0), |writer| self.write(writer, Some(earlier)))
    }

    /// An incremental archive after `changed` (0 to 1) of the objects of each collection changed; nothing went.
    pub fn incremental(&self, changed: f64, seed: u64) -> Vec<u8> {
        self.modified(changed, seed).incremental_since(self)
    }

    /// A full archive as a tar, to measure how much it expands to.
    pub fn full_tar(&self) -> Vec<u8> {
        in_memory(ArchiveWriter::tar(Spelling::LeadingSlash), |writer| self.write(writer, None))
    }

    fn write(&self, writer: &mut ArchiveWriter, since: Option<&Self>) -> io::Result<()> {
        writer.directories_too()?;
        for collection in Collection::ALL {
            // The worker walks its directory by name: surveys (`7/survey_spec`), then `id1.json`, then `page1.json`.
            let places = self.places(collection, since);
            self.write_surveys(writer, collection, &places)?;
            if since.is_some() {
                let id = |index| json!({"id": self.id(collection, index)});
                write_list(writer, collection, "id", &self.places(collection, None), id)?;
            }
            write_list(writer, collection, "page", &places, |index| self.object(collection, index).into())?;
        }
        Ok(())
    }

    fn write_surveys(&self, writer: &mut ArchiveWriter, collection: Collection, places: &[usize]) -> io::Result<()> {
        for &index in places {
            let body = match self.survey(collection, index) {
                Some(survey) => survey.object().json(),
                None if self.has_lost_survey(collection, index) => json!({}),
                None => continue,
            };
            let id = self.id(collection, index);
            writer.json(&format!("api/v2/{}/{id}/survey_spec/page1.json", collection.name()), &body)?;
        }
        Ok(())
    }

    fn object(&self, collection: Collection, index: usize) -> Object {
        let object = match collection {
            Collection::CredentialTypes => self.credential_type(index).object(),
            Collection::Credentials => self.credential(index).object(),
            Collection::Inventories => self.inventory(index).object(),
            Collection::JobTemplates | Collection::WorkflowJobTemplates => self.offering(collection, index).object(),
            Collection::Nodes => self.node(index).object(),
        };
        if self.verbose { object.verbose() } else { object }
    }
}

/// The files `<kind>1.json` to `<kind>N.json` of a collection, sorted by name as the worker does it: 1, 10, 11, 2.
fn write_list(
    writer: &mut ArchiveWriter,
    collection: Collection,
    kind: &str,
    places: &[usize],
    object: impl Fn(usize) -> Value,
) -> io::Result<()> {
    let pages = places.len().div_ceil(PAGE_SIZE).max(1);
    let name = collection.name();
    let link = |n: usize| match (1..=pages).contains(&n) {
        true => json!(format!("/api/v2/{name}/?order_by=id&page={n}&page_size={PAGE_SIZE}")),
        false => Value::Null,
    };
    let mut numbers: Vec<usize> = (1..=pages).collect();
    numbers.sort_by_cached_key(ToString::to_string);
    for n in numbers {
        let page = places.iter().skip((n - 1) * PAGE_SIZE).take(PAGE_SIZE);
        let results: Vec<Value> = page.map(|&index| object(index)).collect();
        let body = json!({"count": places.len(), "next": link(n + 1), "previous": link(n - 1), "results": results});
        writer.json(&format!("api/v2/{name}/{kind}{n}.json"), &body)?;
    }
    Ok(())
}
