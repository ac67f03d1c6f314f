//! Rows as a person would look at them.

use std::collections::BTreeMap;

use anyhow::Result;
use tokio_postgres::{Client, Row};

use super::expected::TABLES;
use crate::table::{Cell, Table, shortened};

/// Rows shown of a sample, or of each kind of change.
const SHOWN: usize = 2;

/// A few offerings that have an inventory and a survey, and a few that lack one.
pub async fn offerings(client: &Client) -> Result<Table> {
    let sql = "
        SELECT source_ref, name, inventory, survey, questions FROM (
          SELECT o.source_ref, o.name, coalesce(i.name, '') AS inventory, CASE p.name WHEN '' THEN '(untitled)' ELSE coalesce(p.name, '') END AS survey,
                 coalesce(jsonb_array_length(p.create_json_schema -> 'schema' -> 'fields'), 0)::bigint AS questions,
                 row_number() OVER (PARTITION BY i.id IS NULL, p.id IS NULL ORDER BY o.source_ref::bigint) AS nth
          FROM service_offerings o
          LEFT JOIN service_inventories i ON i.id = o.service_inventory_id
          LEFT JOIN service_plans p ON p.service_offering_id = o.id
          WHERE o.archived_at IS NULL AND (i.id IS NOT NULL OR p.id IS NOT NULL)) offerings
        WHERE nth <= 2 ORDER BY source_ref::bigint";
    let mut table = Table::new(&[">id in Tower", "service_offerings", "its inventory", "its survey", ">questions"]);
    for row in client.query(sql, &[]).await? {
        let text = |column: usize| match row.get::<_, &str>(column) {
            "" => Cell::dim("-"),
            text => shortened(text).into(),
        };
        let questions = row.get::<_, i64>(4).unsigned_abs();
        table.row([text(0), text(1), text(2), text(3), Cell::count(questions)]);
    }
    Ok(table)
}

/// All offerings, by their id in Tower.
pub struct Names(BTreeMap<u64, Offering>);

struct Offering {
    id: i64,
    name: String,
    live: bool,
}

impl Names {
    /// As the table has them now.
    pub async fn read(client: &Client) -> Result<Self> {
        let sql = "SELECT source_ref::bigint, id, name, archived_at IS NULL FROM service_offerings";
        let rows = client.query(sql, &[]).await?;
        let offering = |row: &Row| {
            (row.get::<_, i64>(0).unsigned_abs(), Offering { id: row.get(1), name: row.get(2), live: row.get(3) })
        };
        Ok(Self(rows.iter().map(offering).collect()))
    }

    /// Whether each that was there before has kept its row: what returns must not become another one.
    pub fn kept_rows_of(&self, before: &Self) -> bool {
        let id = |offerings: &Self, key| offerings.0.get(key).map(|offering: &Offering| offering.id);
        before.0.keys().all(|key| id(before, key) == id(self, key))
    }

    /// A few that were renamed, archived and returned since.
    pub fn since(&self, before: &Self) -> Table {
        let mut changes: [Vec<[Cell; 4]>; 3] = Default::default();
        for (id, Offering { name, live, .. }) in &self.0 {
            let Some(Offering { name: old, live: was_live, .. }) = before.0.get(id) else { continue };
            let (kind, what) = match (was_live, live) {
                (true, false) => (1, Cell::bad("archived")),
                (false, true) => (2, Cell::good("returned")),
                _ if old != name => (0, "renamed".into()),
                _ => continue,
            };
            if changes[kind].len() < SHOWN {
                let new = if old == name { Cell::dim("-") } else { shortened(name).into() };
                changes[kind].push([id.to_string().into(), what, shortened(old).into(), new]);
            }
        }
        let mut table = Table::new(&[">id in Tower", "", "service_offerings", "new name"]);
        changes.into_iter().flatten().for_each(|row| table.row(row));
        table
    }
}

/// All rows that a refresh could write, in short.
#[derive(Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// How many rows there are.
    pub rows: u64,
    digests: Vec<String>,
}

impl Fingerprint {
    /// As the tables are now. `xmin` is the transaction that wrote a row: one that was written with the same values
    /// differs too.
    pub async fn read(client: &Client) -> Result<Self> {
        let (mut rows, mut digests) = (0, Vec::new());
        // The platform is told again of a record that comes again. Not a subquery: only a table has `xmin`.
        let events = "longshore.outbox t WHERE family = 'event'";
        let ours = ["sources t", "longshore.refreshes t", "longshore.rejected_records t", events];
        let tables = TABLES.iter().map(|(table, _)| format!("{table} t"));
        for table in tables.chain(ours.map(String::from)) {
            let row = format!("coalesce(md5(string_agg(concat(t.xmin, t), '' ORDER BY t.id)), '') FROM {table}");
            let row = client.query_one(&format!("SELECT count(*), {row}"), &[]).await?;
            rows += row.get::<_, i64>(0).unsigned_abs();
            digests.push(row.get(1));
        }
        Ok(Self { rows, digests })
    }
}
