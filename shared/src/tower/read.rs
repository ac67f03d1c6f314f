//! One pass over an archive: entries to rows, and a report.

use super::Collection;
use super::entry::{self, EntryName};
use super::json::Fields;
use super::object::{self, BadObject, Object, Plan};
use super::page::{self, PageHead};
use super::report::Report;
use super::survey::Form;
use crate::archive::{self, ArchiveError, Entry, Limits, Visit};
use crate::failure::Classified;

/// Takes the rows that reading yields.
pub trait Sink {
    /// Takes one row.
    ///
    /// # Errors
    /// When nobody wants more rows: reading stops.
    fn put(&mut self, object: Object<'_>) -> Result<(), Stopped>;

    /// Whether nobody wants more rows; looked at for each entry, so that reading stops even where there are no rows.
    fn is_stopped(&self) -> bool {
        false
    }
}

/// The other side of a [`Sink`] is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// A page that is not JSON, or not a list response or object.
#[derive(Debug, thiserror::Error)]
#[error("entry {entry} is damaged at byte {offset}")]
pub struct PageError {
    /// The entry.
    pub entry: String,
    /// Position in the entry, in bytes.
    pub offset: usize,
    /// What is wrong there.
    #[source]
    pub source: serde_json::Error,
}

/// Why an archive could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// gzip, tar or a limit.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A page.
    #[error(transparent)]
    Page(#[from] PageError),
    /// So many objects are bad that the archive is not to be trusted.
    #[error("{bad} of {objects} objects are bad, over {MAX_BAD_PERCENT} %; the first: {first}")]
    TooManyBad {
        /// Bad objects.
        bad: u64,
        /// All objects.
        objects: u64,
        /// What is wrong with the first, and where.
        first: String,
        /// Everything that was found.
        report: Box<Report>,
    },
    /// The sink stopped the reading; its own side knows why.
    #[error("reading was stopped")]
    Stopped,
}

impl Classified for ReadError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Archive(error) => error.kind(),
            Self::Page(_) => "Page",
            Self::TooManyBad { .. } => "TooManyBadObjects",
            Self::Stopped => "Stopped",
        }
    }
    fn is_transient(&self) -> bool {
        matches!(self, Self::Stopped)
    }
}

/// Above this share of bad objects an archive is refused as a whole.
const MAX_BAD_PERCENT: u64 = 10;

/// Reads a Tower archive from memory and puts its rows into `sink`, in the order of the archive.
///
/// # Errors
/// See [`ReadError`]. Rows may have been put before an error: the caller throws them away.
pub fn read(bytes: &[u8], limits: &Limits, sink: &mut impl Sink) -> Result<Report, ReadError> {
    let mut reader = Reader { depth: limits.json_depth, report: Report::default(), extra: Vec::new(), sink };
    let totals = archive::read(bytes, limits, &mut reader)?;
    let mut report = reader.report;
    if !totals.end_marker {
        report.warnings.add("the end-of-archive marker is missing", "archive", 1);
    }
    report.totals = totals;
    // A survey that cannot be shown is nobody's loss but its template's.
    let (bad, objects) = (report.bad_on_pages(), report.objects_on_pages());
    if bad * 100 > objects * MAX_BAD_PERCENT {
        let first = report.warnings.first.first().map(|warning| format!("{}: {}", warning.place, warning.what));
        let first = first.unwrap_or_default();
        return Err(ReadError::TooManyBad { bad, objects, first, report: Box::new(report) });
    }
    Ok(report)
}

struct Reader<'s, S> {
    depth: u8,
    report: Report,
    /// Reused for the `extra` column of each row.
    extra: Vec<u8>,
    sink: &'s mut S,
}

impl<S: Sink> Visit for Reader<'_, S> {
    type Error = ReadError;

    fn wants(&mut self, name: &str) -> Result<bool, ReadError> {
        if self.sink.is_stopped() {
            return Err(ReadError::Stopped);
        }
        Ok(entry::parse(name).is_some())
    }

    fn file(&mut self, entry: Entry<'_>) -> Result<(), ReadError> {
        match entry::parse(entry.name) {
            Some(EntryName::Page(collection, number)) => self.page(&entry, collection, number),
            Some(EntryName::Ids(collection, number)) => self.ids(&entry, collection, number),
            Some(EntryName::Survey(template)) => self.survey(&entry, template),
            None => Ok(()),
        }
    }
}

impl<S: Sink> Reader<'_, S> {
    fn page(&mut self, entry: &Entry<'_>, collection: Collection, number: u32) -> Result<(), ReadError> {
        let head = self.list(entry, page::wanted(collection), |reader, fields| reader.object(collection, fields))?;
        self.report.collection_mut(collection).pages.add(number, head.count, head.results);
        Ok(())
    }

    /// Turns one object of a page into a row, or counts it as ignored.
    fn object(&mut self, collection: Collection, fields: &Fields<'_>) -> Result<Result<(), Stopped>, BadObject> {
        match object::object(collection, fields, &mut self.extra) {
            Ok(Some(object)) => {
                if let Some(id) = fields.id() {
                    self.report.collection_mut(collection).pages.saw(id);
                }
                Ok(self.sink.put(object))
            }
            Ok(None) => {
                self.report.collection_mut(collection).ignored += 1;
                Ok(Ok(()))
            }
            Err(bad) => {
                self.report.collection_mut(collection).bad += 1;
                Err(bad)
            }
        }
    }

    fn ids(&mut self, entry: &Entry<'_>, collection: Collection, number: u32) -> Result<(), ReadError> {
        let mut bad = 0;
        let head = self.list(entry, page::wanted_id, |reader, fields| match fields.integer("id") {
            Ok(id) => {
                reader.report.collection_mut(collection).ids.saw(id);
                Ok(reader.sink.put(Object::Id { collection, id }))
            }
            Err(problem) => {
                bad += 1;
                Err(problem)
            }
        })?;
        // An id that cannot be read leaves the list short, and so nothing is archived.
        self.report.collection_mut(collection).ids.add(number, head.count, head.results - bad);
        Ok(())
    }

    /// Reads a list and reports what is wrong with single elements.
    fn list(
        &mut self,
        entry: &Entry<'_>,
        wanted: super::json::Wanted,
        mut each: impl FnMut(&mut Self, &Fields<'_>) -> Result<Result<(), Stopped>, BadObject>,
    ) -> Result<PageHead, ReadError> {
        let (mut number, mut stopped) = (0_u64, false);
        let depth = self.depth;
        let mut on_element = |element: Result<Fields<'_>, &'static str>| {
            number += 1;
            let problem = match &element {
                Ok(fields) => match each(self, fields) {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(Stopped)) => {
                        stopped = true;
                        return Err("stopped");
                    }
                    Err(BadObject(problem)) => problem,
                },
                Err(what) => {
                    // Counted by the empty object that stands in for it.
                    match each(self, &Fields::default()) {
                        Err(_) => format!("it is {what}, not an object"),
                        Ok(_) => return Ok(()),
                    }
                }
            };
            let id = element.ok().and_then(|fields| fields.id()).map(|id| format!(" (id {id})")).unwrap_or_default();
            self.report.warnings.add(problem, format!("{} object {number}{id}", entry.name), 1);
            Ok(())
        };
        let read = page::read(entry.content, wanted, depth, &mut on_element);
        match read {
            Ok(head) => Ok(head),
            Err(_) if stopped => Err(ReadError::Stopped),
            Err((offset, source)) => Err(PageError { entry: entry.name.into(), offset, source }.into()),
        }
    }

    fn survey(&mut self, entry: &Entry<'_>, template: i64) -> Result<(), ReadError> {
        let read = Form::read(entry.content, self.depth);
        let form = read.map_err(|(offset, source)| PageError { entry: entry.name.into(), offset, source })?;
        self.report.surveys += 1;
        let form = match form {
            Ok(form) => form,
            Err(BadObject(problem)) => {
                self.report.bad_surveys += 1;
                self.report.warnings.add(problem, entry.name, 1);
                return Ok(());
            }
        };
        let schema = form.schema();
        self.report.empty_surveys += u64::from(schema.is_none());
        let plan = Plan { template, name: &form.name, description: &form.description, schema: schema.as_deref() };
        self.sink.put(Object::Plan(plan)).map_err(|Stopped| ReadError::Stopped)
    }
}

#[cfg(test)]
mod tests;
