//! A journal that never says that another writer was first: what selling without the conflict check would be like.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::{CommitBounds, Hash, StreamId};
use persistence::{AppendError, Commit, CommitKey, Journal, StoreError, Walked};

pub(super) struct HeedlessJournal {
    journal: Arc<dyn Journal>,
}

impl HeedlessJournal {
    pub(super) fn before(journal: Arc<dyn Journal>) -> Self {
        Self { journal }
    }

    /// What was decided, behind whatever there is by now.
    async fn moved(&self, commit: &Commit) -> Result<(Hash, Commit), AppendError> {
        let mut moved = commit.clone();
        let Some(stream) = commit.envelopes.first().map(|first| first.stream.clone()) else {
            return Ok((Hash::GENESIS, moved));
        };
        let commits = self.journal.read(&stream, 0, usize::MAX).await?;
        let last = commits.last().and_then(|commit| commit.envelopes.last());
        let head = last.map_or((0, Hash::GENESIS), |last| (last.version, last.hash));
        let bounds = CommitBounds {
            first: head.0 + 1,
            last: head.0 + commit.envelopes.len() as u64,
        };
        let mut previous = head.1;
        for (envelope, version) in moved.envelopes.iter_mut().zip(bounds.first..) {
            let envelope = Arc::make_mut(envelope);
            envelope.version = version;
            envelope.commit = bounds;
            envelope.seal_behind(&previous);
            previous = envelope.hash;
        }
        Ok((head.1, moved))
    }
}

#[async_trait]
impl Journal for HeedlessJournal {
    async fn append(&self, previous: Hash, commit: &Commit) -> Result<(), AppendError> {
        let mut outcome = self.journal.append(previous, commit).await;
        while matches!(outcome, Err(AppendError::Conflict { .. })) {
            let (previous, moved) = self.moved(commit).await?;
            outcome = self.journal.append(previous, &moved).await;
        }
        outcome
    }

    async fn read(&self, stream: &StreamId, after: u64, limit: usize) -> Result<Vec<Commit>, StoreError> {
        self.journal.read(stream, after, limit).await
    }

    async fn walk(&self, after: Option<&CommitKey>, limit: usize) -> Result<Vec<Walked>, StoreError> {
        self.journal.walk(after, limit).await
    }

    async fn unpublished(&self, limit: usize) -> Result<Vec<Commit>, StoreError> {
        self.journal.unpublished(limit).await
    }

    async fn mark_published(&self, commits: &[CommitKey]) -> Result<(), StoreError> {
        self.journal.mark_published(commits).await
    }

    async fn unpublished_count(&self) -> Result<u64, StoreError> {
        self.journal.unpublished_count().await
    }

    async fn seal(&self) -> Result<(), StoreError> {
        self.journal.seal().await
    }

    async fn unseal(&self) -> Result<(), StoreError> {
        self.journal.unseal().await
    }
}
