//! How far a group has got in each stream: one record per stream, written after what the envelope led to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use contracts::{Hash, StreamId};
use jiff::Timestamp;
use persistence::{Bound, Collection, Cursor, Document, DocumentStore, Expect, Index, Query, StoreError, Write};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// How often a waiting reader looks by itself: another replica may be the one that consumes.
const LOOK: Duration = Duration::from_millis(20);
/// By when they were written last.
const BY_MOVE: Index = Index {
    name: "by_move",
    fields: &["moved_ms"],
};
/// Records read at a time.
const PAGE: usize = 500;

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

/// A record as it is written.
#[derive(Serialize)]
struct Stored<'a> {
    #[serde(flatten)]
    position: &'a Position,
    /// By the wall clock of whoever writes it, in milliseconds since 1970.
    moved_ms: i64,
}

/// A stream that has moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) stream: StreamId,
    pub(crate) version: u64,
    /// By the wall clock of whoever moved it on, in milliseconds since 1970.
    pub(crate) moved_ms: i64,
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
        Self::declare(documents, collection, &[]).await
    }

    /// Like [`Progress::open`], and can tell what has moved.
    pub(crate) async fn open_with_moves(
        documents: Arc<dyn DocumentStore>,
        collection: String,
    ) -> Result<Self, StoreError> {
        Self::declare(documents, collection, &[BY_MOVE]).await
    }

    async fn declare(
        documents: Arc<dyn DocumentStore>,
        collection: String,
        indexes: &'static [Index],
    ) -> Result<Self, StoreError> {
        let declared = Collection {
            name: collection.clone(),
            indexes,
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
            body: Some(
                json!(Stored {
                    position,
                    moved_ms: now_ms()
                })
                .into(),
            ),
        }
    }

    /// The same progress, read and written through other documents.
    pub(super) fn through(&self, documents: Arc<dyn DocumentStore>) -> Self {
        Self {
            documents,
            ..self.clone()
        }
    }

    /// A page of the streams that moved on at `since_ms` or later, in the order of that; and where the next one begins.
    pub(crate) async fn moved(
        &self,
        since_ms: i64,
        after: Option<Cursor>,
    ) -> Result<(Vec<Moved>, Option<Cursor>), StoreError> {
        let lower = Bound {
            value: json!(since_ms),
            inclusive: true,
        };
        let query = Query {
            lower: Some(lower),
            after,
            ..Query::all(BY_MOVE.name, PAGE)
        };
        let page = self.documents.find(&self.collection, query).await?;
        let moved: Result<_, _> = page.documents.into_iter().map(read_moved).collect();
        Ok((moved?, page.next))
    }

    /// When the stream moved on that did so last, in milliseconds since 1970.
    pub(crate) async fn newest_move(&self) -> Result<Option<i64>, StoreError> {
        let query = Query {
            descending: true,
            ..Query::all(BY_MOVE.name, 1)
        };
        let page = self.documents.find(&self.collection, query).await?;
        let newest = page.documents.first();
        // Absent in what an earlier version wrote.
        Ok(newest.and_then(|document| document.body["moved_ms"].as_i64()))
    }

    pub(crate) async fn versions(&self, streams: &[StreamId]) -> Result<Vec<(StreamId, u64)>, StoreError> {
        let loaded = self.load(streams).await?;
        let version = |(stream, kept): (StreamId, Kept)| Some((stream, kept.position?.version));
        Ok(loaded.into_iter().filter_map(version).collect())
    }

    /// Rung when it has moved on.
    pub(crate) fn advanced(&self) -> Arc<Notify> {
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

fn read_moved(document: Document) -> Result<Moved, StoreError> {
    let broken = || StoreError::Broken(format!("the progress of `{}` has another shape", document.id));
    Ok(Moved {
        stream: StreamId::parse(&document.id).map_err(|_| broken())?,
        version: document.body["version"].as_u64().ok_or_else(broken)?,
        moved_ms: document.body["moved_ms"].as_i64().ok_or_else(broken)?,
    })
}

pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
