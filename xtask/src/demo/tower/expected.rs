//! What a refresh has to do, from the Towers before and after.

use std::collections::HashMap;

use longshore_devkit::tower::{Changes, Collection, Edit, Estate, Survey};

use super::counts::Counts;

/// The tables of a refresh, with the collections that they hold; surveys belong to templates.
pub const TABLES: [(&str, &[Collection]); 6] = [
    ("service_credential_types", &[Collection::CredentialTypes]),
    ("service_credentials", &[Collection::Credentials]),
    ("service_inventories", &[Collection::Inventories]),
    ("service_offerings", &[Collection::JobTemplates, Collection::WorkflowJobTemplates]),
    ("service_offering_nodes", &[Collection::Nodes]),
    ("service_plans", &[]),
];

/// Into an empty inventory: everything is added.
pub fn first(tower: &Estate) -> Vec<Counts> {
    let nothing = Estate { edits: vec![Edit::Gone { share: 1.0, seed: 0 }], ..tower.clone() };
    change(&nothing, tower)
}

/// From one state of a Tower to a later one.
pub fn change(before: &Estate, after: &Estate) -> Vec<Counts> {
    let counts = |(table, collections): (&'static str, &[Collection])| {
        let (changes, live) = match collections {
            [] => plans(before, after),
            some => objects(before, after, some),
        };
        Counts {
            table,
            added: changes.added as u64,
            updated: changes.updated as u64,
            archived: changes.gone as u64,
            unchanged: (live - changes.added - changes.updated) as u64,
        }
    };
    TABLES.map(counts).into()
}

/// What differs, and how many objects there are afterwards.
fn objects(before: &Estate, after: &Estate, collections: &[Collection]) -> (Changes, usize) {
    let mut sum = (Changes::default(), 0);
    for collection in collections {
        let changes = after.changes_since(before, *collection);
        sum.0.added += changes.added;
        sum.0.updated += changes.updated;
        sum.0.gone += changes.gone;
        sum.1 += after.count(*collection);
    }
    sum
}

/// A survey changes with its template, comes and goes with it.
fn plans(before: &Estate, after: &Estate) -> (Changes, usize) {
    let by_template = |tower: &Estate| -> HashMap<u64, Survey> {
        tower.rows().plans().map(|survey| (survey.template, survey)).collect()
    };
    let (before, after) = (by_template(before), by_template(after));
    let changed = |(template, survey): &(&u64, &Survey)| before.get(template).is_some_and(|old| old != *survey);
    let changes = Changes {
        added: after.keys().filter(|template| !before.contains_key(template)).count(),
        updated: after.iter().filter(changed).count(),
        gone: before.keys().filter(|template| !after.contains_key(template)).count(),
    };
    (changes, after.len())
}
