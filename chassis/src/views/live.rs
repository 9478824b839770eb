//! The live generation as its readers see it: typed documents by their plain collection names.
//!
//! Another generation may take over at any moment. All clones change over together, and who waits for the old one goes
//! on waiting for the new one.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use contracts::StreamId;
use persistence::{Cursor, DocumentStore, Query, StoreError};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::generation::Generation;
use super::kept::Kept;
use crate::consumer::Progress;
use crate::consumer::progress::Moved;

/// Cheap to clone.
#[derive(Clone)]
pub struct LiveViews {
    /// How far the views are.
    pub progress: LiveProgress,
    documents: Arc<dyn DocumentStore>,
    kept: Arc<Kept>,
}

/// How far the live generation is, whichever that is. Cheap to clone.
#[derive(Clone)]
pub struct LiveProgress {
    live: Arc<ArcSwap<Live>>,
}

struct Live {
    generation: Generation,
    progress: Progress,
    /// Cancelled when another generation has taken over.
    retired: CancellationToken,
}

/// Documents with their ids, and where the next page starts.
pub type Found<T> = (Vec<(String, T)>, Option<Cursor>);

impl LiveViews {
    pub fn new(generation: Generation, progress: Progress, documents: Arc<dyn DocumentStore>) -> Self {
        let live = Live::new(generation, progress);
        Self {
            progress: LiveProgress {
                live: Arc::new(ArcSwap::from_pointee(live)),
            },
            documents,
            kept: Arc::default(),
        }
    }

    pub fn generation(&self) -> Generation {
        self.progress.generation()
    }

    /// A view's collection as it is called in the live generation.
    pub fn collection(&self, name: &str) -> String {
        self.progress.live.load().generation.collection(name)
    }

    /// Lets all clones read another generation from now on.
    pub(crate) fn change_over(&self, generation: Generation, progress: Progress) {
        let before = self.progress.live.swap(Arc::new(Live::new(generation, progress)));
        before.retired.cancel();
    }

    pub async fn get<T: DeserializeOwned>(&self, collection: &str, id: &str) -> Result<Option<T>, StoreError> {
        let mut found = self.get_many(collection, &[id]).await?;
        Ok(found.pop().map(|(_, document)| document))
    }

    /// Like [`Self::get`], for documents that many ask for: they are not read again while nothing in the store changes.
    pub async fn look_up<T>(&self, collection: &str, id: &str) -> Result<Option<Arc<T>>, StoreError>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let collection = self.collection(collection);
        let key = format!("{collection}/{id}");
        let mark = self.documents.change_mark();
        if let Some(document) = mark.and_then(|mark| self.kept.find(mark, &key)) {
            return Ok(Some(document));
        }
        let Some(document) = self.documents.get(&collection, &[id]).await?.pop().flatten() else {
            return Ok(None);
        };
        let keeps = mark.map(|mark| (mark, document.body.to_string().len()));
        let document = Arc::new(document.read()?);
        if let Some((mark, bytes)) = keeps {
            self.kept.keep(mark, key, bytes, Arc::clone(&document));
        }
        Ok(Some(document))
    }

    /// Those of the documents that exist, in the order of `ids`.
    pub async fn get_many<T: DeserializeOwned>(
        &self,
        collection: &str,
        ids: &[&str],
    ) -> Result<Vec<(String, T)>, StoreError> {
        let found = self.documents.get(&self.collection(collection), ids).await?;
        found
            .into_iter()
            .flatten()
            .map(|document| Ok((document.id.clone(), document.read()?)))
            .collect()
    }

    pub async fn find<T: DeserializeOwned>(&self, collection: &str, query: Query) -> Result<Found<T>, StoreError> {
        let page = self.documents.find(&self.collection(collection), query).await?;
        let mut found = Vec::with_capacity(page.documents.len());
        for document in page.documents {
            found.push((document.id.clone(), document.read()?));
        }
        Ok((found, page.next))
    }
}

impl LiveProgress {
    /// The last applied version of a stream; 0 before the first.
    pub async fn version(&self, stream: &StreamId) -> Result<u64, StoreError> {
        let live = self.live.load_full();
        live.progress.version(stream).await
    }

    /// Rung when something was applied by this process, until other views are live.
    pub fn advanced(&self) -> Arc<Notify> {
        self.live.load().progress.advanced()
    }

    pub(crate) fn generation(&self) -> Generation {
        self.live.load().generation.clone()
    }

    /// The last applied versions of those of the streams that have any.
    pub(crate) async fn versions(&self, streams: &[StreamId]) -> Result<Vec<(StreamId, u64)>, StoreError> {
        let live = self.live.load_full();
        live.progress.versions(streams).await
    }

    /// See [`Progress::moved`].
    pub(crate) async fn moved(
        &self,
        since_ms: i64,
        after: Option<Cursor>,
    ) -> Result<(Vec<Moved>, Option<Cursor>), StoreError> {
        let live = self.live.load_full();
        live.progress.moved(since_ms, after).await
    }

    /// See [`Progress::newest_move`].
    pub(crate) async fn newest_move(&self) -> Result<Option<i64>, StoreError> {
        let live = self.live.load_full();
        live.progress.newest_move().await
    }

    /// Waits until `version` of `stream` is applied. False if it is not by then.
    pub async fn wait_for(&self, stream: &StreamId, version: u64, patience: Duration) -> Result<bool, StoreError> {
        let deadline = Instant::now() + patience;
        loop {
            let live = self.live.load_full();
            let patience = deadline.saturating_duration_since(Instant::now());
            tokio::select! {
                reached = live.progress.wait_for(stream, version, patience) => return reached,
                () = live.retired.cancelled() => {}
            }
        }
    }
}

impl Live {
    fn new(generation: Generation, progress: Progress) -> Self {
        Self {
            generation,
            progress,
            retired: CancellationToken::new(),
        }
    }
}
