//! Findings for a person: short things first, then lists.

use super::{
    findings::Findings,
    rows::{Certificate, Content, Product, Subscription},
    signature::{Signature, State},
};
use crate::table::{Cell, Table, counted, size, thousands};

/// Rows of a list that are shown unless all are asked for.
const SHOWN: usize = 20;

/// The findings as text, without a line break at the end.
pub fn show(findings: &Findings, all: bool, colour: bool) -> String {
    let show = Show { rows: if all { usize::MAX } else { SHOWN }, colour };
    let lists = &findings.lists;
    let parts = [
        first_line(findings),
        show.facts(findings),
        show.list("subscription", &lists.subscriptions, &SUBSCRIPTION, subscription),
        show.list("product", &lists.products, &PRODUCT, product),
        show.list("content set", &lists.content, &CONTENT, content),
        show.list("certificate", &lists.certificates, &CERTIFICATE, certificate),
        show.warnings(findings),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

struct Show {
    rows: usize,
    colour: bool,
}

fn first_line(findings: &Findings) -> String {
    let Findings { kind, compressed_bytes: packed, expanded_bytes: expanded, files, .. } = findings;
    let ratio = *expanded as f64 / (*packed).max(1) as f64;
    let files = thousands(*files as u64);
    format!("{kind}, {} expanding to {} ({ratio:.1} : 1), {files} files", size(*packed), size(*expanded))
}

impl Show {
    /// What there is one of.
    fn facts(&self, findings: &Findings) -> String {
        let from = &findings.from;
        let rows = [
            ("consumer", joined([from.consumer_name.as_deref(), parenthesised(&from.consumer_type).as_deref()])),
            ("uuid", plain(&from.consumer_uuid)),
            ("content access", plain(&from.content_access_mode)),
            ("web pages", plain(&from.url_web)),
            ("API", plain(&from.url_api)),
            ("made", made(findings)),
            ("CDN", cdn(findings)),
            ("rules", plain(&findings.rules_version)),
            ("consumer types", list(&findings.consumer_types)),
            ("distributors", list(&findings.distributor_versions)),
            ("signature", signature(&findings.signature)),
        ];
        let mut table = Table::new(&["", ""]);
        rows.into_iter().for_each(|(name, cell)| table.row([Cell::dim(name), cell]));
        table.render_rows(self.colour)
    }

    /// The first rows of a list under its name, and how many more there are.
    fn list<T>(&self, name: &str, rows: &[T], head: &[&str], cells: fn(&T) -> Vec<Cell>) -> String {
        let heading = self.heading(&counted(rows.len() as u64, name));
        if rows.is_empty() {
            return heading;
        }
        let mut table = Table::new(head);
        rows.iter().take(self.rows).for_each(|row| table.row(cells(row)));
        format!(
            "{heading}\n{}{}",
            table.render(self.colour),
            more(rows.len().saturating_sub(self.rows) as u64, "--all shows them")
        )
    }

    fn warnings(&self, findings: &Findings) -> String {
        if findings.warning_count == 0 {
            return String::new();
        }
        let mut table = Table::new(&["what", ">times", "where"]);
        let mut told = 0;
        for warning in findings.warnings.iter().take(self.rows) {
            told += warning.count;
            table.row([warning.what.as_str().into(), Cell::count(warning.count), warning.place.as_str().into()]);
        }
        let heading = self.heading(&counted(findings.warning_count, "warning"));
        format!("{heading}\n{}{}", table.render(self.colour), more(findings.warning_count.saturating_sub(told), ""))
    }

    fn heading(&self, text: &str) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn more(number: u64, how: &str) -> String {
    match number {
        0 => String::new(),
        _ if how.is_empty() => format!("\nand {} more", thousands(number)),
        _ => format!("\nand {} more; {how}", thousands(number)),
    }
}

fn made(findings: &Findings) -> Cell {
    let from = &findings.from;
    let by = from.principal.as_ref().map(|name| format!("by {name}"));
    // Exporters of the first years, and data bundles, say nothing of use.
    let version = from.exporter_version.as_deref().filter(|version| *version != "0.0.0");
    let version = version.map(|version| match findings.kind {
        "manifest" => format!("with Candlepin {version}"),
        _ => format!("in version {version} of the format"),
    });
    let created = from.created.as_deref().map(|moment| moment.replace('T', " ").replace('Z', " UTC"));
    joined([created.as_deref(), by.as_deref(), version.as_deref()])
}

/// The one that was asked for, and those that there are.
fn cdn(findings: &Findings) -> Cell {
    let chosen = findings.from.cdn_label.as_deref();
    let known = findings.cdns.iter().map(|cdn| match chosen == Some(cdn.label.as_str()) {
        true => format!("{} ({}), chosen", cdn.label, cdn.url),
        false => format!("{} ({})", cdn.label, cdn.url),
    });
    let missing = chosen.filter(|label| findings.cdns.iter().all(|cdn| cdn.label != *label));
    let missing = missing.map(|label| format!("{label}, chosen, not described here"));
    list(&known.chain(missing).collect::<Vec<_>>())
}

fn signature(signature: &Signature) -> Cell {
    let Signature { state, detail, scheme } = signature;
    let scheme = scheme.as_ref().map(|claim| format!("; scheme {}, {}", claim.name, claim.algorithm));
    let scheme = scheme.filter(|_| *state != State::Good).unwrap_or_default();
    match state {
        State::Good => Cell::good(format!("good: {detail}")),
        State::Bad => Cell::bad(format!("bad: {detail}{scheme}")),
        State::Missing => Cell::bad(detail),
        State::Unchecked => format!("not checked: {detail}{scheme}").into(),
    }
}

const SUBSCRIPTION: [&str; 10] =
    ["product", "name", ">quantity", "from", "until", "contract", "order", ">provides", "certificate", "upstream pool"];

fn subscription(row: &Subscription) -> Vec<Cell> {
    vec![
        row.product.as_str().into(),
        shortened(&row.name),
        row.quantity.map_or_else(none, number),
        day(&row.from, false),
        day(&row.until, row.expired),
        plain(&row.contract),
        plain(&row.order),
        Cell::count(row.provided_products as u64),
        plain(&row.certificate),
        plain(&row.upstream_pool),
    ]
}

const PRODUCT: [&str; 6] = ["id", "name", ">content sets", ">attributes", ">provides", "for guests"];

fn product(row: &Product) -> Vec<Cell> {
    vec![
        row.id.as_str().into(),
        shortened(&row.name),
        Cell::count(row.content_sets as u64),
        Cell::count(row.attributes as u64),
        Cell::count(row.provided_products as u64),
        plain(&row.derived_product),
    ]
}

const CONTENT: [&str; 5] = ["id", "type", "label", ">products", "path"];

fn content(row: &Content) -> Vec<Cell> {
    let id = row.id.as_str().into();
    vec![id, plain(&row.kind), plain(&row.label), Cell::count(row.products as u64), plain(&row.url)]
}

const CERTIFICATE: [&str; 5] = ["expires", "of", "serial", "common name", "for"];

fn certificate(row: &Certificate) -> Vec<Cell> {
    let expires = day(&Some(row.expires.clone()), row.expired);
    vec![expires, row.of.into(), row.serial.as_str().into(), plain(&row.common_name), plain(&row.product)]
}

fn none() -> Cell {
    Cell::dim("-")
}

fn number(number: i64) -> Cell {
    u64::try_from(number).map_or_else(|_| number.to_string().into(), Cell::count)
}

fn plain(text: &Option<String>) -> Cell {
    text.as_deref().map_or_else(none, Into::into)
}

fn shortened(text: &Option<String>) -> Cell {
    text.as_deref().map_or_else(none, |text| crate::table::shortened(text).into())
}

fn parenthesised(text: &Option<String>) -> Option<String> {
    text.as_ref().map(|text| format!("({text})"))
}

fn joined<const N: usize>(parts: [Option<&str>; N]) -> Cell {
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    if parts.is_empty() { none() } else { parts.join(" ").into() }
}

fn list(names: &[String]) -> Cell {
    if names.is_empty() { none() } else { names.join(", ").into() }
}

/// The day alone; what is over in red.
fn day(moment: &Option<String>, over: bool) -> Cell {
    let Some(day) = moment.as_deref().map(|moment| moment.split('T').next().unwrap_or(moment)) else { return none() };
    if over { Cell::bad(format!("{day} expired")) } else { day.into() }
}
