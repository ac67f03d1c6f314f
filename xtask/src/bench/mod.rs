//! `bench`: measures what we promise to measure, on this machine, against the least that it could cost here.

mod api;
mod binaries;
mod copy;
mod database;
mod events;
mod export;
mod machine;
mod manifest;
mod outcome;
mod reader;
mod rig;
mod rounds;
mod series;
mod timings;
mod tower;

use std::{fs, io::stdout, path::Path, process::ExitCode};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use self::outcome::Outcome;
use crate::{
    progress::{Progress, write_line},
    table::colour_on_stdout,
    workspace::Workspace,
};

/// `cargo xtask bench`
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Which part; all when none is named
    part: Option<Part>,
    /// Timed runs of each measure, after one to warm up
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// How much of the whole, for a quick trial: the bars are for 1
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    scale: f64,
    /// Leave out other sizes than the whole
    #[arg(long)]
    no_growth: bool,
    /// Let the server log statements with their plans and times; everything takes a little longer then
    #[arg(long)]
    explain: bool,
    /// Fail when a bar is not met
    #[arg(long)]
    check: bool,
}

impl Options {
    /// What a number is, and what it is of.
    fn describe(&self) -> String {
        let slowed = if self.explain { "; slowed down by --explain" } else { "" };
        format!("median of {} after one to warm up{slowed}", self.runs)
    }

    fn report(&self, outcome: &mut Outcome) {
        outcome.fact("scale", json!(self.scale));
        outcome.fact("runs", json!(self.runs));
        outcome.fact("explained", json!(self.explain));
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Refreshes of a Tower, through the function
    Tower,
    /// Imports of a manifest, through the function
    Manifest,
    /// Requests over HTTP and exports of a manifest, through the functions
    Api,
    /// Publishing events, and what telling costs an import
    Events,
}

impl Part {
    const ALL: [Self; 4] = [Self::Tower, Self::Manifest, Self::Api, Self::Events];

    /// Its key in `bench.json`.
    fn name(self) -> &'static str {
        match self {
            Self::Tower => "tower",
            Self::Manifest => "manifest",
            Self::Api => "api",
            Self::Events => "events",
        }
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    }
}

/// Measures, prints a table and writes `target/bench.json`. Fails for a bar that is not met only with `--check`.
pub async fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let progress = Progress::stderr();
    let file = workspace.target("bench.json");
    let mut all_met = true;
    for part in Part::ALL.into_iter().filter(|part| options.part.is_none_or(|wanted| wanted == *part)) {
        let outcome = match part {
            Part::Tower => tower::measure(workspace, options, progress).await?,
            Part::Manifest => manifest::measure(workspace, options, progress).await?,
            Part::Api => api::measure(workspace, options, progress).await?,
            Part::Events => events::measure(workspace, options, progress).await?,
        };
        write_line(stdout(), &outcome.render(colour_on_stdout()));
        keep(&file, part, &outcome)?;
        all_met &= outcome.all_met();
    }
    progress.note(&format!("the numbers are in {}", workspace.shown(&file)));
    Ok(if all_met || !options.check { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes a part's numbers beside those of the other parts.
fn keep(file: &Path, part: Part, outcome: &Outcome) -> Result<()> {
    let before = fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let mut parts: Map<String, Value> = before.unwrap_or_default();
    parts.insert(part.name().to_owned(), outcome.as_json());
    let text = format!("{:#}\n", Value::Object(parts));
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
