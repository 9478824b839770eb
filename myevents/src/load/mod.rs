//! `myevents load`: lets visitors browse, book and cancel at a running platform, as fast as it can or at a given rate, tells
//! how it did, and then checks from outside that nothing was oversold and nothing lost.
//!
//! It knows the platform by its HTTP API only. It must not look into stores or brokers.

mod check;
mod clients;
mod html;
mod options;
mod pace;
mod plots;
pub(crate) mod report;
mod summary;
mod tally;
mod targets;
mod timeline;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use thiserror::Error;

pub(crate) use options::Options;

use crate::api::{Api, ApiError};
use check::Difference;
use summary::Summary;

use crate::output;

const PROVEN: &str = "nothing oversold, nothing lost";

#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error("{0} is not this machine; add --allow-remote if you really want to load it")]
    Remote(String),
    #[error("what is read of event {0} has not caught up in time")]
    Behind(String),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    Difference(#[from] Difference),
    #[error("latencies cannot be recorded: {0}")]
    Histogram(#[from] hdrhistogram::CreationError),
    #[error("a client ended early: {0}")]
    Client(#[from] tokio::task::JoinError),
    #[error("the report cannot be written to `{file}`: {cause}")]
    Report {
        file: PathBuf,
        cause: Box<dyn std::error::Error>,
    },
}

pub(crate) async fn run(options: Options) -> Result<(), LoadError> {
    let api = Api::open(&options.url, options.connections)?;
    if !api.is_on_this_machine() && !options.allow_remote {
        return Err(LoadError::Remote(options.url));
    }
    // Nobody wants to hear of that when it is over.
    for file in [&options.json, &options.html].into_iter().flatten() {
        write_to(file, Ok(String::new()))?;
    }
    let seed = options.seed.unwrap_or_else(rand::random);
    let targets = targets::prepare(&api, &options).await?;
    output::print(&report::heading(&options, &targets, seed));
    let started = Timestamp::now();
    let ran = clients::run(&api, &options, &targets, seed).await?;
    let events = ran.tally.events.clone();
    let mut summary = Summary::of(&options, targets.len(), seed, started, ran);
    output::print(&report::results(&summary));
    let checked = check::check(&api, &targets, &events).await;
    summary.verdict = checked
        .as_ref()
        .map_or_else(ToString::to_string, |()| PROVEN.to_owned());
    write(&options, &summary)?;
    checked?;
    output::print(PROVEN);
    Ok(())
}

/// The reports that are asked for.
fn write(options: &Options, summary: &Summary) -> Result<(), LoadError> {
    if let Some(file) = &options.json {
        let json = serde_json::to_string_pretty(summary).map_err(Into::into);
        write_to(file, json)?;
    }
    if let Some(file) = &options.html {
        write_to(file, html::page(summary))?;
    }
    Ok(())
}

fn write_to(file: &Path, text: Result<String, Box<dyn std::error::Error>>) -> Result<(), LoadError> {
    let written = text.and_then(|text| Ok(std::fs::write(file, text)?));
    let failed = |cause| LoadError::Report {
        file: file.to_owned(),
        cause,
    };
    written.map_err(failed)
}
