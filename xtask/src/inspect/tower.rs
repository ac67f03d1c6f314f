//! Tower archives, read as a refresh reads them.

mod contents;

use std::{
    io::{stderr, stdout},
    process::ExitCode,
};

use longshore::{
    archive::Limits,
    failure::Chain,
    tower::{Collection, ReadError, Report, read},
};
use serde_json::{Value, json};

use self::contents::Contents;
use super::Refused;
use crate::{
    progress::write_line,
    table::{Cell, Table, colour_on_stdout, size, thousands},
};

/// Warnings shown in full.
const WARNINGS_SHOWN: usize = 20;

/// Reads an archive and prints what it holds. Fails with code 1 when a refresh would refuse it.
pub fn run(archive: &[u8], json: bool) -> ExitCode {
    let mut contents = Contents::default();
    let outcome = look(archive, &mut contents);
    let text = match (&outcome, json) {
        (Ok(report), true) => pretty(&as_json(archive.len(), report, &contents)),
        (Ok(report), false) => as_text(archive.len(), report, &contents, colour_on_stdout()),
        (Err(refused), true) => pretty(&json!({"refused": refused})),
        (Err(refused), false) => {
            write_line(stderr(), &refused.to_string());
            return ExitCode::FAILURE;
        }
    };
    write_line(stdout(), &text);
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn look(archive: &[u8], contents: &mut Contents) -> Result<Report, Refused> {
    let limits = Limits::default();
    Refused::check_size(archive, &limits)?;
    read(archive, &limits, contents).map_err(|error: ReadError| Refused::new(&error, Chain(&error).to_string()))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

fn mode(report: &Report) -> &'static str {
    if report.is_incremental() { "incremental" } else { "full" }
}

fn ratio(compressed: usize, report: &Report) -> f64 {
    report.totals.expanded_bytes as f64 / compressed.max(1) as f64
}

fn as_text(compressed: usize, report: &Report, contents: &Contents, colour: bool) -> String {
    let totals = &report.totals;
    let mut lines = vec![
        format!(
            "{} archive, {} expanding to {} ({:.1} : 1)",
            mode(report),
            size(compressed as u64),
            size(totals.expanded_bytes),
            ratio(compressed, report)
        ),
        format!("{} entries, {} of them ignored", thousands(totals.entries), thousands(totals.ignored)),
        String::new(),
        collections(report).render(colour),
        String::new(),
        surveys(report, contents).render(colour),
    ];
    if report.warnings.count > 0 {
        lines.push(String::new());
        lines.push(warnings(report).render(colour));
        let shown: u64 = report.warnings.first.iter().take(WARNINGS_SHOWN).map(|warning| warning.count).sum();
        if report.warnings.count > shown {
            lines.push(format!("and {} more", thousands(report.warnings.count - shown)));
        }
    }
    lines.join("\n")
}

fn collections(report: &Report) -> Table {
    let head = [
        "collection",
        ">pages",
        ">objects",
        ">announced",
        ">bad",
        ">ignored",
        ">id files",
        ">ids",
        "archives what is gone",
    ];
    let mut table = Table::new(&head);
    for collection in Collection::ALL {
        let found = report.collection(collection);
        let bad = if found.bad > 0 { Cell::bad(thousands(found.bad)) } else { Cell::count(0) };
        let complete = match report.tells_what_is_gone(collection) {
            Ok(()) => Cell::good("yes, it is complete"),
            Err(Some(why)) => Cell::bad(format!("no: {why}")),
            Err(None) => Cell::dim("no: it has no id files"),
        };
        table.row([
            collection.name().into(),
            Cell::count(found.pages.pages() as u64),
            Cell::count(found.pages.results),
            found.pages.announced().map_or_else(|| "-".into(), Cell::count),
            bad,
            Cell::count(found.ignored),
            Cell::count(found.ids.pages() as u64),
            Cell::count(found.ids.results),
            complete,
        ]);
    }
    table
}

fn surveys(report: &Report, contents: &Contents) -> Table {
    let mut table = Table::new(&["surveys", ">"]);
    let bad = if report.bad_surveys > 0 { Cell::bad(thousands(report.bad_surveys)) } else { Cell::count(0) };
    table.row(["in the archive".into(), Cell::count(report.surveys)]);
    table.row(["templates that ask one".into(), Cell::count(contents.templates_with_survey)]);
    table.row(["without a spec (Tower's bug)".into(), Cell::count(report.empty_surveys)]);
    table.row(["bad".into(), bad]);
    table.row(["questions".into(), Cell::count(contents.questions.values().sum())]);
    for (kind, count) in &contents.questions {
        table.row([format!("  {kind}").into(), Cell::count(*count)]);
    }
    table
}

fn warnings(report: &Report) -> Table {
    let mut table = Table::new(&["warnings", ">times", "where"]);
    for warning in report.warnings.first.iter().take(WARNINGS_SHOWN) {
        table.row([warning.what.as_str().into(), Cell::count(warning.count), warning.place.as_str().into()]);
    }
    table
}

fn as_json(compressed: usize, report: &Report, contents: &Contents) -> Value {
    let collections = Collection::ALL.map(|collection| {
        let found = report.collection(collection);
        let complete = report.tells_what_is_gone(collection);
        let entry = json!({
            "pages": found.pages.pages(), "objects": found.pages.results,
            "announced": found.pages.announced(), "bad": found.bad, "ignored": found.ignored,
            "id_files": found.ids.pages(), "ids": found.ids.results,
            "complete": complete.is_ok(), "incomplete_because": complete.err(),
        });
        (collection.name().to_owned(), entry)
    });
    json!({
        "mode": mode(report),
        "compressed_bytes": compressed,
        "expanded_bytes": report.totals.expanded_bytes,
        "ratio": ratio(compressed, report),
        "entries": report.totals.entries,
        "ignored_entries": report.totals.ignored,
        "collections": Value::Object(collections.into_iter().collect()),
        "surveys": {
            "total": report.surveys, "empty": report.empty_surveys, "bad": report.bad_surveys,
            "templates_with_survey": contents.templates_with_survey, "questions": contents.questions,
        },
        "warnings": report.warnings.first,
        "warning_count": report.warnings.count,
    })
}
