//! The owner's last import: what a manifest is compared with, and what the next one will be compared with.

use super::Conflict;
use super::globals::new_id;
use super::record::Seen;
use super::upstream::Upstream;
use crate::db::DbError;
use crate::manifest::Head;
use time::PrimitiveDateTime;
use time::macros::format_description;
use tokio_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

/// The one kind of export that is imported: those of a consumer, as opposed to those of a whole system.
pub(super) const METADATA_TYPE: &str = "per_user";

/// The owner's last import.
pub(super) struct Last {
    exported: PrimitiveDateTime,
    sha256: Option<String>,
}

impl Last {
    pub async fn load(transaction: &Transaction<'_>, owner: &str) -> Result<Option<Self>, DbError> {
        let sql = "SELECT exported, archive_sha256 FROM cp_export_metadata WHERE owner_id = $1 AND type = $2";
        let row = transaction.query_typed_opt(sql, &[(&owner, Type::TEXT), (&METADATA_TYPE, Type::TEXT)]).await?;
        Ok(row.map(|row| Self { exported: row.get(0), sha256: row.get(1) }))
    }

    /// Whether it was of the very same archive.
    pub fn is_of(&self, seen: &Seen) -> bool {
        self.sha256.is_some() && self.sha256 == seen.sha256
    }

    /// How the manifest's age conflicts with it.
    fn conflict(&self, created: PrimitiveDateTime) -> Option<(Conflict, String)> {
        let second = |moment: PrimitiveDateTime| moment.assume_utc().unix_timestamp();
        if self.exported > created {
            let (this, that) = (readable(created), readable(self.exported));
            let about = format!("it was made at {this}, the one imported last at {that}");
            Some((Conflict::ManifestOld, about))
        } else if self.sha256.is_some() && second(self.exported) == second(created) {
            // Of an import of before the upgrade nobody knows which archive it was: it may be this very one.
            let about = format!("another manifest that was made at {} was imported last", readable(created));
            Some((Conflict::ManifestSame, about))
        } else {
            None
        }
    }
}

/// `2026-02-10 08:30:00 UTC`, with milliseconds where there are any: two manifests may differ in no more.
fn readable(moment: PrimitiveDateTime) -> String {
    let whole = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    let split = format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3] UTC");
    moment.format(if moment.millisecond() == 0 { whole } else { split }).unwrap_or_else(|_| moment.to_string())
}

/// All that keeps the manifest from being imported until somebody insists.
pub(super) fn conflicts(head: &Head, last: Option<&Last>, linked: Option<&Upstream>) -> Vec<(Conflict, String)> {
    let age = last.and_then(|last| last.conflict(head.meta.created.0));
    let uuid = &head.consumer.uuid;
    let distributor = linked.filter(|linked| linked.uuid != *uuid).map(|linked| {
        let Upstream { uuid: other, name, .. } = linked;
        let about =
            format!("it is of consumer {uuid}, the owner imports from consumer {other} ({name}), which can be undone");
        (Conflict::DistributorConflict, about)
    });
    age.into_iter().chain(distributor).collect()
}

/// Remembers which manifest was imported last. Returns whether it was made at another time than the one before.
pub(super) async fn remember(
    transaction: &Transaction<'_>,
    owner: &str,
    head: &Head,
    seen: &Seen,
    last: Option<&Last>,
    now: PrimitiveDateTime,
) -> Result<bool, DbError> {
    let sql = "INSERT INTO cp_export_metadata (id, type, exported, owner_id, archive_sha256, created, updated)
               VALUES ($1, $2, $3, $4, $5, $6, $6)
               ON CONFLICT (owner_id, type) DO UPDATE SET
                 exported = excluded.exported, archive_sha256 = excluded.archive_sha256, updated = excluded.updated";
    let created = head.meta.created.0;
    let values: [(&(dyn ToSql + Sync), Type); 6] = [
        (&new_id(), Type::TEXT),
        (&METADATA_TYPE, Type::TEXT),
        (&created, Type::TIMESTAMP),
        (&owner, Type::TEXT),
        (&seen.sha256, Type::TEXT),
        (&now, Type::TIMESTAMP),
    ];
    transaction.execute_typed(sql, &values).await?;
    let sql = "UPDATE cp_owner SET last_refreshed = $2, last_content_update = $2 WHERE id = $1";
    transaction.execute_typed(sql, &[(&owner, Type::TEXT), (&now, Type::TIMESTAMP)]).await?;
    Ok(last.is_none_or(|last| last.exported != created))
}
