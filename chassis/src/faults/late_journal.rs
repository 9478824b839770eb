//! A journal that says "done" before it is: what a reply without durability would be like.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::{Hash, StreamId};
use persistence::{AppendError, Commit, CommitKey, Journal, StoreError, Walked};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

/// Longer than a reply takes to reach its client, on a slow machine too: whatever ends the process loses some.
const DELAY: Duration = Duration::from_millis(500);
const QUEUE: usize = 4_096;

/// A commit that was confirmed and is still to be appended.
struct Late {
    due: Instant,
    previous: Hash,
    commit: Commit,
}

pub(super) struct LateJournal {
    journal: Arc<dyn Journal>,
    late: mpsc::Sender<Late>,
}

impl LateJournal {
    pub(super) fn before(journal: Arc<dyn Journal>) -> Self {
        let (late, mut queue) = mpsc::channel::<Late>(QUEUE);
        let behind = Arc::clone(&journal);
        tokio::spawn(async move {
            while let Some(late) = queue.recv().await {
                sleep_until(late.due).await;
                if let Err(error) = behind.append(late.previous, &late.commit).await {
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
        let due = Instant::now() + DELAY;
        let commit = commit.clone();
        let late = self.late.send(Late { due, previous, commit }).await;
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

    async fn seal(&self) -> Result<(), StoreError> {
        self.journal.seal().await
    }

    async fn unseal(&self) -> Result<(), StoreError> {
        self.journal.unseal().await
    }
}
