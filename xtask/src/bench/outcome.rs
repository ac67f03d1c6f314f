//! What a part of the benchmark found: measures, bars, and where it was measured.

use serde_json::{Map, Value, json};

use super::series::Series;
use crate::table::{Cell, Table};

/// A promise, and what was measured.
#[derive(Debug, Clone)]
pub struct Bar {
    what: &'static str,
    /// The key in `bench.json`.
    key: &'static str,
    measured: f64,
    limit: f64,
    /// Whether the limit is a least, not a most.
    is_least: bool,
    unit: &'static str,
}

impl Bar {
    /// `measured` and `at_most` in `unit`, which may be empty.
    pub fn new(what: &'static str, key: &'static str, measured: f64, at_most: f64, unit: &'static str) -> Self {
        Self { what, key, measured, limit: at_most, is_least: false, unit }
    }

    /// A bar that is met by as much or more.
    pub fn at_least(what: &'static str, key: &'static str, measured: f64, at_least: f64, unit: &'static str) -> Self {
        Self { what, key, measured, limit: at_least, is_least: true, unit }
    }

    fn is_met(&self) -> bool {
        if self.is_least { self.measured >= self.limit } else { self.measured <= self.limit }
    }
}

/// All that one part found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was measured, a line each, as a person would say it.
    pub title: Vec<String>,
    measures: Vec<(String, Series, String)>,
    bars: Vec<Bar>,
    numbers: Map<String, Value>,
}

impl Outcome {
    /// Adds a line of the table; its median goes into `bench.json` under `key`, in seconds.
    pub fn measure(&mut self, key: &str, what: &str, series: &Series, detail: impl Into<String>) {
        self.number(key, series.median());
        self.measures.push((what.to_owned(), series.clone(), detail.into()));
    }

    /// Adds a bar; what was measured goes into `bench.json`.
    pub fn bar(&mut self, bar: Bar) {
        self.number(bar.key, bar.measured);
        self.bars.push(bar);
    }

    /// Adds a number to `bench.json`, to six digits after the point.
    pub fn number(&mut self, key: &str, value: f64) {
        self.numbers.insert(key.to_owned(), json!((value * 1e6).round() / 1e6));
    }

    /// Adds anything to `bench.json`.
    pub fn fact(&mut self, key: &str, value: Value) {
        self.numbers.insert(key.to_owned(), value);
    }

    /// Adds all that another measurement found.
    pub fn add(&mut self, other: Self) {
        self.title.extend(other.title);
        self.measures.extend(other.measures);
        self.bars.extend(other.bars);
        self.numbers.extend(other.numbers);
    }

    /// Whether every bar is met.
    pub fn all_met(&self) -> bool {
        self.bars.iter().all(Bar::is_met)
    }

    /// The numbers, and for each bar whether it is met.
    pub fn as_json(&self) -> Value {
        let missed: Vec<&str> = self.bars.iter().filter(|bar| !bar.is_met()).map(|bar| bar.key).collect();
        let mut numbers = self.numbers.clone();
        numbers.insert("bars_missed".to_owned(), json!(missed));
        Value::Object(numbers)
    }

    /// Two tables: what was measured, and the bars.
    pub fn render(&self, colour: bool) -> String {
        let mut measures = Table::new(&["measure", ">median", ">least", ">most", ""]);
        for (what, series, detail) in &self.measures {
            let (least, most) = series.range();
            measures.row([
                what.as_str().into(),
                format!("{:.3} s", series.median()).into(),
                Cell::dim(format!("{least:.3}")),
                Cell::dim(format!("{most:.3}")),
                Cell::dim(detail.as_str()),
            ]);
        }
        let mut bars = Table::new(&["bar", ">measured", ">", ">limit", ""]);
        for bar in &self.bars {
            let shown = |number: f64| format!("{number:.2} {}", bar.unit).trim_end().to_owned();
            let verdict = if bar.is_met() { Cell::good("met") } else { Cell::bad("NOT MET") };
            let than = if bar.is_least { "at least" } else { "at most" };
            bars.row([bar.what.into(), shown(bar.measured).into(), than.into(), shown(bar.limit).into(), verdict]);
        }
        let missed = self.bars.iter().filter(|bar| !bar.is_met()).count();
        let verdict = match missed {
            0 => "every bar is met".to_owned(),
            n => format!("{n} of {} bars are not met", self.bars.len()),
        };
        let title = self.title.join("\n");
        format!("{title}\n\n{}\n\n{}\n\n{verdict}", measures.render(colour), bars.render(colour))
    }
}
