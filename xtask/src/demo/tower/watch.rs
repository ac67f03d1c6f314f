//! What a refresh is doing at the moment, as the database sees it.

use std::{
    io::{IsTerminal, Write, stderr},
    pin::pin,
    time::{Duration, Instant},
};

use tokio::time::{MissedTickBehavior, interval};
use tokio_postgres::Client;

use crate::progress::write_line;

const LOOK: Duration = Duration::from_millis(25);
const FRAMES: [&str; 8] = ["⠋", "⠙", "⠸", "⠴", "⠦", "⠇", "⠏", "⠛"];

/// The statement that a function's session runs, or ran last.
const STATEMENT: &str = "SELECT coalesce(max(query) FILTER (WHERE xact_start IS NOT NULL), '') FROM pg_stat_activity
                         WHERE application_name = 'longshore' AND datname = current_database()";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Downloading,
    Reading,
    Merging,
}

impl Phase {
    /// Reading copies rows into the staging tables, merging reads them; what comes before knows neither.
    fn of(statement: &str) -> Self {
        match statement.trim_start() {
            copy if copy.starts_with("COPY") => Self::Reading,
            merge if merge.contains("staged_") => Self::Merging,
            _ => Self::Downloading,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Downloading => "downloading",
            Self::Reading => "reading",
            Self::Merging => "merging",
        }
    }
}

/// Waits for `work`. Meanwhile shows on stderr what the function is doing: on a terminal a line that moves and goes
/// away, elsewhere a line for each phase that is seen.
pub async fn shown_while<T>(client: &Client, work: impl Future<Output = T>) -> T {
    let mut line = Line { terminal: stderr().is_terminal(), begun: Instant::now(), phase: None, frame: 0 };
    let mut work = pin!(work);
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            outcome = &mut work => {
                line.clear();
                return outcome;
            }
            _ = looks.tick() => line.show(client).await,
        }
    }
}

/// The line that shows the phase.
struct Line {
    terminal: bool,
    begun: Instant,
    phase: Option<Phase>,
    frame: usize,
}

impl Line {
    /// A look that fails shows nothing new: this is not what the demo is about.
    async fn show(&mut self, client: &Client) {
        let seen = match client.query_one(STATEMENT, &[]).await {
            Ok(row) => Phase::of(row.get(0)),
            Err(_) => return,
        };
        // After the last statement nothing is seen: a phase never goes back.
        let phase = self.phase.map_or(seen, |before| before.max(seen));
        let changed = self.phase.replace(phase) != Some(phase);
        if self.terminal {
            self.frame = (self.frame + 1) % FRAMES.len();
            let seconds = self.begun.elapsed().as_secs_f64();
            let _ = write!(stderr(), "\r\x1b[K{} {} {seconds:.1} s", FRAMES[self.frame], phase.name());
            let _ = stderr().flush();
        } else if changed {
            write_line(stderr(), &format!("  {}", phase.name()));
        }
    }

    fn clear(&self) {
        if self.terminal {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
