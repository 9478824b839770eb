//! Publishes everything that a journal holds once more, to a broker that does not have it: a new one, or one whose log is
//! lost.
//!
//! Streams come one after the other, each in order. Whoever consumes them recognises what it has.

use std::sync::Arc;

use contracts::Envelope;
use msgqueue::{BrokerError, EventEmitter};
use persistence::{CommitKey, Journal, StoreError};
use thiserror::Error;

/// Commits that are read together, and envelopes that are published together.
const COMMITS: usize = 500;
const ENVELOPES: usize = 1_000;

#[derive(Debug, Error)]
pub enum RepublishError {
    #[error("the journal is damaged, see `myevents verify`: {0}")]
    Damaged(String),
    #[error("the store fails: {0}")]
    Store(#[from] StoreError),
    #[error("the broker fails: {0}")]
    Broker(#[from] BrokerError),
}

/// Returns how many envelopes they were, when the broker has confirmed all of them. Told is how many more there are.
///
/// # Errors
/// [`RepublishError`]. A part may be published by then; to publish it again does no harm.
pub async fn republish(
    journal: &dyn Journal,
    emitter: &dyn EventEmitter,
    seen: &(dyn Fn(u64) + Sync),
) -> Result<u64, RepublishError> {
    let mut published = 0;
    let mut after = None;
    loop {
        let (page, last) = read_page(journal, after.as_ref()).await?;
        for batch in page.chunks(ENVELOPES) {
            emitter.emit(batch).await?;
            published += batch.len() as u64;
            seen(batch.len() as u64);
        }
        match last {
            Some(last) => after = Some(last),
            None => return Ok(published),
        }
    }
}

/// The envelopes of the commits behind `after`, and the key of the last one; none at the end.
async fn read_page(
    journal: &dyn Journal,
    after: Option<&CommitKey>,
) -> Result<(Vec<Arc<Envelope>>, Option<CommitKey>), RepublishError> {
    let walked = journal.walk(after, COMMITS).await?;
    let mut envelopes = Vec::with_capacity(walked.len());
    let mut last = None;
    for found in walked {
        envelopes.extend(found.commit.map_err(RepublishError::Damaged)?.envelopes);
        last = found.key;
    }
    Ok((envelopes, last))
}
