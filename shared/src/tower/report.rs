//! What reading an archive found: how complete each collection is, what was skipped, and why.

use super::Collection;
use crate::warnings::Warnings;
use std::collections::BTreeSet;

/// The pages (or id files) of one collection.
#[derive(Debug, Default, Clone)]
pub struct Pages {
    numbers: BTreeSet<u32>,
    repeated_page: bool,
    counts_differ: bool,
    count: Option<u64>,
    uncounted: bool,
    /// Objects seen, whatever became of them.
    pub results: u64,
    last_id: Option<i64>,
    out_of_order: bool,
}

/// Whether what is not on the pages is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// No page at all.
    Absent,
    /// Everything is there.
    Complete,
    /// Something is missing; says what.
    Incomplete(String),
}

impl Pages {
    pub(super) fn add(&mut self, number: u32, count: Option<u64>, results: u64) {
        self.repeated_page |= !self.numbers.insert(number);
        self.counts_differ |= self.count.is_some() && count.is_some() && self.count != count;
        self.uncounted |= count.is_none();
        self.count = count.or(self.count);
        self.results += results;
    }

    /// Takes note of an object's id.
    pub(super) fn saw(&mut self, id: i64) {
        self.out_of_order |= self.last_id.is_some_and(|last| last >= id);
        self.last_id = Some(id);
    }

    /// Whether an id may be there twice: not when each was higher than the one before, as Tower sorts them. Otherwise
    /// the database has to tell; remembering all ids here would take memory for each.
    pub(super) fn may_repeat(&self) -> bool {
        self.out_of_order
    }

    /// How many objects the pages say there are, where they say so.
    pub fn announced(&self) -> Option<u64> {
        self.count
    }

    /// How many pages were read.
    pub fn pages(&self) -> usize {
        self.numbers.len()
    }

    /// Pages 1 to N without a gap, and as many objects on them as they say there are.
    pub fn completeness(&self) -> Completeness {
        let incomplete = |why: String| Completeness::Incomplete(why);
        let Some(last) = self.numbers.last().copied() else { return Completeness::Absent };
        if self.repeated_page {
            return incomplete("a page is there twice".into());
        }
        if self.numbers.first() != Some(&1) || self.numbers.len() != last as usize {
            let missing = (1..=last).find(|page| !self.numbers.contains(page)).unwrap_or(0);
            return incomplete(format!("page {missing} of at least {last} is missing"));
        }
        match self.count {
            _ if self.uncounted => incomplete("a page does not say how many there are".into()),
            _ if self.counts_differ => incomplete("the pages disagree on how many there are".into()),
            Some(count) if count != self.results => incomplete(format!("{} of {count} are there", self.results)),
            _ => Completeness::Complete,
        }
    }
}

/// One collection of an archive.
#[derive(Debug, Default, Clone)]
pub struct CollectionReport {
    /// Its pages.
    pub pages: Pages,
    /// Its id files.
    pub ids: Pages,
    /// Objects that were skipped because something is wrong with them.
    pub bad: u64,
    /// Objects that are none of ours, such as nodes of project updates.
    pub ignored: u64,
}

/// Everything that one pass over an archive found.
#[derive(Debug, Default, Clone)]
pub struct Report {
    collections: [CollectionReport; Collection::ALL.len()],
    /// Surveys read, empty ones included.
    pub surveys: u64,
    /// Surveys skipped because something is wrong with them.
    pub bad_surveys: u64,
    /// Surveys without a `spec`.
    pub empty_surveys: u64,
    /// The archive itself.
    pub totals: crate::archive::Totals,
    /// What a person should know of.
    pub warnings: Warnings,
}

impl Report {
    /// What was found of a collection.
    pub fn collection(&self, collection: Collection) -> &CollectionReport {
        &self.collections[collection as usize]
    }

    pub(super) fn collection_mut(&mut self, collection: Collection) -> &mut CollectionReport {
        &mut self.collections[collection as usize]
    }

    /// Whether the archive holds only what changed: it has an id file somewhere.
    pub fn is_incremental(&self) -> bool {
        self.collections.iter().any(|collection| collection.ids.pages() > 0)
    }

    /// Whether what the archive does not list of a collection is gone from Tower: its pages list all (a full archive),
    /// or its id files do (an incremental one). Otherwise why not; an incremental archive without id files for a
    /// collection does not even mean to say, and gives no reason.
    ///
    /// # Errors
    /// The reason, for a person.
    pub fn tells_what_is_gone(&self, collection: Collection) -> Result<(), Option<String>> {
        let found = self.collection(collection);
        let listed = if self.is_incremental() { &found.ids } else { &found.pages };
        match listed.completeness() {
            Completeness::Absent if self.is_incremental() => Err(None),
            Completeness::Absent => Err(Some("it is not in the archive".into())),
            Completeness::Incomplete(why) => Err(Some(why)),
            Completeness::Complete if found.bad > 0 => Err(Some(format!("{} of its objects are bad", found.bad))),
            Completeness::Complete => Ok(()),
        }
    }

    /// All objects on pages.
    pub fn objects_on_pages(&self) -> u64 {
        self.collections.iter().map(|collection| collection.pages.results).sum()
    }

    /// Objects on pages that were skipped.
    pub fn bad_on_pages(&self) -> u64 {
        self.collections.iter().map(|collection| collection.bad).sum()
    }

    /// Objects and surveys that were skipped.
    pub fn bad_objects(&self) -> u64 {
        self.bad_on_pages() + self.bad_surveys
    }

    /// Objects that are none of ours.
    pub fn ignored_objects(&self) -> u64 {
        self.collections.iter().map(|collection| collection.ignored).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(list: &[(u32, Option<u64>, u64)]) -> Completeness {
        let mut pages = Pages::default();
        for (number, count, results) in list {
            pages.add(*number, *count, *results);
        }
        pages.completeness()
    }

    #[test]
    fn a_collection_is_complete_when_all_pages_say_so() {
        assert_eq!(pages(&[]), Completeness::Absent);
        assert_eq!(pages(&[(1, Some(0), 0)]), Completeness::Complete);
        assert_eq!(pages(&[(2, Some(3), 1), (1, Some(3), 2)]), Completeness::Complete);
        for bad in [
            &[(1, Some(3), 2)][..],
            &[(1, Some(3), 4)],
            &[(2, Some(1), 1)],
            &[(1, Some(3), 2), (3, Some(3), 1)],
            &[(1, Some(3), 2), (2, Some(4), 2)],
            &[(1, None, 1)],
            &[(1, Some(2), 1), (1, Some(2), 1)],
        ] {
            assert!(matches!(pages(bad), Completeness::Incomplete(_)), "{bad:?}");
        }
    }
}
