//! What a refresh did to each table, and what it should have done.

use std::fmt;

use anyhow::{Result, ensure};

use crate::table::{Cell, Table, thousands};

/// A table's rows after a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// The table's name.
    pub table: &'static str,
    /// New rows, and archived ones that returned.
    pub added: u64,
    /// Rows that changed.
    pub updated: u64,
    /// Rows that were archived.
    pub archived: u64,
    /// Rows that are live and that the refresh did not write.
    pub unchanged: u64,
}

/// The counts as a table, with a sum.
pub fn table(counts: &[Counts]) -> Table {
    let mut table = Table::new(&["table", ">added", ">updated", ">archived", ">unchanged"]);
    let mut row = |name: &str, numbers: [u64; 4]| {
        let [added, updated, archived, unchanged] = numbers;
        let added = if added > 0 { Cell::good(thousands(added)) } else { Cell::count(added) };
        table.row([name.into(), added, Cell::count(updated), Cell::count(archived), Cell::count(unchanged)]);
    };
    let mut sum = [0; 4];
    for of in counts {
        let numbers = [of.added, of.updated, of.archived, of.unchanged];
        sum = std::array::from_fn(|at| sum[at] + numbers[at]);
        row(of.table, numbers);
    }
    row("", sum);
    table
}

/// Insists that the counts are the expected ones.
///
/// # Errors
/// Names each table that differs, with both.
pub fn compare(found: &[Counts], expected: &[Counts]) -> Result<()> {
    ensure!(found.len() == expected.len(), "{} tables instead of {}", found.len(), expected.len());
    let pairs = found.iter().zip(expected).filter(|(found, expected)| found != expected);
    let differences: Vec<String> =
        pairs.map(|(found, expected)| format!("{}: {found} instead of {expected}", found.table)).collect();
    ensure!(differences.is_empty(), "{}", differences.join("; "));
    Ok(())
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, updated, archived, unchanged, .. } = self;
        write!(f, "{added} added, {updated} updated, {archived} archived, {unchanged} unchanged")
    }
}

#[cfg(test)]
mod tests {
    use longshore_devkit::tower::Estate;

    use super::*;
    use crate::demo::tower::expected::{change, first};

    #[test]
    fn what_differs_is_named_with_both_counts() {
        let tower = Estate::small(1);
        let expected = first(&tower);
        assert!(compare(&expected, &first(&tower)).is_ok());
        let mut found = expected.clone();
        found[3].added -= 1;
        let error = compare(&found, &expected).unwrap_err().to_string();
        assert!(error.starts_with("service_offerings: 23 added, 0 updated"), "{error}");
        assert!(error.ends_with("instead of 24 added, 0 updated, 0 archived, 0 unchanged"), "{error}");
    }

    #[test]
    fn what_comes_and_goes_adds_up() {
        let before = Estate::small(1).without(0.1);
        let after = before.restored().renamed(0.2, 1).without(0.1);
        for (was, is) in first(&before).iter().zip(change(&before, &after)) {
            assert_eq!(was.added + is.added, is.archived + is.added + is.updated + is.unchanged, "{}", is.table);
        }
    }
}
