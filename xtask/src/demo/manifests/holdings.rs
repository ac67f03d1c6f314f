//! Subscriptions and pools as a person would look at them.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use tokio_postgres::{Client, Row};

use crate::table::{Cell, Table, counted};

/// Subscriptions by product: quantity, and for how many guests where guests have a pool.
pub type Expected = &'static [(&'static str, i64, Option<i64>)];

/// Digits of an id that are shown. Ids begin with the time, so that those of one import differ at their ends.
const DIGITS: usize = 8;

/// An owner's subscriptions by their products, of which each has one here.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Holdings(BTreeMap<String, Subscription>);

#[derive(Debug, PartialEq, Eq)]
struct Subscription {
    name: String,
    quantity: i64,
    contract: String,
    until: String,
    /// The row itself and the transaction that wrote it.
    version: String,
    /// `NORMAL` before `UNMAPPED_GUEST`.
    pools: Vec<Pool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pool {
    id: String,
    kind: String,
    quantity: i64,
    version: String,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    New,
    Changed,
    Same,
}

impl Holdings {
    /// An owner's, as the tables are now.
    pub async fn read(client: &Client, owner: &str) -> Result<Self> {
        let sql = "SELECT s.product_id, g.name, s.quantity, coalesce(s.contractnumber, '-'), s.enddate::date::text,
                          concat(s.xmin, s), p.id, p.type, p.quantity, concat(p.xmin, p)
                   FROM candlepin.cp_subscription s JOIN candlepin.cp_owner o ON o.id = s.owner_id AND o.account = $1
                   LEFT JOIN candlepin.cp_products g ON g.owner_id = s.owner_id AND g.product_id = s.product_id
                   LEFT JOIN candlepin.cp_pool p ON p.subscriptionid = s.id
                   ORDER BY s.product_id, p.type";
        let mut found = Self::default();
        for row in client.query(sql, &[&owner]).await? {
            let subscription = found.0.entry(row.get(0)).or_insert_with(|| Subscription::from_row(&row));
            subscription.pools.extend(Pool::from_row(&row));
        }
        Ok(found)
    }

    /// `1 subscription and 2 pools`
    pub fn counts(&self) -> String {
        let pools: usize = self.0.values().map(|subscription| subscription.pools.len()).sum();
        format!("{} and {}", counted(self.0.len() as u64, "subscription"), counted(pools as u64, "pool"))
    }

    /// A row a pool, with what became of it since; and what is gone.
    pub fn since(&self, before: &Self) -> Table {
        let mut table =
            Table::new(&["subscription", "", ">quantity", "contract", "until", ">pool", "of type", ">quantity", ""]);
        for (product, subscription) in &self.0 {
            let old = before.0.get(product);
            for (at, pool) in subscription.pools.iter().enumerate() {
                let fate = pool.fate(old);
                table.row(subscription.cells(product, at == 0, pool, fate));
            }
        }
        for (product, gone) in before.0.iter().filter(|(product, _)| !self.0.contains_key(*product)) {
            for (at, pool) in gone.pools.iter().enumerate() {
                let mut cells = gone.cells(product, at == 0, pool, Fate::Same);
                cells[8] = Cell::bad("gone");
                table.row(cells);
            }
        }
        table
    }

    /// Created, modified and deleted objects, as events should tell them.
    pub fn changes_since(&self, before: &Self) -> Vec<(&'static str, [i64; 3])> {
        let (mut subscriptions, mut pools) = ([0; 3], [0; 3]);
        for (product, subscription) in &self.0 {
            let old = before.0.get(product);
            subscriptions[0] += i64::from(old.is_none());
            subscriptions[1] += i64::from(old.is_some_and(|old| old.version != subscription.version));
            for pool in &subscription.pools {
                pools[0] += i64::from(pool.fate(old) == Fate::New);
                pools[1] += i64::from(pool.fate(old) == Fate::Changed);
            }
        }
        for (product, old) in &before.0 {
            let now = self.0.get(product);
            subscriptions[2] += i64::from(now.is_none());
            pools[2] += old.pools.iter().filter(|pool| pool.fate(now) == Fate::New).count() as i64;
        }
        vec![("SUBSCRIPTION", subscriptions), ("POOL", pools)]
    }

    /// Whether the pools of these products are the rows that they were.
    pub fn kept_pools_of(&self, before: &Self, products: &[&str]) -> bool {
        let ids = |holdings: &Self, product: &str| -> Option<Vec<String>> {
            Some(holdings.0.get(product)?.pools.iter().map(|pool| pool.id.clone()).collect())
        };
        products.iter().all(|product| ids(self, product).is_some_and(|now| ids(before, product) == Some(now)))
    }

    /// Insists on exactly these subscriptions, each with its pools.
    pub fn compare(&self, expected: Expected) -> Result<()> {
        let pools = |row: &Subscription| -> Vec<String> {
            row.pools.iter().map(|pool| format!("{} {}", pool.kind, pool.quantity)).collect()
        };
        let found: Vec<String> =
            self.0.iter().map(|(product, row)| described(product, row.quantity, &pools(row))).collect();
        let wanted = expected.iter().map(|(product, quantity, guests)| {
            let guests = guests.map(|guests| format!("UNMAPPED_GUEST {guests}"));
            let pools: Vec<String> = std::iter::once(format!("NORMAL {quantity}")).chain(guests).collect();
            described(product, *quantity, &pools)
        });
        let wanted: Vec<String> = wanted.collect();
        ensure!(found == wanted, "there is {} instead of {}", found.join("; "), wanted.join("; "));
        Ok(())
    }
}

/// `EX-SUITE x 12 with NORMAL 12, UNMAPPED_GUEST 48`
fn described(product: &str, quantity: i64, pools: &[String]) -> String {
    format!("{product} x {quantity} with {}", pools.join(", "))
}

impl Subscription {
    fn from_row(row: &Row) -> Self {
        Self {
            name: row.get::<_, Option<String>>(1).unwrap_or_default(),
            quantity: row.get(2),
            contract: row.get(3),
            until: row.get(4),
            version: row.get(5),
            pools: Vec::new(),
        }
    }

    /// A pool's row; only the first one tells of the subscription.
    fn cells(&self, product: &str, first: bool, pool: &Pool, fate: Fate) -> Vec<Cell> {
        let text = |text: &str| if first { text.into() } else { Cell::default() };
        let quantity = if first { quantity(self.quantity) } else { Cell::default() };
        let id = pool.id.get(pool.id.len().saturating_sub(DIGITS)..).unwrap_or_default();
        vec![
            text(product),
            text(&self.name),
            quantity,
            text(&self.contract),
            text(&self.until),
            format!("…{id}").into(),
            pool.kind.as_str().into(),
            self::quantity(pool.quantity),
            match fate {
                Fate::New => Cell::good("new"),
                Fate::Changed => "changed, same id".into(),
                Fate::Same => Cell::dim("unchanged"),
            },
        ]
    }
}

fn quantity(number: i64) -> Cell {
    u64::try_from(number).map_or_else(|_| "unlimited".into(), Cell::count)
}

impl Pool {
    fn from_row(row: &Row) -> Option<Self> {
        Some(Self { id: row.get::<_, Option<String>>(6)?, kind: row.get(7), quantity: row.get(8), version: row.get(9) })
    }

    /// What became of it since its subscription was so.
    fn fate(&self, before: Option<&Subscription>) -> Fate {
        match before.and_then(|before| before.pools.iter().find(|old| old.id == self.id)) {
            None => Fate::New,
            Some(old) if old.version == self.version => Fate::Same,
            Some(_) => Fate::Changed,
        }
    }
}
