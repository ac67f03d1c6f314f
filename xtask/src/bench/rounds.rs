//! Rounds: everything that is measured takes turns, so that whatever slows the machine down for a while slows all of it.

use anyhow::Result;

use crate::progress::Progress;

/// What is measured round by round.
pub(super) trait Rounds {
    /// What the first round, which does not count, has shown.
    const WARMED_UP: &'static str;

    /// How many sizes there are. The whole is the first.
    fn sizes(&self) -> usize;

    /// The floor of one size, and what comes first of all.
    async fn first(&mut self, size: usize, counts: bool) -> Result<()>;

    /// What comes after that of the whole.
    async fn later(&mut self, counts: bool) -> Result<()>;

    /// What the last round has shown.
    fn last_round(&self) -> String;
}

/// One round to warm up, then `runs` that count.
pub(super) async fn run<R: Rounds>(bench: &mut R, runs: u32, progress: Progress) -> Result<()> {
    for round in 0..=runs {
        let counts = round > 0;
        for size in 0..bench.sizes() {
            bench.first(size, counts).await?;
            if size == 0 {
                bench.later(counts).await?;
            }
        }
        if counts {
            progress.note(&format!("run {round} of {runs}: {}", bench.last_round()));
        } else {
            progress.note(R::WARMED_UP);
        }
    }
    Ok(())
}
