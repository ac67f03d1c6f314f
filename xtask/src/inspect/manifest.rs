//! Manifests and data bundles, read as an import reads them.

mod findings;
mod rows;
mod signature;
mod text;

use std::{
    io::{stderr, stdout},
    process::ExitCode,
};

use anyhow::Result;
use bytes::Bytes;
use longshore::{
    archive::Limits,
    clock::Clock,
    failure::Chain,
    manifest::{ManifestError, read::Export},
};
use serde_json::json;

use self::findings::Findings;
use super::{Options, Refused};
use crate::{progress::write_line, table::colour_on_stdout};

/// Prints what a manifest holds. Fails with code 1 when an import would refuse it, whatever the database holds.
pub fn run(archive: Bytes, options: &Options) -> Result<ExitCode> {
    let findings = match open(archive.clone()) {
        Ok(export) => Findings::of(&export, archive.len(), options, Clock::system().now())?,
        Err(refused) => {
            match options.json {
                true => write_line(stdout(), &format!("{:#}", json!({"refused": refused}))),
                false => write_line(stderr(), &refused.to_string()),
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    if options.json {
        write_line(stdout(), &serde_json::to_string_pretty(&findings)?);
    } else {
        write_line(stdout(), &text::show(&findings, options.all, colour_on_stdout()));
        if let Some(refused) = &findings.refused {
            write_line(stderr(), &format!("\n{refused}"));
        }
    }
    Ok(if findings.refused.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open(archive: Bytes) -> Result<Export, Refused> {
    let limits = Limits::for_manifests();
    Refused::check_size(&archive, &limits)?;
    Export::open(archive, &limits).map_err(|error: ManifestError| Refused::new(&error, Chain(&error).to_string()))
}

#[cfg(test)]
mod tests;
