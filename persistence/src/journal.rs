use std::sync::Arc;

use async_trait::async_trait;
use contracts::{BrokenChain, Envelope, Hash, StreamId, verify_chain};
use thiserror::Error;
use uuid::Uuid;

use crate::StoreError;

/// A commit is one record in every store, so it has one bound: 256 KiB as JSON.
pub const MAX_COMMIT_BYTES: usize = 256 * 1024;

/// The domain events that one append writes to one stream: all or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// Chosen by the writer; an append repeated with the same id is the same append.
    pub id: Uuid,
    /// Consecutive versions of one stream; never empty.
    pub envelopes: Vec<Arc<Envelope>>,
}

/// What tells one commit from all others: its stream and first version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommitKey {
    pub stream: StreamId,
    pub first_version: u64,
}

/// What a walk found at one key of the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Walked {
    /// `None` where the key itself is damaged; `commit` tells how, then.
    pub key: Option<CommitKey>,
    /// Or why it cannot be read any more.
    pub commit: Result<Commit, String>,
}

#[derive(Debug, Error)]
pub enum InvalidCommit {
    #[error("a commit holds at least one envelope")]
    Empty,
    #[error("a commit is of one stream, and its envelopes carry its bounds")]
    Mixed,
    #[error("a commit has at most {MAX_COMMIT_BYTES} bytes, this one has {0}")]
    TooLarge(usize),
    #[error(transparent)]
    Broken(#[from] BrokenChain),
}

#[derive(Debug, Error)]
pub enum AppendError {
    /// The stream does not stand where the writer believed. Read the tail, decide again.
    #[error("the stream is at version {head}")]
    Conflict { head: u64 },
    /// The commit can never be appended.
    #[error(transparent)]
    Invalid(#[from] InvalidCommit),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A service's append-only store of commits: its truth, and its transactional outbox.
///
/// Streams are independent. Within a stream versions are gapless from 1, and each envelope's hash covers the one before.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Appends `commit` right after version `first - 1`, whose hash is `previous` ([`Hash::GENESIS`] before version 1).
    ///
    /// When this returns `Ok` the commit is durable (it survives power loss) and readable by everyone, whole.
    /// An append repeated with the same commit id and bounds succeeds without writing again, however much later.
    /// Of several writers that read the same version exactly one succeeds; the others get
    /// [`AppendError::Conflict`], as does a commit that would leave a gap. After an error other than
    /// [`StoreError::Unknown`] nothing was written.
    async fn append(&self, previous: Hash, commit: &Commit) -> Result<(), AppendError>;

    /// The commits of `stream` that hold versions above `after`, in order, at most `limit` of them. The first may
    /// begin at or below `after`. Empty where there are none. Never shows a part of a commit.
    async fn read(&self, stream: &StreamId, after: u64, limit: usize) -> Result<Vec<Commit>, StoreError>;

    /// All commits of all streams behind the key `after`, at most `limit` of them, ordered by the stream's bytes and then
    /// by first version: the way through the whole journal. What is appended meanwhile is met where the walk has not
    /// been yet. A commit that is damaged comes as the reason why it cannot be read, and hides none behind it. Those
    /// without a key come beyond `limit`, as many again at most, and a page that has nothing but them is the last.
    async fn walk(&self, after: Option<&CommitKey>, limit: usize) -> Result<Vec<Walked>, StoreError>;

    /// Whether it has no commit, not even a damaged one.
    async fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.walk(None, 1).await?.is_empty())
    }

    /// Commits not yet marked as published, at most `limit` (at least 1).
    ///
    /// A commit is returned only if its predecessor in the stream is published or stands before it in the answer.
    /// Fair: no stream waits for another to drain. Where fewer streams than `limit` wait, each has a commit in the
    /// answer, and where more wait, repeated calls go round them.
    async fn unpublished(&self, limit: usize) -> Result<Vec<Commit>, StoreError>;

    /// Takes commits out of `unpublished`. Unknown and already marked keys are fine. May be lost in a crash, after
    /// which the commits are unpublished again: they are published at least once.
    async fn mark_published(&self, commits: &[CommitKey]) -> Result<(), StoreError>;

    /// How many commits wait to be published.
    async fn unpublished_count(&self) -> Result<u64, StoreError>;

    /// From now on nobody appends, whatever a process believes that was paused or is only just starting: appends fail with
    /// [`StoreError::Unavailable`], until [`Journal::unseal`]; one that repeats what is there may succeed. What is there is
    /// read and marked as before. Sealing what is sealed is fine.
    async fn seal(&self) -> Result<(), StoreError>;

    /// Opens a journal again. One that was never sealed is fine.
    async fn unseal(&self) -> Result<(), StoreError>;
}

impl Commit {
    /// The key of a commit that [`Commit::check`] accepts; `None` for an empty one.
    pub fn key(&self) -> Option<CommitKey> {
        let first = self.envelopes.first()?;
        Some(CommitKey {
            stream: first.stream.clone(),
            first_version: first.version,
        })
    }

    /// What every adapter checks before it writes: one stream, its bounds, gapless, chained to `previous`, in size.
    ///
    /// Returns the commit's envelopes as the JSON array that stores keep.
    pub fn check(&self, previous: Hash) -> Result<String, InvalidCommit> {
        let (Some(first), Some(last)) = (self.envelopes.first(), self.envelopes.last()) else {
            return Err(InvalidCommit::Empty);
        };
        let whole = |e: &Arc<Envelope>| {
            e.stream == first.stream && e.commit.first == first.version && e.commit.last == last.version
        };
        if first.version == 0 || !self.envelopes.iter().all(whole) {
            return Err(InvalidCommit::Mixed);
        }
        verify_chain((first.version - 1, previous), &self.envelopes)?;
        let json = serde_json::to_string(&self.envelopes).map_err(|_| InvalidCommit::Mixed)?;
        if json.len() > MAX_COMMIT_BYTES {
            return Err(InvalidCommit::TooLarge(json.len()));
        }
        Ok(json)
    }
}
