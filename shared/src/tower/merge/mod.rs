//! From the staging tables into the inventory, a statement a table.

use super::copy::Staged;
use super::report::{Completeness, Report};
use super::resolve::{SourceId, TenantId};
use super::{Collection, Table};
use crate::db::DbError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::PrimitiveDateTime;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// How a table is merged: what fills the braces of `merge.sql`.
struct Merge {
    table: Table,
    staged: Staged,
    /// A SELECT that yields the columns below, `source_ref` and `unlinked`.
    select: &'static str,
    /// What is compared and written.
    columns: &'static [&'static str],
    /// Whether an older archive may change a row.
    newer: &'static str,
}

/// By the object's own time of change. Rows of older writers have none.
const BY_TIME: &str = "coalesce(t.source_updated_at < s.source_updated_at, true)";

/// In this order: what is linked to comes first.
const MERGES: [Merge; 6] = [
    Merge {
        table: Table::CredentialTypes,
        staged: Staged::CredentialTypes,
        select: include_str!("staged_credential_types.sql"),
        columns: &["name", "description", "kind", "namespace", "source_created_at", "source_updated_at"],
        newer: BY_TIME,
    },
    Merge {
        table: Table::Credentials,
        staged: Staged::Credentials,
        select: include_str!("staged_credentials.sql"),
        columns: &["name", "description", "service_credential_type_id", "source_created_at", "source_updated_at"],
        newer: BY_TIME,
    },
    Merge {
        table: Table::Inventories,
        staged: Staged::Inventories,
        select: include_str!("staged_inventories.sql"),
        columns: &["name", "description", "extra", "source_created_at", "source_updated_at"],
        newer: BY_TIME,
    },
    Merge {
        table: Table::Offerings,
        staged: Staged::Offerings,
        select: include_str!("staged_offerings.sql"),
        columns: &["name", "description", "extra", "service_inventory_id", "source_created_at", "source_updated_at"],
        newer: BY_TIME,
    },
    Merge {
        table: Table::Nodes,
        staged: Staged::Nodes,
        select: include_str!("staged_nodes.sql"),
        columns: &[
            "extra",
            "service_offering_id",
            "root_service_offering_id",
            "service_inventory_id",
            "source_created_at",
            "source_updated_at",
        ],
        newer: BY_TIME,
    },
    Merge {
        table: Table::Plans,
        staged: Staged::Plans,
        select: include_str!("staged_plans.sql"),
        columns: &["name", "description", "create_json_schema", "service_offering_id", "extra"],
        // A survey has no time of its own: it counts where its template did.
        newer: "s.template_written",
    },
];

/// What a refresh did to one table.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableStats {
    /// Rows that appeared: new ones, and archived ones that returned.
    pub adds: u64,
    /// Rows that changed.
    pub updates: u64,
    /// Rows that were archived.
    pub deletes: u64,
    /// Objects of the archive whose rows were left alone.
    pub unchanged: u64,
}

/// What a refresh did, by table.
pub type Stats = BTreeMap<Table, TableStats>;

/// One refresh of one source, in its transaction.
pub(super) struct Merger<'a> {
    pub transaction: &'a Transaction<'a>,
    pub refresh: Uuid,
    pub source: SourceId,
    pub tenant: TenantId,
    pub now: PrimitiveDateTime,
    /// Whether the archive is older than the last one applied: then it only updates.
    pub older: bool,
}

impl Merger<'_> {
    /// Merges and archives every table, and adds to `report` what could not be linked or archived.
    pub async fn merge_all(&self, report: &mut Report) -> Result<Stats, DbError> {
        let mut stats = Stats::new();
        let mut repeated = BTreeMap::new();
        for merge in &MERGES {
            let repeats = if merge.may_repeat(report) { self.remove_repeats(merge).await? } else { 0 };
            if repeats > 0 {
                report.warn("objects are there more than once; the newest counts", merge.table.name(), repeats);
            }
            repeated.insert(merge.table, repeats);
            let mut done = self.merge(merge, report).await?;
            if !self.older {
                done.deletes = self.archive_gone(merge, repeats > 0, report).await?;
            }
            stats.insert(merge.table, done);
        }
        Ok(stats)
    }

    /// Removes the staged rows: nobody needs them any more, and they are to be gone when the refresh commits.
    pub async fn clear_staging(&self) -> Result<(), DbError> {
        for staged in Staged::ALL {
            let sql = format!("DELETE FROM {} WHERE refresh = $1", staged.table());
            self.execute(&sql, &[(&self.refresh, Type::UUID)]).await?;
        }
        Ok(())
    }

    #[tracing::instrument(level = "debug", skip_all, fields(table = merge.table.name()))]
    async fn remove_repeats(&self, merge: &Merge) -> Result<u64, DbError> {
        let newest = if merge.table == Table::Plans { "" } else { "s.source_updated_at DESC," };
        let sql =
            include_str!("remove_repeats.sql").replace("{staged}", merge.staged.table()).replace("{newest}", newest);
        self.execute(&sql, &[(&self.refresh, Type::UUID)]).await
    }

    #[tracing::instrument(level = "debug", skip_all, fields(table = merge.table.name()))]
    async fn merge(&self, merge: &Merge, report: &mut Report) -> Result<TableStats, DbError> {
        let row = self
            .transaction
            .query_typed_one(
                &merge.sql(),
                &[
                    (&self.refresh, Type::UUID),
                    (&self.source.0, Type::INT8),
                    (&self.tenant.0, Type::INT8),
                    (&self.now, Type::TIMESTAMP),
                    (&self.older, Type::BOOL),
                ],
            )
            .await?;
        let count = |column| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
        let (adds, updates) = (count("added") + count("returned"), count("updated"));
        let unlinked = count("unlinked");
        let sample: Vec<String> = row.get("unlinked_sample");
        for link in &sample {
            report.warn(format!("linked to nothing: {link}"), merge.table.name(), 1);
        }
        let rest = unlinked - (sample.len() as u64).min(unlinked);
        if rest > 0 {
            report.warn("linked to nothing, besides those named", merge.table.name(), rest);
        }
        Ok(TableStats { adds, updates, deletes: 0, unchanged: count("staged") - (adds + updates).min(count("staged")) })
    }

    /// Archives what is gone from the collections of a table, where they are complete.
    async fn archive_gone(&self, merge: &Merge, repeated: bool, report: &mut Report) -> Result<u64, DbError> {
        if merge.table == Table::Plans {
            return self.archive_plans().await;
        }
        let mut complete = Vec::new();
        let mut all_complete = true;
        for collection in Collection::ALL.into_iter().filter(|collection| collection.table() == merge.table) {
            if self.is_complete(collection, repeated, report).await? {
                complete.push(collection);
            } else {
                all_complete = false;
            }
        }
        match complete.is_empty() {
            true => Ok(0),
            false => self.archive(merge, &complete, all_complete, report.is_incremental()).await,
        }
    }

    /// Whether what is not listed is gone. Where it is not known, says so in the report.
    async fn is_complete(&self, collection: Collection, repeated: bool, report: &mut Report) -> Result<bool, DbError> {
        let incremental = report.is_incremental();
        let found = report.collection(collection);
        let listed = if incremental { &found.ids } else { &found.pages };
        let why = match listed.completeness() {
            // An incremental archive without id files for a collection means to archive nothing of it.
            Completeness::Absent if incremental => return Ok(false),
            Completeness::Absent => "it is not in the archive".into(),
            Completeness::Incomplete(why) => why,
            Completeness::Complete if found.bad > 0 => format!("{} of its objects are bad", found.bad),
            Completeness::Complete if repeated && !incremental => "objects are there more than once".into(),
            Completeness::Complete if !incremental || !listed.may_repeat() => return Ok(true),
            Completeness::Complete if self.distinct_ids(collection).await? == listed.results => return Ok(true),
            Completeness::Complete => "ids are there more than once".into(),
        };
        report.warn(format!("nothing of it is archived: {why}"), collection.name(), 1);
        Ok(false)
    }

    async fn distinct_ids(&self, collection: Collection) -> Result<u64, DbError> {
        let sql = "SELECT count(*) FROM
                     (SELECT DISTINCT source_ref FROM staged_ids WHERE refresh = $1 AND collection = $2) ids";
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&self.refresh, Type::UUID), (&collection.name(), Type::TEXT)];
        let row = self.transaction.query_typed_one(sql, &parameters).await?;
        Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
    }

    /// Archives what is live, of one of the complete collections, and not listed.
    #[tracing::instrument(level = "debug", skip_all, fields(table = merge.table.name()))]
    async fn archive(
        &self,
        merge: &Merge,
        complete: &[Collection],
        all_complete: bool,
        incremental: bool,
    ) -> Result<u64, DbError> {
        let quoted = |names: Vec<&str>| names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let types = quoted(complete.iter().filter_map(|collection| collection.object_type()).collect());
        let of_these_types = match (types.as_str(), all_complete) {
            ("", _) => String::new(),
            // Templates that an older writer left without a type may belong to either collection.
            (types, true) => format!("AND coalesce(t.extra ->> 'type' IN ({types}), true)"),
            (types, false) => format!("AND t.extra ->> 'type' IN ({types})"),
        };
        // Ids count for all collections of the table: both kinds of templates share one id space.
        let of_this_table = Collection::ALL.into_iter().filter(|collection| collection.table() == merge.table);
        let collections = quoted(of_this_table.map(Collection::name).collect());
        let (present, of_these_collections) = if incremental {
            (Staged::Ids.table(), format!("AND s.collection IN ({collections})"))
        } else {
            (merge.staged.table(), String::new())
        };
        let sql = include_str!("archive_gone.sql")
            .replace("{table}", merge.table.name())
            .replace("{present}", present)
            .replace("{of_these_types}", &of_these_types)
            .replace("{of_these_collections}", &of_these_collections);
        self.archive_with(&sql).await
    }

    #[tracing::instrument(level = "debug", skip_all)]
    async fn archive_plans(&self) -> Result<u64, DbError> {
        self.archive_with(include_str!("archive_plans.sql")).await
    }

    async fn archive_with(&self, sql: &str) -> Result<u64, DbError> {
        self.execute(sql, &[(&self.refresh, Type::UUID), (&self.source.0, Type::INT8), (&self.now, Type::TIMESTAMP)])
            .await
    }

    async fn execute(
        &self,
        sql: &str,
        parameters: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)],
    ) -> Result<u64, DbError> {
        Ok(self.transaction.execute_typed(sql, parameters).await?)
    }
}

impl Merge {
    /// Whether an object may be staged twice. Where several collections share a table, only the database knows; so it
    /// does for surveys, which are not numbered.
    fn may_repeat(&self, report: &Report) -> bool {
        let mut collections = Collection::ALL.into_iter().filter(|collection| collection.table() == self.table);
        match (collections.next(), collections.next()) {
            (Some(only), None) => report.collection(only).pages.may_repeat(),
            _ => true,
        }
    }

    fn sql(&self) -> String {
        let of = |alias: &str| {
            let columns = self.columns.iter().map(|column| format!("{alias}{column}"));
            columns.collect::<Vec<_>>().join(", ")
        };
        include_str!("merge.sql")
            .replace("{staged}", self.select.trim_end())
            .replace("{table}", self.table.name())
            .replace("{newer}", self.newer)
            .replace("{columns}", &of(""))
            .replace("{t.columns}", &of("t."))
            .replace("{s.columns}", &of("s."))
            .replace("{n.columns}", &of("n."))
            .replace("{staged_table}", self.staged.table())
    }
}
