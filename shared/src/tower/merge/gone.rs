//! Archiving what is gone from Tower.

use super::tables::Merge;
use super::{Merger, Staged};
use crate::db::DbError;
use crate::tower::report::Report;
use crate::tower::{Collection, Table};
use tokio_postgres::types::{ToSql, Type};

/// What became of a table's live rows.
pub(super) struct Gone {
    /// Rows that were archived.
    pub archived: u64,
    /// Whether the archive lists everything that there is of the table.
    pub all_known: bool,
}

impl Merger<'_> {
    /// Archives what is gone from the collections of a table, where the archive lists all that there is.
    pub(super) async fn archive_gone(
        &self,
        merge: &Merge,
        repeated: bool,
        report: &mut Report,
    ) -> Result<Gone, DbError> {
        let mut known = Vec::new();
        let mut all_known = true;
        for collection in of_table(merge.table) {
            match self.tells_what_is_gone(collection, repeated, report).await? {
                Ok(()) => known.push(collection),
                Err(why) => {
                    all_known = false;
                    if let Some(why) = why {
                        report.warnings.add(format!("nothing of it is archived: {why}"), collection.name(), 1);
                    }
                }
            }
        }
        let archived = match known.is_empty() {
            true => 0,
            false => self.archive(merge, &known, all_known, report.is_incremental()).await?,
        };
        Ok(Gone { archived, all_known })
    }

    /// As [`Report::tells_what_is_gone`], and what only the database knows: whether something is listed twice.
    async fn tells_what_is_gone(
        &self,
        collection: Collection,
        repeated: bool,
        report: &Report,
    ) -> Result<Result<(), Option<String>>, DbError> {
        if let Err(why) = report.tells_what_is_gone(collection) {
            return Ok(Err(why));
        }
        let ids = &report.collection(collection).ids;
        let twice = if report.is_incremental() {
            ids.may_repeat() && self.distinct_ids(collection).await? != ids.results
        } else {
            repeated
        };
        Ok(if twice { Err(Some("something is listed more than once".into())) } else { Ok(()) })
    }

    async fn distinct_ids(&self, collection: Collection) -> Result<u64, DbError> {
        let sql = "SELECT count(DISTINCT source_ref) FROM staged_ids WHERE refresh = $1 AND collection = $2";
        let parameters: [(&(dyn ToSql + Sync), Type); 2] =
            [(&self.refresh, Type::UUID), (&collection.name(), Type::TEXT)];
        let row = self.transaction.query_typed_one(sql, &parameters).await?;
        Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
    }

    /// Archives what is live, of one of the collections that are known, and not listed.
    #[tracing::instrument(level = "debug", skip_all, fields(table = merge.table.name()))]
    async fn archive(
        &self,
        merge: &Merge,
        known: &[Collection],
        all_known: bool,
        incremental: bool,
    ) -> Result<u64, DbError> {
        let quoted = |names: Vec<&str>| names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let types = quoted(known.iter().filter_map(|collection| collection.object_type()).collect());
        let of_these_types = match (types.as_str(), all_known) {
            ("", _) => String::new(),
            // Templates that an older writer left without a type may belong to either collection.
            (types, true) => format!("AND coalesce(t.extra ->> 'type' IN ({types}), true)"),
            (types, false) => format!("AND t.extra ->> 'type' IN ({types})"),
        };
        // Ids count for all collections of the table: both kinds of templates share one id space.
        let collections = quoted(of_table(merge.table).map(Collection::name).collect());
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
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&self.refresh, Type::UUID), (&self.source.0, Type::INT8), (&self.now, Type::TIMESTAMP)];
        self.execute(&sql, &parameters).await
    }

    /// Archives plans with their templates. `templates_known`: the archive lists all templates that there are.
    #[tracing::instrument(level = "debug", skip_all)]
    pub(super) async fn archive_plans(&self, templates_known: bool) -> Result<u64, DbError> {
        let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
            (&self.refresh, Type::UUID),
            (&self.source.0, Type::INT8),
            (&self.now, Type::TIMESTAMP),
            (&templates_known, Type::BOOL),
        ];
        self.execute(include_str!("archive_plans.sql"), &parameters).await
    }
}

fn of_table(table: Table) -> impl Iterator<Item = Collection> {
    Collection::ALL.into_iter().filter(move |collection| collection.table() == table)
}
