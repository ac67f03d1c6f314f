//! Tower archives for tests, readable as rows.
//!
//! ```
//! use longshore_devkit::{archive::ArchiveBuilder, tower::object};
//!
//! let archive = ArchiveBuilder::new()
//!     .collection("inventories", [object::inventory(7)])
//!     .collection("job_templates", [object::job_template(1).set("name", "Patch")])
//!     .survey("job_templates", 1, object::survey("Ask", [object::question("text", "why")]))
//!     .build();
//! # assert!(!archive.is_empty());
//! ```
//!
//! The same calls always give the same bytes: every time in the archive is 0.

mod damage;
mod writer;

pub use damage::{flip_byte, gzip, truncated};
pub use writer::{ArchiveWriter, Spelling};

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};

/// A list response as Tower's API sends it, on one page: `count`, `next`, `previous`, `results`.
pub fn list_response(count: u64, results: Vec<Value>) -> Value {
    json!({"count": count, "next": null, "previous": null, "results": results})
}

/// Collects entries in the order in which they are to stand in the archive.
///
/// Names of collections are not checked, so that a test can send one that nobody knows.
#[derive(Clone, Debug, Default)]
pub struct ArchiveBuilder {
    spelling: Spelling,
    worker_quirks: bool,
    variant: u32,
    counts: BTreeMap<String, u64>,
    id_counts: BTreeMap<String, u64>,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    /// A file of Tower's API; its name is written in the archive's spelling.
    Api(Value),
    /// As `Api`, and its `count` can be lied about.
    Page {
        collection: String,
        body: Value,
    },
    /// As `Page`, for id files.
    Ids {
        collection: String,
        body: Value,
    },
    File(Vec<u8>),
    Directory,
    Symlink(String),
    Hardlink(String),
    Sparse {
        data: Vec<u8>,
        real_size: u64,
    },
    PaxFile(Vec<u8>),
    LongNameFile(Vec<u8>),
}

impl ArchiveBuilder {
    /// An empty archive with names in the worker's spelling, `/api/v2/..`.
    pub fn new() -> Self {
        Self::default()
    }

    /// How the names of pages, id files and surveys are written, wherever this is called.
    pub fn spelling(mut self, spelling: Spelling) -> Self {
        self.spelling = spelling;
        self
    }

    /// Adds what the worker adds: a `./` entry first, and an entry for each directory before its first file.
    pub fn worker_quirks(mut self) -> Self {
        self.worker_quirks = true;
        self
    }

    /// The same entries in an archive whose bytes differ: `n` goes into the time stamp of the gzip header.
    pub fn variant(mut self, n: u32) -> Self {
        self.variant = n;
        self
    }

    /// `<collection>/page<n>.json` with exactly this body.
    pub fn page(self, collection: &str, n: u64, body: impl Into<Value>) -> Self {
        let content = Content::Page { collection: collection.to_owned(), body: body.into() };
        self.entry(format!("api/v2/{collection}/page{n}.json"), content)
    }

    /// A complete collection on one page. Without objects it is a page that says `count: 0`.
    pub fn collection<T: Into<Value>>(self, name: &str, objects: impl IntoIterator<Item = T>) -> Self {
        self.collection_paged(name, objects, usize::MAX)
    }

    /// A complete collection on pages of `page_size` objects; every page tells the whole `count`.
    pub fn collection_paged<T: Into<Value>>(
        mut self,
        name: &str,
        objects: impl IntoIterator<Item = T>,
        page_size: usize,
    ) -> Self {
        let objects: Vec<Value> = objects.into_iter().map(Into::into).collect();
        for (n, body) in paged(name, objects, page_size) {
            self = self.page(name, n, body);
        }
        self
    }

    /// `<collection>/id1.json`: the ids that still exist. One such file makes the archive incremental.
    pub fn ids(self, collection: &str, ids: &[u64]) -> Self {
        self.ids_paged(collection, ids, usize::MAX)
    }

    /// As [`ids`](Self::ids), on files of `page_size` ids.
    pub fn ids_paged(mut self, collection: &str, ids: &[u64], page_size: usize) -> Self {
        let objects = ids.iter().map(|id| json!({"id": id})).collect();
        for (n, body) in paged(collection, objects, page_size) {
            let content = Content::Ids { collection: collection.to_owned(), body };
            self = self.entry(format!("api/v2/{collection}/id{n}.json"), content);
        }
        self
    }

    /// The survey of one template; `collection` is `job_templates` or `workflow_job_templates`.
    pub fn survey(self, collection: &str, template: u64, survey: impl Into<Value>) -> Self {
        let name = format!("api/v2/{collection}/{template}/survey_spec/page1.json");
        self.entry(name, Content::Api(survey.into()))
    }

    /// Makes the pages of a collection say `count: n`, whatever they hold.
    pub fn count(mut self, collection: &str, n: u64) -> Self {
        self.counts.insert(collection.to_owned(), n);
        self
    }

    /// Makes the id files of a collection say `count: n`, whatever they hold.
    pub fn id_count(mut self, collection: &str, n: u64) -> Self {
        self.id_counts.insert(collection.to_owned(), n);
        self
    }

    /// Any file, under exactly this name.
    pub fn raw(self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.entry(name.to_owned(), Content::File(bytes.into()))
    }

    /// A directory entry, under exactly this name.
    pub fn directory(self, name: &str) -> Self {
        self.entry(name.to_owned(), Content::Directory)
    }

    /// A symbolic link.
    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(name.to_owned(), Content::Symlink(target.to_owned()))
    }

    /// A hard link.
    pub fn hardlink(self, name: &str, target: &str) -> Self {
        self.entry(name.to_owned(), Content::Hardlink(target.to_owned()))
    }

    /// An old GNU sparse entry: `data`, then a hole up to `real_size` bytes.
    pub fn sparse(self, name: &str, data: impl Into<Vec<u8>>, real_size: u64) -> Self {
        self.entry(name.to_owned(), Content::Sparse { data: data.into(), real_size })
    }

    /// A file whose real name stands in a pax header before it.
    pub fn pax_path(self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.entry(name.to_owned(), Content::PaxFile(bytes.into()))
    }

    /// A file whose real name stands in a GNU long name entry before it, however short it is.
    pub fn gnu_long_name(self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.entry(name.to_owned(), Content::LongNameFile(bytes.into()))
    }

    /// The archive as uploaded: a gzip'd tar.
    pub fn build(&self) -> Vec<u8> {
        in_memory(ArchiveWriter::gzip(self.spelling, self.variant), |writer| self.write(writer))
    }

    /// The tar alone.
    pub fn build_tar(&self) -> Vec<u8> {
        in_memory(ArchiveWriter::tar(self.spelling), |writer| self.write(writer))
    }

    fn entry(mut self, name: String, content: Content) -> Self {
        self.entries.push(Entry { name, content });
        self
    }

    fn write(&self, writer: &mut ArchiveWriter) -> io::Result<()> {
        if self.worker_quirks {
            writer.directories_too()?;
        }
        self.entries.iter().try_for_each(|entry| self.write_entry(writer, entry))
    }

    fn write_entry(&self, writer: &mut ArchiveWriter, Entry { name, content }: &Entry) -> io::Result<()> {
        match content {
            Content::Api(body) => writer.json(name, body),
            Content::Page { collection, body } => writer.json(name, &recounted(body, self.counts.get(collection))),
            Content::Ids { collection, body } => writer.json(name, &recounted(body, self.id_counts.get(collection))),
            Content::File(bytes) => writer.raw(name, bytes),
            Content::Directory => writer.directory(name),
            Content::Symlink(target) => writer.symlink(name, target),
            Content::Hardlink(target) => writer.hardlink(name, target),
            Content::Sparse { data, real_size } => writer.sparse(name, data, *real_size),
            Content::PaxFile(bytes) => writer.pax_path(name, bytes),
            Content::LongNameFile(bytes) => writer.gnu_long_name(name, bytes),
        }
    }
}

fn recounted(body: &Value, count: Option<&u64>) -> Value {
    let mut body = body.clone();
    if let (Some(count), Some(page)) = (count, body.as_object_mut()) {
        page.insert("count".to_owned(), json!(count));
    }
    body
}

/// List responses numbered from 1. There is always one, as Tower answers for an empty collection too.
fn paged(collection: &str, objects: Vec<Value>, page_size: usize) -> Vec<(u64, Value)> {
    let count = objects.len();
    let pages = count.div_ceil(page_size).max(1);
    let link = |n: usize| match (1..=pages).contains(&n) {
        true => json!(format!("/api/v2/{collection}/?page={n}")),
        false => Value::Null,
    };
    let mut objects = objects.into_iter();
    let page = |n: usize| {
        let results: Vec<Value> = objects.by_ref().take(page_size).collect();
        (n as u64, json!({"count": count, "next": link(n + 1), "previous": link(n - 1), "results": results}))
    };
    (1..=pages).map(page).collect()
}

#[expect(clippy::expect_used, reason = "the only writer is a vector, which does not fail")]
pub(crate) fn in_memory(
    mut writer: ArchiveWriter,
    write: impl FnOnce(&mut ArchiveWriter) -> io::Result<()>,
) -> Vec<u8> {
    write(&mut writer).and_then(|()| writer.finish()).expect("writing to memory")
}

#[cfg(test)]
mod tests;
