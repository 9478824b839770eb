//! How far a group has got in each stream: one record per stream, written after what the envelope led to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use contracts::{Hash, StreamId};
use persistence::{Collection, Document, DocumentStore, Expect, StoreError, Write};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// How often a waiting reader looks by itself: another replica may be the one that consumes.
const LOOK: Duration = Duration::from_millis(20);

/// The last envelope of a stream that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) version: u64,
    pub(crate) envelope_id: Uuid,
    /// Absent in what an earlier version wrote.
    pub(crate) hash: Option<Hash>,
}

/// A position with the revision of its record; revision 0 where there is no record yet.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) position: Option<Position>,
    pub(crate) revision: u64,
}

/// The progress of one group. Cheap to clone.
#[derive(Clone)]
pub struct Progress {
    documents: Arc<dyn DocumentStore>,
    collection: String,
    advanced: Arc<Notify>,
}

impl Progress {
    /// Keeps its records in `collection`, which is declared here.
    pub async fn open(documents: Arc<dyn DocumentStore>, collection: String) -> Result<Self, StoreError> {
        let declared = Collection {
            name: collection.clone(),
            indexes: &[],
        };
        documents.declare(&declared).await?;
        Ok(Self {
            documents,
            collection,
            advanced: Arc::default(),
        })
    }

    /// The last applied version of a stream; 0 before the first.
    pub async fn version(&self, stream: &StreamId) -> Result<u64, StoreError> {
        let found = self.documents.get(&self.collection, &[stream.as_str()]).await?;
        let kept = found.into_iter().next().flatten().map(read).transpose()?;
        Ok(kept
            .and_then(|kept| kept.position)
            .map_or(0, |position| position.version))
    }

    /// Whether nothing has ever been applied.
    pub(crate) async fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.documents.scan(&self.collection, None, 1).await?.is_empty())
    }

    /// Waits until `version` of `stream` is applied. False if it is not by then.
    pub async fn wait_for(&self, stream: &StreamId, version: u64, patience: Duration) -> Result<bool, StoreError> {
        let deadline = Instant::now() + patience;
        loop {
            let advanced = self.advanced.notified();
            if self.version(stream).await? >= version {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            // Either way it looks again.
            let _ = timeout_at(deadline.min(Instant::now() + LOOK), advanced).await;
        }
    }

    pub(crate) async fn load(&self, streams: &[StreamId]) -> Result<HashMap<StreamId, Kept>, StoreError> {
        let ids: Vec<&str> = streams.iter().map(StreamId::as_str).collect();
        let found = self.documents.get(&self.collection, &ids).await?;
        let mut kept = HashMap::with_capacity(streams.len());
        for (stream, document) in streams.iter().zip(found) {
            let record = document.map(read).transpose()?;
            kept.insert(
                stream.clone(),
                record.unwrap_or(Kept {
                    position: None,
                    revision: 0,
                }),
            );
        }
        Ok(kept)
    }

    /// The write that moves a stream's record from `revision` to `position`.
    pub(crate) fn write(&self, stream: &StreamId, revision: u64, position: &Position) -> Write {
        Write {
            collection: self.collection.clone(),
            id: stream.to_string(),
            expect: if revision == 0 {
                Expect::Absent
            } else {
                Expect::Revision(revision)
            },
            body: Some(json!(position).into()),
        }
    }

    /// The same progress, read and written through other documents.
    pub(super) fn through(&self, documents: Arc<dyn DocumentStore>) -> Self {
        Self {
            documents,
            ..self.clone()
        }
    }

    /// Rung when it has moved on.
    pub(super) fn advanced(&self) -> Arc<Notify> {
        Arc::clone(&self.advanced)
    }

    pub(crate) fn announce(&self) {
        self.advanced.notify_waiters();
    }
}

fn read(document: Document) -> Result<Kept, StoreError> {
    let revision = document.revision;
    Ok(Kept {
        position: Some(document.read()?),
        revision,
    })
}
