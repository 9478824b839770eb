//! A journal that says "done" before it is: what a reply without durability would be like.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::{Hash, StreamId};
use persistence::{AppendError, Commit, CommitKey, Journal, StoreError, Walked};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::warn;

/// Longer than a reply takes to reach its client.
const DELAY: Duration = Duration::from_millis(50);
const QUEUE: usize = 4_096;

pub(super) struct LateJournal {
    journal: Arc<dyn Journal>,
    late: mpsc::Sender<(Hash, Commit)>,
}

impl LateJournal {
    pub(super) fn before(journal: Arc<dyn Journal>) -> Self {
        let (late, mut queue) = mpsc::channel(QUEUE);
        let behind = Arc::clone(&journal);
        tokio::spawn(async move {
            while let Some((previous, commit)) = queue.recv().await {
                sleep(DELAY).await;
                if let Err(error) = behind.append(previous, &commit).await {
                    warn!(%error, "what was confirmed is lost");
                }
            }
        });
        Self { journal, late }
    }
}

#[async_trait]
impl Journal for LateJournal {
    async fn append(&self, previous: Hash, commit: &Commit) -> Result<(), AppendError> {
        let late = self.late.send((previous, commit.clone())).await;
        late.map_err(|_| AppendError::Store(StoreError::Closed))
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
}
