//! `myevents load`: books seats of a running platform as fast as it can or at a given rate, tells how it did, and then
//! checks from outside that nothing was oversold and nothing lost.
//!
//! It knows the platform by its HTTP API only. It must not look into stores or brokers.

mod check;
mod clients;
mod options;
mod pace;
pub(crate) mod report;
mod tally;
mod targets;

use thiserror::Error;

pub(crate) use options::Options;

use crate::api::{Api, ApiError};
use check::Difference;

use crate::output;

#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error("{0} is not this machine; add --allow-remote if you really want to load it")]
    Remote(String),
    #[error("event {0} did not open for booking in time")]
    NotOpened(String),
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
}

pub(crate) async fn run(options: Options) -> Result<(), LoadError> {
    let api = Api::open(&options.url, options.connections)?;
    if !api.is_on_this_machine() && !options.allow_remote {
        return Err(LoadError::Remote(options.url));
    }
    let seed = options.seed.unwrap_or_else(rand::random);
    let targets = targets::prepare(&api, &options).await?;
    output::print(&report::heading(&options, &targets, seed));
    let ran = clients::run(&api, &options, &targets, seed).await?;
    output::print(&report::results(&options, &ran));
    check::check(&api, &targets, &ran.tally).await?;
    output::print("nothing oversold, nothing lost");
    Ok(())
}
