//! Proves that what is stored is right: a journal or an exported log by itself, and views against the log.
//!
//! What every journal has to keep is known here: versions without gaps, whole commits, an unbroken hash chain, payloads
//! that can be read. What one service's journal has to keep is that service's own [`Audit`].

mod chain;
mod file;
mod journal;
mod log;
mod meeting;
mod replay;
mod scratch;
mod views;
mod words;

use std::error::Error;

use contracts::StreamId;
use msgqueue::BrokerError;
use persistence::StoreError;
use thiserror::Error;

pub use file::{FileReport, audit_file};
pub use journal::{JournalReport, audit_journal};
pub use log::Heads;
pub use meeting::Unsettled;
pub use views::{ViewReport, ViewsReport, ViewsStep, audit_views};

use crate::recorded::Recorded;
use crate::service::StartError;
use replay::ReplayError;

/// How an envelope breaks a service's rules.
pub type Violation = Box<dyn Error + Send + Sync>;

/// A service's rules about what may follow what, to be written without the code that decides: a fault of either is seen
/// by the other.
pub trait Audit: Send {
    /// Takes in the next envelope of its stream. Streams come in any order.
    fn take_in(&mut self, recorded: &Recorded) -> Result<(), Violation>;

    /// Nothing more comes of this stream.
    fn leave(&mut self, stream: &StreamId);

    /// What it has counted, for people.
    fn counts(&self) -> Vec<(&'static str, u64)>;
}

/// The first thing that is not as it has to be.
#[derive(Debug, Error)]
pub enum Difference {
    #[error(transparent)]
    InStream(#[from] Fault),
    /// In a file of exported envelopes.
    #[error("line {line}: {what}")]
    InLine { line: u64, what: String },
    #[error("the journal: {what}")]
    InJournal { what: String },
    #[error("the log: {what}")]
    InLog { what: String },
    #[error("view `{view}`, document `{id}`: {what}")]
    InView { view: String, id: String, what: String },
    #[error("view `{view}`: {what}")]
    Unreadable { view: String, what: String },
}

/// Where a stream is not as it has to be.
#[derive(Debug, Error)]
#[error("stream {stream}, version {version}: {rule}")]
pub struct Fault {
    pub stream: StreamId,
    pub version: u64,
    pub rule: String,
}

#[derive(Debug, Error)]
pub enum AuditError {
    #[error("the first difference: {0}")]
    Difference(#[from] Difference),
    #[error("another verification of the {0} service is at work")]
    AtWork(&'static str),
    #[error("the journal cannot be read: {cause}{}", behind(after))]
    Journal {
        after: Option<(StreamId, u64)>,
        cause: StoreError,
    },
    #[error("the store fails: {0}")]
    Store(#[from] StoreError),
    #[error("the broker fails: {0}")]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Unfit(#[from] StartError),
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("it was interrupted")]
    Interrupted,
    #[error("the log cannot be replayed: {0}")]
    Replay(Violation),
    #[error("the file cannot be read: {0}")]
    File(std::io::Error),
    #[error("`{folder}` cannot be used for the replay: {cause}")]
    Folder {
        folder: String,
        cause: Box<dyn Error + Send + Sync>,
    },
}

impl From<ReplayError> for AuditError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Difference(difference) => difference.into(),
            error => Self::Replay(error.into()),
        }
    }
}

fn behind(after: &Option<(StreamId, u64)>) -> String {
    match after {
        Some((stream, version)) => format!("; the fault is behind stream {stream}, version {version}"),
        None => "; the fault is at its beginning".to_owned(),
    }
}

impl Fault {
    pub(crate) fn new(stream: &StreamId, version: u64, rule: impl Into<String>) -> Self {
        Self {
            stream: stream.clone(),
            version,
            rule: rule.into(),
        }
    }
}
