//! Snapshots in a store: chunks of bounded size, which are blobs, and for each stream a manifest, a document, that names
//! those that count.
//!
//! Of several records each is written by itself, so the order makes every crash harmless: the manifest notes which
//! chunks are about to be written, they are written, the manifest names them as the snapshot that counts, and those of
//! the one before are removed. Chunks that a crash leaves behind are in the manifest, and go with the next snapshot.
//! Of two writers the manifest's revision lets one through.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contracts::{Hash, StreamId};
use persistence::{Blobs, Body, Collection, DocumentStore, Expect, PutError, StoreError, Stores, Write};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;
use twox_hash::XxHash3_128;
use uuid::Uuid;

use super::Unusable;
use super::manifest::{Chunks, Facts, LAYOUT, Manifest};
use crate::metrics::DeskMetrics;
use crate::packed::TooLarge;

const COLLECTION: &str = "snapshots";

/// Bytes in a chunk: few enough that writing one does not hold up the views that share its file.
const CHUNK_BYTES: usize = 512 * 1024;
/// A state above 512 MiB is not kept.
const MAX_CHUNKS: usize = 1_024;
/// Chunks read at a time, while those before are joined.
const READ_CHUNKS: usize = 2;
/// Each write removes what is noted, so what is noted still after so many failed ones was removed before.
const MOST_LEFTOVERS: usize = 8;

/// A service's snapshots. Cheap to clone.
#[derive(Clone)]
pub struct Snapshots {
    documents: Arc<dyn DocumentStore>,
    blobs: Arc<dyn Blobs>,
    metrics: DeskMetrics,
    /// One is written at a time.
    pub(super) turn: Arc<Semaphore>,
    pub(super) writing: TaskTracker,
    pub(super) stop: CancellationToken,
    /// Where they are written.
    pub(super) runtime: Handle,
}

/// A state to keep.
pub(super) struct Snapshot {
    pub(super) facts: Facts,
    pub(super) bytes: Bytes,
}

/// Why a snapshot is not written.
#[derive(Debug, Error)]
pub(super) enum WriteError {
    /// Another replica writes.
    #[error("another writer was first")]
    Beaten,
    #[error("the state is too large")]
    TooLarge(#[from] TooLarge),
    #[error("the process ends")]
    Closed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The chunks of a snapshot so far.
struct Joined {
    bytes: Vec<u8>,
    checksum: Checksum,
}

/// Tells bytes that are not those that were written. It does not have to withstand a forger: whoever can write chunks
/// can write manifests.
struct Checksum(XxHash3_128);

impl Snapshots {
    /// # Errors
    /// What the store says.
    pub async fn open(stores: &Stores, metrics: DeskMetrics, runtime: Handle) -> Result<Self, StoreError> {
        let name = COLLECTION.to_owned();
        stores.documents.declare(&Collection { name, indexes: &[] }).await?;
        Ok(Self {
            documents: Arc::clone(&stores.documents),
            blobs: Arc::clone(&stores.blobs),
            metrics,
            turn: Arc::new(Semaphore::new(1)),
            writing: TaskTracker::new(),
            stop: CancellationToken::new(),
            runtime,
        })
    }

    /// Has everything written that waits for its turn, as far as it is done `within` that time.
    pub async fn finish(&self, within: Duration) {
        self.stop.cancel();
        self.writing.close();
        if timeout(within, self.writing.wait()).await.is_err() {
            warn!("not all snapshots were written in time, the next start reads more");
        }
    }

    pub(super) fn count(&self, outcome: &str) {
        self.metrics.snapshot(outcome);
    }

    /// What is known of a stream's snapshot; `None` where there is none.
    pub(super) async fn facts(&self, stream: &StreamId) -> Result<Option<Facts>, StoreError> {
        Ok(self.manifest(stream).await?.0.current)
    }

    /// A snapshot's bytes, checked to be those that were written.
    pub(super) async fn bytes(&self, facts: &Facts) -> Result<Bytes, Unusable> {
        if facts.chunks.count > MAX_CHUNKS || facts.length > facts.chunks.count * CHUNK_BYTES {
            return Err(Unusable::Damaged);
        }
        let ids: Vec<String> = facts.chunks.ids().collect();
        let mut joined = Joined::of_length(facts.length);
        let mut chunks = Vec::new();
        for some in ids.chunks(READ_CHUNKS) {
            let some: Vec<&str> = some.iter().map(String::as_str).collect();
            let (found, with_those_before) = tokio::try_join!(self.blobs.get(&some), take_in(joined, chunks))?;
            joined = with_those_before.ok_or(Unusable::Damaged)?;
            chunks = found;
        }
        let joined = take_in(joined, chunks).await?.ok_or(Unusable::Damaged)?;
        joined.checked(facts).ok_or(Unusable::Damaged)
    }

    /// Keeps a snapshot in place of the one before. Returns the version that is kept now: a newer one stays, unless it
    /// is `unusable`.
    pub(super) async fn write(&self, snapshot: Snapshot, unusable: Option<Uuid>) -> Result<u64, WriteError> {
        let Snapshot { facts, bytes } = snapshot;
        if facts.chunks.count > MAX_CHUNKS {
            return Err(TooLarge.into());
        }
        let (manifest, revision) = self.manifest(&facts.stream).await?;
        let newer = |kept: &&Facts| kept.supersedes(&facts) && unusable != Some(kept.id());
        if let Some(kept) = manifest.current.as_ref().filter(newer) {
            return Ok(kept.version);
        }
        let announced = self.announce(&manifest, revision, &facts).await?;
        self.put_chunks(facts.chunks, &bytes).await?;
        let version = facts.version;
        self.install(manifest.current, announced, facts).await?;
        Ok(version)
    }

    /// Notes which chunks will be there, and removes those that are good for nothing.
    async fn announce(&self, before: &Manifest, revision: u64, facts: &Facts) -> Result<u64, WriteError> {
        let beyond = before.leftovers.len().saturating_sub(MOST_LEFTOVERS);
        let leftovers = before.leftovers.iter().skip(beyond).copied();
        let next = Manifest {
            current: before.current.clone(),
            leftovers: leftovers.chain([facts.chunks]).collect(),
        };
        let revision = self.put_manifest(&facts.stream, revision, &next).await?;
        self.remove(&before.leftovers).await?;
        Ok(revision)
    }

    async fn put_chunks(&self, chunks: Chunks, bytes: &Bytes) -> Result<(), WriteError> {
        for (number, id) in chunks.ids().enumerate() {
            let from = number * CHUNK_BYTES;
            let chunk = bytes.slice(from..bytes.len().min(from + CHUNK_BYTES));
            self.blobs.put(&id, chunk).await?;
        }
        Ok(())
    }

    /// From here on the new snapshot counts.
    async fn install(&self, before: Option<Facts>, revision: u64, facts: Facts) -> Result<(), WriteError> {
        let (stream, new) = (facts.stream.clone(), facts.chunks);
        let superseded = before.map(|before| before.chunks);
        let next = Manifest {
            current: Some(facts),
            leftovers: superseded.into_iter().collect(),
        };
        match self.put_manifest(&stream, revision, &next).await {
            Err(WriteError::Beaten) => {
                self.remove(&[new]).await?;
                Err(WriteError::Beaten)
            }
            Err(error) => Err(error),
            // What cannot be removed now is in the manifest.
            Ok(_) => self.remove(superseded.as_slice()).await,
        }
    }

    /// A stream's manifest and its revision; an empty one and 0 where there is none or it cannot be read.
    async fn manifest(&self, stream: &StreamId) -> Result<(Manifest, u64), StoreError> {
        let found = self.documents.get(COLLECTION, &[stream.as_str()]).await?;
        let Some(document) = found.into_iter().next().flatten() else {
            return Ok((Manifest::default(), 0));
        };
        let revision = document.revision;
        // A newer build's manifest, or a damaged one: it is replaced.
        Ok((document.read().unwrap_or_default(), revision))
    }

    /// Returns the new revision.
    async fn put_manifest(&self, stream: &StreamId, revision: u64, manifest: &Manifest) -> Result<u64, WriteError> {
        let expect = match revision {
            0 => Expect::Absent,
            revision => Expect::Revision(revision),
        };
        let body = Body::of(manifest).map_err(|cause| StoreError::Broken(cause.to_string()))?;
        self.put_all(vec![write(stream.to_string(), expect, Some(body))])
            .await?;
        Ok(revision + 1)
    }

    async fn remove(&self, chunks: &[Chunks]) -> Result<(), WriteError> {
        let ids = chunks.iter().flat_map(|chunks| chunks.ids().take(MAX_CHUNKS));
        let ids: Vec<String> = ids.collect();
        self.blobs
            .remove(&ids.iter().map(String::as_str).collect::<Vec<_>>())
            .await?;
        // The chunks of layout 1 were documents. To be left out when no folder can have them any more.
        self.put_all(ids.into_iter().map(|id| write(id, Expect::Anything, None)).collect())
            .await
    }

    async fn put_all(&self, writes: Vec<Write>) -> Result<(), WriteError> {
        match self.documents.put(writes).await {
            Ok(()) => Ok(()),
            Err(PutError::Conflict { .. }) => Err(WriteError::Beaten),
            Err(PutError::Store(error)) => Err(error.into()),
        }
    }
}

fn write(id: String, expect: Expect, body: Option<Body>) -> Write {
    Write {
        collection: COLLECTION.to_owned(),
        id,
        expect,
        body,
    }
}

impl Snapshot {
    pub(super) fn new(stream: StreamId, format: u32, (version, hash): (u64, Hash), bytes: Vec<u8>) -> Self {
        let facts = Facts {
            stream,
            format,
            layout: LAYOUT,
            version,
            hash,
            length: bytes.len(),
            checksum: Checksum::of(&bytes),
            chunks: Chunks {
                snapshot: Uuid::now_v7(),
                count: bytes.len().div_ceil(CHUNK_BYTES),
            },
        };
        Self {
            facts,
            bytes: Bytes::from(bytes),
        }
    }
}

/// Joins chunks where it holds up nobody; `None` where one is missing.
async fn take_in(joined: Joined, chunks: Vec<Option<Bytes>>) -> Result<Option<Joined>, StoreError> {
    let work = spawn_blocking(move || chunks.into_iter().try_fold(joined, Joined::with));
    work.await.map_err(|_| StoreError::Closed)
}

impl Joined {
    fn of_length(length: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(length),
            checksum: Checksum::new(),
        }
    }

    fn with(mut self, chunk: Option<Bytes>) -> Option<Self> {
        let chunk = chunk?;
        self.checksum.add(&chunk);
        self.bytes.extend_from_slice(&chunk);
        Some(self)
    }

    fn checked(self, facts: &Facts) -> Option<Bytes> {
        let same = self.bytes.len() == facts.length && self.checksum.text() == facts.checksum;
        same.then(|| Bytes::from(self.bytes))
    }
}

impl Checksum {
    fn new() -> Self {
        Self(XxHash3_128::new())
    }

    fn of(bytes: &[u8]) -> String {
        let mut checksum = Self::new();
        checksum.add(bytes);
        checksum.text()
    }

    fn add(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn text(&self) -> String {
        format!("{:032x}", self.0.finish_128())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn snapshot(format: u32, version: u64) -> Snapshot {
        let stream = StreamId::parse("counter/1").unwrap();
        Snapshot::new(stream, format, (version, Hash::GENESIS), vec![7; CHUNK_BYTES + 1])
    }

    #[tokio::test]
    async fn of_two_writers_the_one_that_began_first_gives_way_and_spoils_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let stores = persistence::sqlite::open(folder.path()).await.unwrap();
        let metrics = Metrics::new().unwrap().desk;
        let snapshots = Snapshots::open(&stores, metrics, Handle::current()).await.unwrap();
        let (early, late) = (snapshot(1, 1), snapshot(1, 2));
        let announced = snapshots.announce(&Manifest::default(), 0, &early.facts).await.unwrap();
        snapshots.put_chunks(early.facts.chunks, &early.bytes).await.unwrap();
        let (late_facts, early_chunks) = (late.facts.clone(), early.facts.chunks);
        assert_eq!(snapshots.write(late, None).await.unwrap(), 2);
        let beaten = snapshots.install(None, announced, early.facts).await;
        assert!(matches!(beaten, Err(WriteError::Beaten)), "{beaten:?}");
        let kept = snapshots.facts(&late_facts.stream).await.unwrap().unwrap();
        assert_eq!(kept, late_facts);
        assert_eq!(snapshots.bytes(&kept).await.unwrap().len(), CHUNK_BYTES + 1);
        let ids: Vec<String> = early_chunks.ids().collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let left = snapshots.blobs.get(&ids).await.unwrap();
        assert!(left.iter().all(Option::is_none));
    }

    #[tokio::test]
    async fn a_newer_snapshot_stays_unless_it_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let stores = persistence::sqlite::open(folder.path()).await.unwrap();
        let metrics = Metrics::new().unwrap().desk;
        let snapshots = Snapshots::open(&stores, metrics, Handle::current()).await.unwrap();
        let newer = snapshot(1, 9);
        let id = newer.facts.id();
        snapshots.write(newer, None).await.unwrap();
        assert_eq!(snapshots.write(snapshot(1, 5), None).await.unwrap(), 9);
        assert_eq!(snapshots.write(snapshot(1, 5), Some(id)).await.unwrap(), 5);
        assert_eq!(
            snapshots.write(snapshot(2, 4), None).await.unwrap(),
            4,
            "another format"
        );
    }
}
