//! From the staging tables into the inventory, a statement a table.

mod gone;
mod tables;

use super::Table;
use super::copy::{RowCounts, Staged};
use super::report::Report;
use super::resolve::{SourceId, TenantId};
use crate::db::DbError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tables::{MERGES, Merge};
use time::PrimitiveDateTime;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

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
    /// How many rows were staged: what has none is left out.
    pub staged: RowCounts,
    /// Whether the archive is older than the last one applied: then it only updates.
    pub older: bool,
}

impl Merger<'_> {
    /// Merges and archives every table, and adds to `report` what could not be linked or archived.
    pub async fn merge_all(&self, report: &mut Report) -> Result<Stats, DbError> {
        let mut stats = Stats::new();
        let mut templates_known = false;
        for merge in &MERGES {
            let mut done = TableStats::default();
            let mut repeats = 0;
            if self.staged.of(merge.staged) > 0 {
                repeats = if merge.may_repeat(report) { self.remove_repeats(merge).await? } else { 0 };
                if repeats > 0 {
                    report.warnings.add(
                        "objects are there more than once; the newest counts",
                        merge.table.name(),
                        repeats,
                    );
                }
                done = self.merge(merge, report).await?;
            }
            if self.older {
                // It archives nothing.
            } else if merge.table == Table::Plans {
                done.deletes = self.archive_plans(templates_known).await?;
            } else {
                let gone = self.archive_gone(merge, repeats > 0, report).await?;
                done.deletes = gone.archived;
                templates_known |= merge.table == Table::Offerings && gone.all_known;
            }
            stats.insert(merge.table, done);
        }
        Ok(stats)
    }

    /// Removes the staged rows: nobody needs them any more, and they are to be gone when the refresh commits.
    pub async fn clear_staging(&self) -> Result<(), DbError> {
        for staged in Staged::ALL.into_iter().filter(|staged| self.staged.of(*staged) > 0) {
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
            report.warnings.add(format!("linked to nothing: {link}"), merge.table.name(), 1);
        }
        let rest = unlinked - (sample.len() as u64).min(unlinked);
        if rest > 0 {
            report.warnings.add("linked to nothing, besides those named", merge.table.name(), rest);
        }
        Ok(TableStats { adds, updates, deletes: 0, unchanged: count("staged") - (adds + updates).min(count("staged")) })
    }

    async fn execute(
        &self,
        sql: &str,
        parameters: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)],
    ) -> Result<u64, DbError> {
        Ok(self.transaction.execute_typed(sql, parameters).await?)
    }
}
