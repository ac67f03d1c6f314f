//! What is being done, a line each, on stderr: stdout is for results.

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

/// Where lines go.
#[derive(Debug, Clone, Copy)]
enum Sink {
    Stderr {
        colour: bool,
    },
    /// To the process that started this one in the background, which shows them.
    Relay,
}

/// Tells a person what has been done.
#[derive(Debug, Clone, Copy)]
pub struct Progress(Sink);

/// How a line of [`Progress::relay`] begins, by its kind.
const DONE: &str = "done\t";
const NOTE: &str = "note\t";

impl Progress {
    /// To stderr, in colour when that is a terminal.
    pub fn stderr() -> Self {
        Self(Sink::Stderr { colour: colour_on_stderr() })
    }

    /// To the process that started this one, see [`Self::show_relayed`].
    pub fn relay() -> Self {
        Self(Sink::Relay)
    }

    /// A step is done: what it was, what came out, how long it took.
    pub fn done(self, what: &str, result: &str, took: Duration) {
        self.show_done(what, result, &format!("{:.2} s", took.as_secs_f64()));
    }

    /// Something takes long, or a person should know it.
    pub fn note(self, text: &str) {
        match self.0 {
            Sink::Stderr { colour: true } => write_line(std::io::stderr(), &format!("  \x1b[2m{text}\x1b[0m")),
            Sink::Stderr { colour: false } => write_line(std::io::stderr(), &format!("  {text}")),
            Sink::Relay => write_line(std::io::stdout(), &format!("{NOTE}{text}")),
        }
    }

    /// Shows a line that a [`Self::relay`] of another process wrote. `false` when it is none.
    pub fn show_relayed(self, line: &str) -> bool {
        if let Some(text) = line.strip_prefix(NOTE) {
            self.note(text);
            return true;
        }
        let parts: Vec<&str> = line.strip_prefix(DONE).unwrap_or_default().split('\t').collect();
        let [what, result, took] = parts[..] else { return false };
        self.show_done(what, result, took);
        true
    }

    fn show_done(self, what: &str, result: &str, took: &str) {
        match self.0 {
            Sink::Stderr { colour: true } => {
                write_line(std::io::stderr(), &format!("\x1b[32m✓\x1b[0m {what:<14} {result}  \x1b[2m{took}\x1b[0m"));
            }
            Sink::Stderr { colour: false } => write_line(std::io::stderr(), &format!("✓ {what:<14} {result}  {took}")),
            Sink::Relay => write_line(std::io::stdout(), &format!("{DONE}{what}\t{result}\t{took}")),
        }
    }
}

/// Writes a line to stdout or stderr. Whoever read it may be gone, which is no reason to stop.
pub fn write_line(mut stream: impl Write, line: &str) {
    let _ = writeln!(stream, "{line}").and_then(|()| stream.flush());
}

/// Whether stderr is to be coloured.
pub fn colour_on_stderr() -> bool {
    std::io::stderr().is_terminal() && !colour_unwanted()
}

/// <https://no-color.org>
pub fn colour_unwanted() -> bool {
    #[expect(clippy::disallowed_methods, reason = "a convention among command-line programs, not a setting of ours")]
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
