//! What happened to a batch, and the line that says so.

use std::{io::stderr, time::Duration};

use super::{batch::Polled, discard::Condition};
use crate::{
    progress::{colour_on_stderr, write_line},
    table::{counted, size},
};

/// What happened.
#[derive(Debug, Clone)]
pub enum Report {
    /// Something about these records.
    Batch {
        /// `<topic>-<partition>`
        partition: String,
        /// The first offset and the last.
        offsets: (i64, i64),
        /// How many records.
        records: usize,
        /// How large the payload was.
        bytes: usize,
        /// What.
        outcome: Outcome,
        /// How long it took.
        took: Duration,
    },
    /// A person should know it.
    Note(String),
}

/// What became of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All are done.
    Done,
    /// Some or all failed, and what follows.
    Failed {
        /// Why.
        why: String,
        /// What is done about it.
        next: String,
    },
    /// They were given up.
    Discarded {
        /// Why.
        condition: Condition,
        /// Where they are now.
        place: String,
    },
}

impl Report {
    /// About records of a partition.
    pub fn of(partition: &str, records: &[Polled], bytes: usize, outcome: Outcome, took: Duration) -> Self {
        let offset = |record: Option<&Polled>| record.map_or(0, |record| record.offset);
        let offsets = (offset(records.first()), offset(records.last()));
        Self::Batch { partition: partition.to_owned(), offsets, records: records.len(), bytes, outcome, took }
    }
}

/// Writes a line for each report, in columns.
#[derive(Debug, Clone, Copy)]
pub struct Lines {
    partition: usize,
    colour: bool,
}

impl Lines {
    /// To stderr, with room for the partitions of these topics.
    pub fn stderr(topics: &[String]) -> Self {
        let longest = topics.iter().map(|topic| topic.chars().count()).max().unwrap_or_default();
        Self { partition: longest + "-00".len(), colour: colour_on_stderr() }
    }

    /// Writes it.
    pub fn show(self, report: &Report) {
        write_line(stderr(), &self.line(report));
    }

    fn line(self, report: &Report) -> String {
        let (dim, plain) = if self.colour { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        let (partition, offsets, records, bytes, outcome, took) = match report {
            Report::Note(text) => return format!("  {dim}{text}{plain}"),
            Report::Batch { partition, offsets, records, bytes, outcome, took } => {
                (partition, offsets, records, bytes, outcome, took)
            }
        };
        let (sign, colour, text) = match outcome {
            Outcome::Done => ("✓", "\x1b[32m", "done".to_owned()),
            Outcome::Failed { why, next } => ("!", "\x1b[33m", format!("{}; {next}", first_line(why))),
            Outcome::Discarded { condition, place } => ("✗", "\x1b[31m", format!("{}, {place}", condition.as_str())),
        };
        let colour = if self.colour { colour } else { "" };
        let offsets =
            if offsets.0 == offsets.1 { offsets.0.to_string() } else { format!("{}..{}", offsets.0, offsets.1) };
        let (width, records, bytes) = (self.partition, counted(*records as u64, "record"), size(*bytes as u64));
        let took = format!("{:.2} s", took.as_secs_f64());
        format!(
            "{colour}{sign}{plain} {partition:<width$}  {offsets:<17}  {records:>14}  {bytes:>9}  {dim}{took:>8}{plain}  {text}"
        )
    }
}

/// Errors of functions can be pages.
fn first_line(text: &str) -> String {
    const WIDTH: usize = 120;
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use event_publisher::krafka::consumer::ConsumerRecord;

    use super::*;

    fn lines(colour: bool) -> Vec<String> {
        let records = [7, 8].map(|offset| Polled::of(&ConsumerRecord::new("orders", 11, offset, None, None)));
        let failed = Outcome::Failed { why: "gone\nat line 3".to_owned(), next: "retry 1 of 2".to_owned() };
        let condition = Condition::RetryAttemptsExhausted;
        let discarded = Outcome::Discarded { condition, place: "dropped".to_owned() };
        let columns = Lines { partition: 9, colour };
        let took = Duration::from_millis(1_234);
        let of = |records: &[Polled], outcome| columns.line(&Report::of("orders-11", records, 2_048, outcome, took));
        vec![of(&records, Outcome::Done), of(&records, failed), of(&records[..1], discarded)]
    }

    #[test]
    fn columns_stand_below_each_other_and_colour_does_not_move_them() {
        let plain = lines(false);
        assert_eq!(
            plain,
            [
                "✓ orders-11  7..8                    2 records    2.0 KiB    1.23 s  done",
                "! orders-11  7..8                    2 records    2.0 KiB    1.23 s  gone; retry 1 of 2",
                "✗ orders-11  7                        1 record    2.0 KiB    1.23 s  RetryAttemptsExhausted, dropped",
            ]
        );
        let codes = ["\x1b[0m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"];
        let stripped = |line: String| codes.iter().fold(line, |text, code| text.replace(code, ""));
        assert_eq!(lines(true).into_iter().map(stripped).collect::<Vec<_>>(), plain);
    }
}
