//! From a database of Candlepin's of before the association design to ours: the old tables are moved aside, whole, and
//! what an import does not bring again is taken over from them.

use super::migrate::{MigrateError, create_schema};
use super::{DbError, Session};
use crate::manifest::rules::{Rules, RulesVersion};
use crate::warnings::{Warning, Warnings};
use serde::Serialize;
use serde_json::json;
use time::PrimitiveDateTime;
use tokio_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

/// Longest name in PostgreSQL, in bytes: a longer one would be cut silently.
const MAX_NAME: usize = 63;

/// What the name of the schema ends in that the old tables are moved into.
const SUFFIX: &str = "_before_longshore";

/// The tables that are read, some of which are younger than others.
const TABLES: [&str; 7] = [
    "cp_owner",
    "cp_consumer_type",
    "cp_export_metadata",
    "cp_import_record",
    "cp_import_upstream_consumer",
    "cp_upstream_consumer",
    "cp_rules",
];

/// What was taken over: rows, and where the old ones are.
#[derive(Debug, Default, Serialize)]
pub struct Upgraded {
    /// The schema that holds the old tables, with everything that was not taken over.
    pub set_aside: String,
    /// Owners.
    pub owners: u64,
    /// Consumer types that were not known here.
    pub consumer_types: u64,
    /// Dates of the manifests that were imported last.
    pub export_metadata: u64,
    /// Entries of the owners' histories.
    pub import_records: u64,
    /// Owners' links to their upstream consumers.
    pub upstream_consumers: u64,
    /// Rules.
    pub rules: u64,
    /// Links that are not what somebody may expect.
    pub warnings: Vec<Warning>,
}

/// The schema that the old tables of `candlepin` are moved into.
fn aside(candlepin: &str) -> String {
    // Schemas of the settings are ASCII.
    format!("{}{SUFFIX}", candlepin.get(..MAX_NAME - SUFFIX.len()).unwrap_or(candlepin))
}

/// Moves the old tables out of the way of ours, if there are any. Nothing else of the schema is touched: it may be one
/// that others have tables in.
///
/// # Errors
/// [`MigrateError::InTheWay`] when the place for them is taken.
pub(super) async fn set_aside(session: &mut Session) -> Result<(), MigrateError> {
    let (candlepin, history) =
        (session.settings().candlepin_schema.clone(), format!("{}.migrations", session.settings().longshore_schema));
    if !is_old(session, &candlepin, &history).await? {
        return Ok(());
    }
    let aside = aside(&candlepin);
    let taken =
        "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1)";
    if session.query_typed_one(taken, &[(&aside, Type::TEXT)]).await.map_err(DbError::from)?.get(0) {
        return Err(MigrateError::InTheWay { candlepin, aside });
    }
    // One transaction: killed, it has moved nothing.
    let transaction = session.transaction().await.map_err(DbError::from)?;
    create_schema(&transaction, &aside).await?;
    let moves = include_str!("set_aside.sql");
    let values: [(&(dyn ToSql + Sync), Type); 2] = [(&candlepin, Type::TEXT), (&aside, Type::TEXT)];
    let moves: Vec<String> =
        transaction.query_typed(moves, &values).await.map_err(DbError::from)?.iter().map(|row| row.get(0)).collect();
    transaction.batch_execute(&moves.join(";\n")).await.map_err(DbError::from)?;
    transaction.commit().await.map_err(DbError::from)?;
    tracing::info!(relations = moves.len(), from = candlepin, to = aside, "Candlepin's tables of before set aside");
    Ok(())
}

/// Whether the Candlepin tables are there and not ours, which our migrations make from the third one on.
async fn is_old(session: &Session, candlepin: &str, history: &str) -> Result<bool, DbError> {
    let sql = "SELECT count(*) = 2 FROM information_schema.columns
               WHERE table_schema = $1 AND table_name = 'cp_owner' AND column_name IN ('id', 'account')";
    if !session.query_typed_one(sql, &[(&candlepin, Type::TEXT)]).await?.get::<_, bool>(0) {
        return Ok(false);
    }
    let sql = "SELECT to_regclass($1) IS NOT NULL";
    if !session.query_typed_one(sql, &[(&history, Type::TEXT)]).await?.get::<_, bool>(0) {
        return Ok(true);
    }
    let sql = format!("SELECT NOT EXISTS (SELECT FROM {history} WHERE version >= 3)");
    Ok(session.query_typed_one(&sql, &[]).await?.get(0))
}

/// Takes over what the tables that were set aside hold, once. They stay as they are.
///
/// # Errors
/// See [`DbError`]. Nothing is taken over then; the next call begins again.
pub(super) async fn take_over(session: &mut Session) -> Result<Option<Upgraded>, DbError> {
    let aside = aside(&session.settings().candlepin_schema);
    let transaction = session.transaction().await?;
    let sql = "SELECT to_regclass($1 || '.cp_owner') IS NOT NULL
                 AND NOT EXISTS (SELECT FROM upgrades WHERE set_aside = $1)";
    if !transaction.query_typed_one(sql, &[(&aside, Type::TEXT)]).await?.get::<_, bool>(0) {
        transaction.commit().await?;
        return Ok(None);
    }
    let old = Old { transaction, tables: Vec::new() }.of(&aside).await?;
    let mut upgraded = Upgraded {
        owners: old.execute(include_str!("owners.sql")).await?,
        consumer_types: old.execute(include_str!("consumer_types.sql")).await?,
        export_metadata: old.execute(include_str!("export_metadata.sql")).await?,
        import_records: old.execute(include_str!("import_records.sql")).await?,
        set_aside: aside,
        ..Upgraded::default()
    };
    let warnings = old.link(&mut upgraded).await?;
    upgraded.warnings = warnings.first;
    upgraded.rules = old.take_rules().await?;
    let sql = "INSERT INTO upgrades (set_aside, finished_at, report) VALUES ($1, now() AT TIME ZONE 'UTC', $2)";
    let values: [(&(dyn ToSql + Sync), Type); 2] = [(&upgraded.set_aside, Type::TEXT), (&json!(upgraded), Type::JSONB)];
    old.transaction.execute_typed(sql, &values).await?;
    old.transaction.commit().await?;
    tracing::info!(
        owners = upgraded.owners,
        upstream_consumers = upgraded.upstream_consumers,
        import_records = upgraded.import_records,
        warnings = warnings.count,
        "Candlepin's rows of before taken over"
    );
    Ok(Some(upgraded))
}

/// The old tables.
struct Old<'a> {
    transaction: Transaction<'a>,
    /// What stands for a table in our SQL, and what to read there.
    tables: Vec<(String, String)>,
}

impl Old<'_> {
    /// Tables and columns that the database is too old for read as empty: rows are read as JSON, column by column.
    async fn of(mut self, schema: &str) -> Result<Self, DbError> {
        let sql = "SELECT relname::text FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p')";
        let rows = self.transaction.query_typed(&sql.replace("$1", &format!("'{schema}'")), &[]).await?;
        let present: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        self.tables.extend(TABLES.iter().map(|table| {
            let rows = match present.contains(table) {
                true => format!("(SELECT to_jsonb(t) AS r FROM {schema}.{table} t)"),
                false => "(SELECT NULL::jsonb AS r WHERE false)".into(),
            };
            (format!("{{{table}}}"), rows)
        }));
        Ok(self)
    }

    fn sql(&self, sql: &str) -> String {
        self.tables.iter().fold(sql.to_owned(), |sql, (table, rows)| sql.replace(table, rows))
    }

    async fn execute(&self, sql: &str) -> Result<u64, DbError> {
        Ok(self.transaction.execute_typed(&self.sql(sql), &[]).await?)
    }

    /// Links owners to their upstream consumers.
    async fn link(&self, upgraded: &mut Upgraded) -> Result<Warnings, DbError> {
        let mut warnings = Warnings::default();
        for row in self.transaction.query_typed(&self.sql(include_str!("upstream_consumers.sql")), &[]).await? {
            let (owner, uuid): (&str, &str) = (row.get("account"), row.get("uuid"));
            upgraded.upstream_consumers += u64::from(row.get::<_, bool>("wins"));
            if !row.get::<_, bool>("wins") {
                let what =
                    format!("consumer {uuid} is another owner's too, which keeps it; this one is linked to nobody");
                warnings.add(what, owner, 1);
            } else if let Some(imported) = row.get::<_, Option<&str>>("imported") {
                let what = format!(
                    "it stays linked to consumer {uuid}, as Candlepin had it, though its newest import is of consumer {imported}"
                );
                warnings.add(what, owner, 1);
            }
        }
        Ok(warnings)
    }

    /// The newest rules; a manifest with higher ones replaces them.
    async fn take_rules(&self) -> Result<u64, DbError> {
        let Some(row) = self.transaction.query_typed_opt(&self.sql(include_str!("rules.sql")), &[]).await? else {
            return Ok(0);
        };
        let rules = Rules::new(row.get("rules_blob"));
        let column = row.get::<_, Option<&str>>("version").and_then(RulesVersion::parse);
        let version = column.or(rules.version);
        let sql = "INSERT INTO cp_rules (id, rules_blob, version, rulessource, created, updated)
                   SELECT $1, $2, $3, 'DATABASE', $4, $5 WHERE NOT EXISTS (SELECT FROM cp_rules)";
        let values: [(&(dyn ToSql + Sync), Type); 5] = [
            (&row.get::<_, &str>("id"), Type::TEXT),
            (&rules.text, Type::TEXT),
            (&version.as_ref().map_or(Rules::NO_VERSION, RulesVersion::as_str), Type::TEXT),
            (&row.get::<_, Option<PrimitiveDateTime>>("created"), Type::TIMESTAMP),
            (&row.get::<_, Option<PrimitiveDateTime>>("updated"), Type::TIMESTAMP),
        ];
        Ok(self.transaction.execute_typed(sql, &values).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_for_the_old_tables_has_a_name_that_postgresql_does_not_cut() {
        assert_eq!(aside("candlepin"), "candlepin_before_longshore");
        let long = "c".repeat(MAX_NAME);
        assert_eq!(aside(&long).len(), MAX_NAME);
    }
}
