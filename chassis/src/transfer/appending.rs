//! Commits that are appended to another journal as they are: those of a stream in order, streams side by side so that they
//! share the disk's syncs.

use std::collections::HashMap;
use std::sync::Arc;

use contracts::{Hash, StreamId};
use futures::{StreamExt, TryStreamExt, stream};
use persistence::{AppendError, Commit, Journal, StoreError};
use tokio::time::sleep;

use crate::relay::backoff;

/// Streams that are appended to at the same time.
const STREAMS: usize = 256;

/// How often a commit is tried where the store fails.
const ATTEMPTS: u32 = 5;

/// The commits of one stream that wait, each with the hash that it follows.
type Waiting = Vec<(Hash, Commit)>;

pub(super) struct Appending {
    journal: Arc<dyn Journal>,
    waiting: HashMap<StreamId, Waiting>,
    /// In all that wait.
    pub(super) envelopes: usize,
}

/// How much was appended.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Appended {
    pub(super) commits: u64,
    pub(super) envelopes: u64,
}

impl Appending {
    pub(super) fn to(journal: Arc<dyn Journal>) -> Self {
        Self {
            journal,
            waiting: HashMap::new(),
            envelopes: 0,
        }
    }

    pub(super) fn add(&mut self, previous: Hash, commit: Commit) {
        let Some(stream) = commit.envelopes.first().map(|first| first.stream.clone()) else {
            return;
        };
        self.envelopes += commit.envelopes.len();
        self.waiting.entry(stream).or_default().push((previous, commit));
    }

    /// Appends what waits.
    pub(super) async fn flush(&mut self) -> Result<Appended, AppendError> {
        self.envelopes = 0;
        let journal = &self.journal;
        let appends = self.waiting.drain().map(|(_, commits)| append(journal, commits));
        let mut appends = stream::iter(appends).buffer_unordered(STREAMS);
        let mut all = Appended::default();
        while let Some(one) = appends.try_next().await? {
            all.commits += one.commits;
            all.envelopes += one.envelopes;
        }
        Ok(all)
    }
}

async fn append(journal: &Arc<dyn Journal>, commits: Waiting) -> Result<Appended, AppendError> {
    let mut appended = Appended::default();
    for (previous, commit) in commits {
        appended.commits += 1;
        appended.envelopes += commit.envelopes.len() as u64;
        append_one(journal, previous, &commit).await?;
    }
    Ok(appended)
}

/// The journal knows its own commit again, so what may have been written is simply written once more.
async fn append_one(journal: &Arc<dyn Journal>, previous: Hash, commit: &Commit) -> Result<(), AppendError> {
    for failures in 1..ATTEMPTS {
        match journal.append(previous, commit).await {
            Err(AppendError::Store(StoreError::Unknown(_) | StoreError::Unavailable(_))) => {
                sleep(backoff(failures)).await
            }
            outcome => return outcome,
        }
    }
    journal.append(previous, commit).await
}
