//! Consumer types: the manifest's are added and updated; those that no owner's import uses any more are removed.
//!
//! What was here before any import stays as it is: two upstream servers would take turns changing it.

use super::super::unload::Counts;
use super::{Globals, new_id};
use crate::db::DbError;
use crate::outbox::{Change, Event};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::types::Type;

/// A type that is there.
struct Present {
    id: String,
    manifest: bool,
    seeded: bool,
    /// Whether this owner's last import used it.
    used: bool,
}

/// What is to be done.
pub(super) struct TypePlan {
    add: Vec<(String, String, bool)>,
    update: Vec<(String, String, bool)>,
    /// Ids of all that this import uses, new ones included.
    uses: BTreeSet<String>,
    uses_differ: bool,
    unchanged: u64,
}

impl TypePlan {
    /// For all types of the manifest.
    pub async fn of(globals: &Globals<'_>) -> Result<Self, DbError> {
        Ok(Self::with(globals, &present(globals).await?))
    }

    /// For the upstream consumer's type alone: it is added where it is not there, and what the owner uses stays in use.
    pub async fn of_consumer(globals: &Globals<'_>) -> Result<Self, DbError> {
        let present = present(globals).await?;
        let mut plan = Self::with(globals, &present);
        plan.update.clear();
        plan.uses_differ = present.get(globals.type_label).is_none_or(|known| !known.used);
        plan.uses.extend(present.into_values().filter(|known| known.used).map(|known| known.id));
        Ok(plan)
    }

    fn with(globals: &Globals<'_>, present: &BTreeMap<String, Present>) -> Self {
        let wanted = &globals.head.consumer_types;
        let mut plan =
            Self { add: Vec::new(), update: Vec::new(), uses: BTreeSet::new(), uses_differ: false, unchanged: 0 };
        for found in wanted {
            match present.get(&found.label) {
                None => {
                    let id = new_id();
                    plan.uses.insert(id.clone());
                    plan.add.push((id, found.label.clone(), found.manifest.unwrap_or(false)));
                }
                Some(known) => {
                    plan.uses.insert(known.id.clone());
                    match found.manifest.filter(|manifest| *manifest != known.manifest && !known.seeded) {
                        Some(manifest) => plan.update.push((known.id.clone(), found.label.clone(), manifest)),
                        None => plan.unchanged += 1,
                    }
                }
            }
        }
        plan.uses.extend(present.get(globals.type_label).map(|known| known.id.clone()));
        let used: BTreeSet<String> =
            present.values().filter(|known| known.used).map(|known| known.id.clone()).collect();
        plan.uses_differ = used != plan.uses;
        plan
    }

    pub fn is_change(&self) -> bool {
        self.uses_differ || !self.update.is_empty()
    }

    pub async fn apply(&self, globals: &Globals<'_>, events: &mut Vec<Event>) -> Result<Counts, DbError> {
        let rows: Vec<Value> =
            self.add.iter().chain(&self.update).map(|(id, label, manifest)| json!([id, label, manifest])).collect();
        let sql = "INSERT INTO cp_consumer_type (id, label, manifest, created, updated)
                   SELECT n ->> 0, n ->> 1, (n ->> 2)::boolean, $2, $2 FROM jsonb_array_elements($1) n
                   ON CONFLICT (id) DO UPDATE SET manifest = excluded.manifest, updated = excluded.updated";
        globals.transaction.execute_typed(sql, &[(&json!(rows), Type::JSONB), (&globals.now, Type::TIMESTAMP)]).await?;
        for (list, change) in [(&self.add, Change::Created), (&self.update, Change::Modified)] {
            events.extend(list.iter().map(|(id, label, manifest)| {
                Event::new(change, "CONSUMER_TYPE", label, id, json!({"label": label, "manifest": manifest}))
            }));
        }
        let uses: Vec<&String> = self.uses.iter().collect();
        let sql = "WITH gone AS (DELETE FROM consumer_type_uses WHERE owner_id = $1 AND type_id <> ALL ($2))
                   INSERT INTO consumer_type_uses (owner_id, type_id) SELECT $1, unnest($2) ON CONFLICT DO NOTHING";
        globals.transaction.execute_typed(sql, &[(&globals.owner, Type::TEXT), (&uses, Type::TEXT_ARRAY)]).await?;
        let (adds, updates) = (self.add.len() as u64, self.update.len() as u64);
        Ok(Counts { adds, updates, deletes: 0, unchanged: self.unchanged })
    }
}

async fn present(globals: &Globals<'_>) -> Result<BTreeMap<String, Present>, DbError> {
    let sql = "SELECT t.label, t.id, t.manifest, t.seeded, u.type_id IS NOT NULL
               FROM cp_consumer_type t
               LEFT JOIN consumer_type_uses u ON u.type_id = t.id AND u.owner_id = $1";
    let rows = globals.transaction.query_typed(sql, &[(&globals.owner, Type::TEXT)]).await?;
    let present = |row: &tokio_postgres::Row| {
        (row.get(0), Present { id: row.get(1), manifest: row.get(2), seeded: row.get(3), used: row.get(4) })
    };
    Ok(rows.iter().map(present).collect())
}

/// Removes the types that no import, no upstream consumer and no consumer of ours uses, and that were not here before any import.
pub(super) async fn remove_unused(globals: &Globals<'_>, events: &mut Vec<Event>) -> Result<u64, DbError> {
    let sql = "DELETE FROM cp_consumer_type t
               WHERE NOT t.seeded
                 AND NOT EXISTS (SELECT FROM consumer_type_uses u WHERE u.type_id = t.id)
                 AND NOT EXISTS (SELECT FROM cp_upstream_consumer c WHERE c.type_id = t.id)
                 AND NOT EXISTS (SELECT FROM cp_consumer c WHERE c.type_id = t.id)
               RETURNING t.id, t.label, t.manifest";
    let rows = globals.transaction.query_typed(sql, &[]).await?;
    let mut removed: Vec<(String, String, bool)> =
        rows.iter().map(|row| (row.get("label"), row.get("id"), row.get("manifest"))).collect();
    removed.sort();
    events.extend(removed.iter().map(|(label, id, manifest)| {
        Event::new(Change::Deleted, "CONSUMER_TYPE", label, id, json!({"label": label, "manifest": manifest}))
    }));
    Ok(removed.len() as u64)
}
