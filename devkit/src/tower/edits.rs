//! What happens in a Tower between two collections.

use super::{Collection, Estate};

/// Something that happened to a share of the objects of every collection.
///
/// Shares lie between 0 and 1 and are met exactly, rounded to whole objects. Objects are picked all over a collection;
/// consecutive seeds pick different ones.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "described at the type")]
pub enum Edit {
    /// Descriptions, surveys and the targets of nodes change.
    Modified { share: f64, seed: u64 },
    /// Names change; nodes have none.
    Renamed { share: f64, seed: u64 },
    /// Objects go. Up to a third, those go that nothing links to, as people tidy up; nodes go with their workflow.
    Gone { share: f64, seed: u64 },
    /// Everything that went is there again, under its old id.
    Restored,
}

/// How one collection differs from an earlier state of the same Tower.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Objects that are there and were not before.
    pub added: usize,
    /// Objects that were there and are different now.
    pub updated: usize,
    /// Objects that were there and are not now.
    pub gone: usize,
}

/// What the edits so far have made of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub live: bool,
    pub revision: u64,
    pub renames: u64,
    /// The last edit that changed it, counted from 1; 0 when none did.
    pub changed_by: usize,
}

/// Nothing links to every third object of a collection.
const LINKED_OF_THREE: usize = 2;

impl Estate {
    /// The object at this place, after all edits.
    pub(super) fn state(&self, collection: Collection, index: usize) -> State {
        let mut state = State { live: true, revision: 0, renames: 0, changed_by: 0 };
        for (n, edit) in self.edits.iter().enumerate() {
            match *edit {
                Edit::Gone { share, seed } => state.live &= !self.goes(collection, index, share, seed),
                Edit::Restored => state.live = true,
                Edit::Modified { share, seed } if state.live && picked(index, self.size(collection), share, seed) => {
                    state.revision += 1;
                    state.changed_by = n + 1;
                }
                Edit::Renamed { share, seed }
                    if state.live
                        && collection != Collection::Nodes
                        && picked(index, self.size(collection), share, seed) =>
                {
                    state.renames += 1;
                    state.changed_by = n + 1;
                }
                Edit::Modified { .. } | Edit::Renamed { .. } => {}
            }
        }
        state
    }

    fn goes(&self, collection: Collection, index: usize, share: f64, seed: u64) -> bool {
        if collection == Collection::Nodes {
            return self.goes(Collection::WorkflowJobTemplates, self.workflow_of(index), share, seed);
        }
        let size = self.size(collection);
        let unlinked = size / 3;
        match rounded(size, share) {
            n if n > unlinked => spread(index, size, n, seed),
            n => index % 3 == LINKED_OF_THREE && spread(index / 3, unlinked, n, seed),
        }
    }

    /// The place of an object that others may link to; `draw` is any number.
    pub(super) fn linkable(&self, collection: Collection, draw: usize) -> Option<usize> {
        let size = self.size(collection);
        let nth = draw.checked_rem(size - size / 3)?;
        Some(nth / LINKED_OF_THREE * 3 + nth % LINKED_OF_THREE)
    }

    /// The places of what is there now; with an earlier state, of what is new or different since.
    pub(super) fn places(&self, collection: Collection, since: Option<&Self>) -> Vec<usize> {
        let listed = |index: &usize| {
            let state = self.state(collection, *index);
            state.live && since.is_none_or(|earlier| earlier.state(collection, *index) != state)
        };
        (0..self.size(collection)).filter(listed).collect()
    }

    /// What an archive of this state has to do to rows made from `earlier`, which differs only in its edits. Nodes that
    /// a refresh ignores do not count.
    pub fn changes_since(&self, earlier: &Self, collection: Collection) -> Changes {
        let mut changes = Changes::default();
        for index in (0..self.size(collection)).filter(|index| !self.is_ignored(collection, *index)) {
            let (before, after) = (earlier.state(collection, index), self.state(collection, index));
            match (before.live, after.live) {
                (false, true) => changes.added += 1,
                (true, false) => changes.gone += 1,
                (true, true) if before != after => changes.updated += 1,
                _ => {}
            }
        }
        changes
    }
}

fn rounded(size: usize, share: f64) -> usize {
    (size as f64 * share.clamp(0.0, 1.0)).round() as usize
}

fn picked(index: usize, size: usize, share: f64, seed: u64) -> bool {
    spread(index, size, rounded(size, share), seed)
}

/// Picks exactly `n` of `size` places; the next seed picks others, as long as there are any.
fn spread(index: usize, size: usize, n: usize, seed: u64) -> bool {
    // A prime shuffles the places: multiplying by it meets each of them once.
    const PRIME: usize = 1_000_003;
    size > 0 && (index * PRIME + seed as usize % size * n) % size < n
}
