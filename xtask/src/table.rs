//! Tables for a terminal: aligned, numbers with separators, coloured where somebody looks at them.

use std::io::IsTerminal;

/// What a cell says about what it shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Tone {
    #[default]
    Plain,
    Good,
    Bad,
    Dim,
}

/// A text, and how it is shown.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// In green.
    pub fn good(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Good }
    }

    /// In red.
    pub fn bad(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Bad }
    }

    /// Less visible than others.
    pub fn dim(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Dim }
    }

    /// A number, less visible when it is 0.
    pub fn count(number: u64) -> Self {
        Self { text: thousands(number), tone: if number == 0 { Tone::Dim } else { Tone::Plain } }
    }

    /// The text in `width` columns.
    fn show(&self, width: usize, right: bool, colour: bool) -> String {
        let padding = " ".repeat(width.saturating_sub(self.text.chars().count()));
        let text = match (colour, self.tone) {
            (true, Tone::Good) => format!("\x1b[32m{}\x1b[0m", self.text),
            (true, Tone::Bad) => format!("\x1b[31m{}\x1b[0m", self.text),
            (true, Tone::Dim) => format!("\x1b[2m{}\x1b[0m", self.text),
            _ => self.text.clone(),
        };
        if right { padding + &text } else { text + &padding }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }
}

/// Rows under a head.
#[derive(Debug, Clone)]
pub struct Table {
    head: Vec<(Cell, bool)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// The heads of the columns; one that begins with `>` is for numbers, which stand on the right.
    pub fn new(head: &[&str]) -> Self {
        let head = head.iter().map(|name| match name.strip_prefix('>') {
            Some(name) => (Cell::dim(name), true),
            None => (Cell::dim(*name), false),
        });
        Self { head: head.collect(), rows: Vec::new() }
    }

    /// Adds a row, a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table, without a line break at its end.
    pub fn render(&self, colour: bool) -> String {
        self.lines(colour).join("\n")
    }

    /// The table without its head, which nobody needs where the first column names what is in the second.
    pub fn render_rows(&self, colour: bool) -> String {
        self.lines(colour).split_off(1).join("\n")
    }

    fn lines(&self, colour: bool) -> Vec<String> {
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                let cells = cells.chain(self.head.get(column).map(|(head, _)| head));
                cells.map(|cell| cell.text.chars().count()).max().unwrap_or_default()
            })
            .collect();
        let line = |cells: &mut dyn Iterator<Item = &Cell>| {
            let columns = widths.iter().zip(&self.head).zip(cells);
            let shown: Vec<String> =
                columns.map(|((width, (_, right)), cell)| cell.show(*width, *right, colour)).collect();
            shown.join("  ").trim_end().to_owned()
        };
        let head = line(&mut self.head.iter().map(|(head, _)| head));
        let rows = self.rows.iter().map(|row| line(&mut row.iter()));
        std::iter::once(head).chain(rows).collect()
    }
}

/// Whether stdout is to be coloured: it is a terminal, and nobody has asked for plain text (<https://no-color.org>).
pub fn colour_on_stdout() -> bool {
    std::io::stdout().is_terminal() && !crate::progress::colour_unwanted()
}

/// A text in a column of a table that fits on most terminals.
pub fn shortened(text: &str) -> String {
    const WIDTH: usize = 36;
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// `1,234,567`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 product`, `2,000 products`
pub fn counted(number: u64, name: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {name}{plural}", thousands(number))
}

/// A size in the unit that a person would choose.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_on_the_right_and_colour_does_not_move_them() {
        let mut table = Table::new(&["name", ">count"]);
        table.row(["a".into(), Cell::count(1_234)]);
        table.row([Cell::bad("łong"), Cell::count(0)]);
        assert_eq!(table.render(false), "name  count\na     1,234\nłong      0");
        let coloured = table.render(true);
        let plain = ["\x1b[0m", "\x1b[2m", "\x1b[31m"].iter().fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(plain, table.render(false));
    }

    #[test]
    fn thousands_are_separated() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(thousands(number), text);
        }
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(3 << 20), "3.0 MiB");
    }
}
