//! What a refresh did to each table, and what it should have done.

use anyhow::{Result, bail};

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
    let differences: Vec<String> = expected
        .iter()
        .zip(found)
        .filter(|(expected, found)| expected != found)
        .map(|(expected, found)| format!("found {found:?}, expected {expected:?}"))
        .collect();
    if !differences.is_empty() || found.len() != expected.len() {
        bail!("{}", differences.join("; "));
    }
    Ok(())
}
