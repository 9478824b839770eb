//! Documents as a consumer sees them, whose last batch is still being written: so the next one is computed meanwhile.
//!
//! What was put is read back at once, by whoever reads through here; all others read it when it is stored. One batch is
//! written at a time. Where that fails, the next call says so, and everything that was computed on it has to be thrown
//! away: nothing of it was written, because a batch is only begun when the one before is stored.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use persistence::{
    Body, Collection, Cursor, Document, DocumentStore, Expect, Page, PutError, Query, StoreError, Write,
};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::faults;

type Writing = JoinHandle<Result<(), PutError>>;
/// By collection and id; `None` where it is removed.
type Ahead = HashMap<String, HashMap<String, Option<Pending>>>;

pub(super) struct WriteBehind {
    store: Arc<dyn DocumentStore>,
    /// Rung when a batch is stored.
    stored: Arc<Notify>,
    writing: tokio::sync::Mutex<Option<Writing>>,
    ahead: Mutex<Ahead>,
    /// How many batches were put, and how many of them are stored.
    batches_put: AtomicU64,
    batches_stored: AtomicU64,
}

/// A document as it will be.
struct Pending {
    revision: u64,
    body: Body,
}

impl WriteBehind {
    pub(super) fn over(store: Arc<dyn DocumentStore>, stored: Arc<Notify>) -> Self {
        Self {
            store,
            stored,
            writing: tokio::sync::Mutex::default(),
            ahead: Mutex::default(),
            batches_put: AtomicU64::new(0),
            batches_stored: AtomicU64::new(0),
        }
    }

    pub(super) fn batches_put(&self) -> u64 {
        self.batches_put.load(Ordering::Relaxed)
    }

    pub(super) fn batches_stored(&self) -> u64 {
        self.batches_stored.load(Ordering::Relaxed)
    }

    /// Waits until everything that was put is stored. May be cancelled.
    pub(super) async fn flush(&self) -> Result<(), PutError> {
        let mut writing = self.writing.lock().await;
        let Some(batch) = writing.as_mut() else {
            return Ok(());
        };
        let outcome = batch.await;
        *writing = None;
        let stored = std::mem::take(&mut *self.ahead());
        // It takes a while to let go of thousands of documents, and the next batch waits to be written.
        tokio::spawn(async move { drop(stored) });
        outcome.map_err(|died| StoreError::Unknown(Box::new(died)))??;
        self.batches_stored.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Forgets a batch that failed, or waits for its end.
    pub(super) async fn abandon(&self) {
        // Whatever became of it, the store tells when it is read anew.
        let _ = self.flush().await;
        self.batches_stored.store(self.batches_put(), Ordering::Relaxed);
    }

    async fn begin(&self, writes: Vec<Write>, ahead: Ahead) {
        let (store, stored) = (Arc::clone(&self.store), Arc::clone(&self.stored));
        let mut writing = self.writing.lock().await;
        *self.ahead() = ahead;
        self.batches_put.fetch_add(1, Ordering::Relaxed);
        *writing = Some(tokio::spawn(async move {
            store.put(writes).await?;
            faults::point("consumer.stored");
            stored.notify_waiters();
            Ok(())
        }));
    }

    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is ahead of the store for each of `ids`: nothing, a document, or that it is removed.
    fn look_ahead(&self, collection: &str, ids: &[&str]) -> Result<Vec<Option<Option<Document>>>, StoreError> {
        let ahead = self.ahead();
        let Some(ahead) = ahead.get(collection) else {
            return Ok(ids.iter().map(|_| None).collect());
        };
        let documents = ids.iter().map(|id| {
            let pending = ahead.get(*id)?.as_ref();
            Some(pending.map(|pending| pending.document(id)).transpose())
        });
        documents.map(Option::transpose).collect()
    }
}

impl Pending {
    fn document(&self, id: &str) -> Result<Document, StoreError> {
        let body = self.body.to_value();
        Ok(Document {
            id: id.to_owned(),
            revision: self.revision,
            body: body.map_err(|cause| StoreError::Broken(format!("document `{id}`: {cause}")))?,
        })
    }
}

#[async_trait]
impl DocumentStore for WriteBehind {
    async fn declare(&self, collection: &Collection) -> Result<(), StoreError> {
        self.store.declare(collection).await
    }

    async fn get(&self, collection: &str, ids: &[&str]) -> Result<Vec<Option<Document>>, StoreError> {
        let ahead = self.look_ahead(collection, ids)?;
        let known = ids.iter().zip(&ahead);
        let missing: Vec<&str> = known.filter(|(_, ahead)| ahead.is_none()).map(|(id, _)| *id).collect();
        let mut stored = self.store.get(collection, &missing).await?.into_iter();
        let found = ahead
            .into_iter()
            .map(|ahead| ahead.unwrap_or_else(|| stored.next().flatten()));
        Ok(found.collect())
    }

    /// Returns when the batch before is stored and this one is begun.
    async fn put(&self, writes: Vec<Write>) -> Result<(), PutError> {
        // While the batch before is written.
        let ahead = outcome_of(&writes);
        self.flush().await?;
        match ahead {
            Some(ahead) => self.begin(writes, ahead).await,
            None => self.store.put(writes).await?,
        }
        Ok(())
    }

    async fn find(&self, collection: &str, query: Query) -> Result<Page, StoreError> {
        self.flush().await.map_err(into_store_error)?;
        self.store.find(collection, query).await
    }

    async fn keys(&self, collection: &str, query: Query) -> Result<Vec<Cursor>, StoreError> {
        self.flush().await.map_err(into_store_error)?;
        self.store.keys(collection, query).await
    }

    async fn scan(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>, StoreError> {
        self.flush().await.map_err(into_store_error)?;
        self.store.scan(collection, after, limit).await
    }

    async fn drop_collection(&self, collection: &str) -> Result<(), StoreError> {
        self.flush().await.map_err(into_store_error)?;
        self.store.drop_collection(collection).await
    }
}

/// What the documents will be. `None` where that is not known before they are written.
fn outcome_of(writes: &[Write]) -> Option<Ahead> {
    let mut ahead = Ahead::new();
    for write in writes {
        let revision = match write.expect {
            Expect::Absent => 1,
            Expect::Revision(revision) => revision + 1,
            Expect::Anything if write.body.is_none() => 0,
            Expect::Anything => return None,
        };
        let pending = write.body.clone().map(|body| Pending { revision, body });
        if !ahead.contains_key(&write.collection) {
            ahead.insert(write.collection.clone(), HashMap::new());
        }
        if let Some(documents) = ahead.get_mut(&write.collection) {
            documents.insert(write.id.clone(), pending);
        }
    }
    Some(ahead)
}

fn into_store_error(error: PutError) -> StoreError {
    match error {
        PutError::Store(error) => error,
        conflict @ PutError::Conflict { .. } => StoreError::Unknown(Box::new(conflict)),
    }
}

#[cfg(test)]
mod tests {
    use persistence::Index;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    const THINGS: &str = "things";

    struct Parts {
        behind: WriteBehind,
        stored: Arc<dyn DocumentStore>,
        _folder: TempDir,
    }

    impl Parts {
        async fn open() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let stored = persistence::sqlite::open(folder.path()).await.unwrap().documents;
            let indexes: &[Index] = &[];
            let name = THINGS.to_owned();
            stored.declare(&Collection { name, indexes }).await.unwrap();
            Self {
                behind: WriteBehind::over(Arc::clone(&stored), Arc::default()),
                stored,
                _folder: folder,
            }
        }

        async fn seen(&self, id: &str) -> Option<(u64, i64)> {
            let found = self.behind.get(THINGS, &["none", id]).await.unwrap();
            let [None, document] = &found[..] else {
                panic!("{found:?}")
            };
            document
                .as_ref()
                .map(|document| (document.revision, document.body["n"].as_i64().unwrap()))
        }
    }

    fn write(id: &str, expect: Expect, number: Option<i64>) -> Write {
        Write {
            collection: THINGS.to_owned(),
            id: id.to_owned(),
            expect,
            body: number.map(|number| json!({ "n": number }).into()),
        }
    }

    #[tokio::test]
    async fn what_was_put_is_read_at_once_and_stored_in_order() {
        let parts = Parts::open().await;
        for (round, expect) in [(1, Expect::Absent), (2, Expect::Revision(1)), (3, Expect::Revision(2))] {
            parts
                .behind
                .put(vec![write("a", expect, Some(10 * round))])
                .await
                .unwrap();
            assert_eq!(parts.seen("a").await, Some((round.unsigned_abs(), 10 * round)));
        }
        parts
            .behind
            .put(vec![write("a", Expect::Anything, None)])
            .await
            .unwrap();
        assert_eq!(parts.seen("a").await, None);
        assert_eq!(parts.behind.batches_put(), 4);
        parts.behind.flush().await.unwrap();
        assert_eq!(parts.behind.batches_stored(), 4);
        assert_eq!(parts.stored.get(THINGS, &["a"]).await.unwrap(), [None]);
    }

    #[tokio::test]
    async fn what_cannot_be_known_before_is_stored_before_anybody_goes_on() {
        let parts = Parts::open().await;
        parts
            .behind
            .put(vec![write("a", Expect::Absent, Some(1))])
            .await
            .unwrap();
        parts
            .behind
            .put(vec![write("a", Expect::Anything, Some(2))])
            .await
            .unwrap();
        let stored = parts.stored.get(THINGS, &["a"]).await.unwrap();
        assert_eq!(stored[0].as_ref().unwrap().revision, 2);
        assert_eq!(parts.seen("a").await, Some((2, 2)));
    }

    #[tokio::test]
    async fn a_batch_that_fails_is_told_once_and_nothing_behind_it_is_stored() {
        let parts = Parts::open().await;
        parts
            .behind
            .put(vec![write("a", Expect::Revision(7), Some(1))])
            .await
            .unwrap();
        let next = parts.behind.put(vec![write("b", Expect::Absent, Some(2))]).await;
        assert!(matches!(next, Err(PutError::Conflict { id, .. }) if id == "a"));
        parts.behind.abandon().await;
        assert_eq!((parts.seen("a").await, parts.seen("b").await), (None, None));
        assert_eq!(parts.behind.batches_put(), parts.behind.batches_stored());
        parts
            .behind
            .put(vec![write("b", Expect::Absent, Some(3))])
            .await
            .unwrap();
        parts.behind.flush().await.unwrap();
        assert_eq!(parts.seen("b").await, Some((1, 3)));
    }
}
