//! A desk that begins with a snapshot decides like one that reads the whole stream, and does that where the snapshot is
//! not what it should be.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chassis::Recorded;
use chassis::clock::SystemClock;
use chassis::desk::{Aggregate, Desk, DeskError, Request, SnapshotCodec, Snapshots};
use chassis::packed::{Key, PackedMap, Reader, Value as Packed};
use contracts::{Actor, DomainEvent, EventBooked, IdempotencyDigests, StreamId};
use futures::future::join_all;
use jiff::Timestamp;
use persistence::{
    Blobs, Collection, Cursor, Document, DocumentStore, Expect, Page, PutError, Query, StoreError, Stores, Write,
};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::support::Parts;

/// Names that were taken; each can be taken once.
#[derive(Debug, Clone, Default)]
struct Register<const FORMAT: u32> {
    names: PackedMap<Name, Taken>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Name(String);

#[derive(Debug, Clone)]
struct Taken;

#[derive(Debug, PartialEq, Eq)]
struct AlreadyTaken;

impl Key for Name {
    fn parts(&self) -> (u8, &[u8]) {
        (0, self.0.as_bytes())
    }
}

impl Packed for Taken {
    fn write(&self, _: &mut Vec<u8>) {}

    fn read(_: Reader<'_>) -> Option<Self> {
        Some(Self)
    }
}

impl<const FORMAT: u32> Aggregate for Register<FORMAT> {
    type Command = String;
    type Rejection = AlreadyTaken;

    const SNAPSHOTS: Option<SnapshotCodec<Self>> = Some(SnapshotCodec {
        format: FORMAT,
        encode: |register, out| register.names.pack(out, |_| true),
        decode: |bytes: Bytes| {
            let names = PackedMap::unpack(bytes)?;
            Some(Self { names })
        },
    });

    fn decide(&self, name: &String, _now: Timestamp) -> Result<Vec<DomainEvent>, AlreadyTaken> {
        if self.names.get(&Name(name.clone())).is_some() {
            return Err(AlreadyTaken);
        }
        Ok(vec![DomainEvent::EventBooked(EventBooked {
            booking_id: name.clone(),
            event_id: "e".to_owned(),
            event_name: None,
            user_id: "u".to_owned(),
            seats: 1,
        })])
    }

    fn apply(&mut self, recorded: &Recorded) {
        if let DomainEvent::EventBooked(booked) = &recorded.event {
            self.names.insert(Name(booked.booking_id.clone()), Taken);
        }
    }
}

/// Enough for a snapshot, and long enough for one of several chunks.
const NAMES: usize = 1_100;
const CHUNKS: u64 = 2;
/// At least as many as a snapshot of so many chunks takes.
const WRITES: i64 = 10;
const LONG: Duration = Duration::from_secs(30);

fn name(number: usize) -> String {
    format!("{number:0>700}")
}

fn stream() -> StreamId {
    StreamId::parse("register/1").unwrap()
}

fn take(number: usize) -> Request<String> {
    Request {
        command: name(number),
        actor: Actor::system(),
        idempotency: None,
        if_version: None,
        trace: None,
    }
}

fn keyed(number: usize) -> Request<String> {
    Request {
        idempotency: Some(IdempotencyDigests {
            key: "k".to_owned(),
            request: "r".to_owned(),
        }),
        ..take(number)
    }
}

/// One life of a service: a desk, and snapshots that are written at its end.
struct Life<const FORMAT: u32> {
    desk: Desk<Register<FORMAT>>,
    snapshots: Snapshots,
}

impl<const FORMAT: u32> Life<FORMAT> {
    async fn begin(parts: &Parts) -> Self {
        Self::with_stores(parts, &parts.stores).await
    }

    async fn with_stores(parts: &Parts, stores: &Stores) -> Self {
        let snapshots = Snapshots::open(stores, parts.metrics.desk.clone(), Handle::current())
            .await
            .unwrap();
        let journal = Arc::clone(&parts.stores.journal);
        let metrics = parts.metrics.desk.clone();
        let desk = Desk::new(journal, Arc::new(SystemClock), Arc::default(), metrics);
        Self {
            desk: desk.with_snapshots(snapshots.clone()),
            snapshots,
        }
    }

    async fn fill(&self) {
        let stream = stream();
        self.desk.handle(&stream, keyed(0)).await.unwrap();
        let outcomes = join_all((1..NAMES).map(|number| self.desk.handle(&stream, take(number)))).await;
        assert!(outcomes.iter().all(Result::is_ok));
    }

    /// Decides as whoever has read the whole stream would, and leaves it as it was.
    async fn knows_all(&self) {
        for number in [0, NAMES / 2, NAMES - 1] {
            let again = self.desk.handle(&stream(), take(number)).await;
            assert!(matches!(again, Err(DeskError::Rejected(AlreadyTaken))), "{number}");
        }
        let replayed = self.desk.handle(&stream(), keyed(0)).await.unwrap();
        assert!(replayed.replayed && replayed.version == 1);
        let at = Request {
            if_version: Some(1),
            ..take(NAMES)
        };
        let behind = self.desk.handle(&stream(), at).await;
        let current = NAMES as u64;
        assert!(
            matches!(behind, Err(DeskError::VersionMismatch { current: found }) if found == current),
            "{behind:?}"
        );
    }

    async fn end(self) {
        self.snapshots.finish(LONG).await;
    }
}

fn counted(parts: &Parts, outcome: &str) -> u64 {
    parts.counted(&format!("myevents_snapshots_total{{outcome=\"{outcome}\"}}"))
}

/// A stream with a snapshot.
async fn filled() -> Parts {
    let parts = Parts::open().await;
    let life = Life::<1>::begin(&parts).await;
    life.fill().await;
    life.end().await;
    assert!(counted(&parts, "written") >= 1);
    parts
}

async fn manifest(parts: &Parts) -> Value {
    document(parts, stream().as_str()).await.unwrap().body
}

async fn document(parts: &Parts, id: &str) -> Option<Document> {
    let found = parts.stores.documents.get("snapshots", &[id]).await.unwrap();
    found.into_iter().next().unwrap()
}

async fn chunk(parts: &Parts, id: &str) -> Option<Bytes> {
    parts.stores.blobs.get(&[id]).await.unwrap().remove(0)
}

async fn put_chunk(parts: &Parts, id: &str, bytes: impl Into<Bytes>) {
    parts.stores.blobs.put(id, bytes.into()).await.unwrap();
}

async fn chunk_id(parts: &Parts, number: u64) -> String {
    let chunks = &manifest(parts).await["current"]["chunks"];
    assert_eq!(chunks["count"], json!(CHUNKS));
    format!("{}/{number}", chunks["snapshot"].as_str().unwrap())
}

async fn put(parts: &Parts, id: &str, body: Option<Value>) {
    let write = Write {
        collection: "snapshots".to_owned(),
        id: id.to_owned(),
        expect: Expect::Anything,
        body: body.map(Into::into),
    };
    parts.stores.documents.put(vec![write]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_begins_with_the_snapshot_and_reads_on() {
    let parts = filled().await;
    let life = Life::<1>::begin(&parts).await;
    life.knows_all().await;
    assert_eq!((counted(&parts, "loaded"), counted(&parts, "ignored")), (1, 0));
    let (state, version) = life.desk.read(&stream()).await.unwrap();
    assert_eq!(version, NAMES as u64);
    assert!(state.names.get(&Name(name(NAMES - 1))).is_some());
    assert_eq!(counted(&parts, "loaded"), 2);
    assert_eq!(
        life.desk.handle(&stream(), take(NAMES)).await.unwrap().version,
        NAMES as u64 + 1
    );
    let (_, version) = Life::<1>::begin(&parts).await.desk.read(&stream()).await.unwrap();
    assert_eq!(version, NAMES as u64 + 1, "what came after the snapshot is read too");
}

/// A desk passes the snapshot over, decides rightly all the same, and writes a new one that is used then.
async fn passed_over_and_written_anew(parts: &Parts, case: &str) {
    let (ignored, loaded) = (counted(parts, "ignored"), counted(parts, "loaded"));
    let life = Life::<1>::begin(parts).await;
    life.knows_all().await;
    assert_eq!(counted(parts, "ignored"), ignored + 1, "{case}");
    life.end().await;
    let life = Life::<1>::begin(parts).await;
    life.knows_all().await;
    assert_eq!(counted(parts, "loaded"), loaded + 1, "{case}: not written anew");
    assert_eq!(counted(parts, "ignored"), ignored + 1, "{case}: ignored twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_whose_facts_are_not_the_streams_is_ignored_and_written_anew() {
    let parts = filled().await;
    let version = json!(NAMES + 1);
    let zeroes = json!("0".repeat(64));
    let cases = [
        ("/current/hash", zeroes.clone()),
        ("/current/version", json!(1)),
        ("/current/version", json!(0)),
        ("/current/version", version),
        ("/current/stream", json!("register/2")),
        ("/current/checksum", zeroes),
        ("/current/length", json!(17)),
        ("/current/length", json!(u64::MAX)),
        ("/current/chunks/count", json!(1)),
        ("/current/chunks/count", json!(3)),
        ("/current/chunks/count", json!(u64::MAX)),
        ("/current/layout", json!(99)),
    ];
    for (pointer, value) in cases {
        let mut facts = manifest(&parts).await;
        *facts.pointer_mut(pointer).unwrap() = value.clone();
        put(&parts, stream().as_str(), Some(facts)).await;
        passed_over_and_written_anew(&parts, &format!("{pointer} = {value}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_missing_chunk_makes_a_snapshot_ignored_and_written_anew() {
    let parts = filled().await;
    for number in 0..CHUNKS {
        let id = chunk_id(&parts, number).await;
        let mut damaged = chunk(&parts, &id).await.unwrap().to_vec();
        *damaged.last_mut().unwrap() ^= 1;
        put_chunk(&parts, &id, damaged).await;
        passed_over_and_written_anew(&parts, "a flipped bit").await;
        let id = chunk_id(&parts, number).await;
        let short = chunk(&parts, &id).await.unwrap().slice(1..);
        put_chunk(&parts, &id, short).await;
        passed_over_and_written_anew(&parts, "a byte too few").await;
        let id = chunk_id(&parts, number).await;
        parts.stores.blobs.remove(&[&id]).await.unwrap();
        passed_over_and_written_anew(&parts, "a missing chunk").await;
    }
}

/// Chunks were documents once, with the bytes as base64.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_the_first_layout_is_ignored_written_anew_and_removed() {
    let parts = filled().await;
    let mut old = manifest(&parts).await;
    let facts = old["current"].as_object_mut().unwrap();
    facts.remove("checksum");
    facts.insert("sha256".to_owned(), json!("0".repeat(64)));
    facts.insert("layout".to_owned(), json!(1));
    put(&parts, stream().as_str(), Some(old)).await;
    let mut documents = Vec::new();
    for number in 0..CHUNKS {
        let id = chunk_id(&parts, number).await;
        put(&parts, &id, Some(json!({ "base64": "AAAA" }))).await;
        documents.push(id);
    }
    passed_over_and_written_anew(&parts, "layout 1").await;
    for id in documents {
        assert_eq!(document(&parts, &id).await, None);
    }
    assert_eq!(manifest(&parts).await["current"]["layout"], json!(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_cannot_be_read_is_replaced() {
    let parts = filled().await;
    put(&parts, stream().as_str(), Some(json!({ "current": "not facts" }))).await;
    let life = Life::<1>::begin(&parts).await;
    life.knows_all().await;
    life.end().await;
    let life = Life::<1>::begin(&parts).await;
    life.knows_all().await;
    assert_eq!(counted(&parts, "loaded"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_another_format_is_ignored_and_written_anew() {
    let parts = filled().await;
    let newer = Life::<2>::begin(&parts).await;
    newer.knows_all().await;
    assert_eq!((counted(&parts, "loaded"), counted(&parts, "ignored")), (0, 1));
    newer.end().await;
    Life::<2>::begin(&parts).await.knows_all().await;
    assert_eq!((counted(&parts, "loaded"), counted(&parts, "ignored")), (1, 1));
    Life::<1>::begin(&parts).await.knows_all().await;
    assert_eq!((counted(&parts, "loaded"), counted(&parts, "ignored")), (1, 2));
}

/// The real store, until so many writes are done: then its process is as good as dead.
struct Dying {
    stores: Stores,
    writes_left: AtomicI64,
    /// Ids of the chunks that were written.
    chunks: Mutex<BTreeSet<String>>,
}

impl Dying {
    fn after(parts: &Parts, writes: i64) -> Arc<Self> {
        Arc::new(Self {
            stores: parts.stores.clone(),
            writes_left: AtomicI64::new(writes),
            chunks: Mutex::default(),
        })
    }

    fn stores(self: &Arc<Self>) -> Stores {
        Stores {
            documents: Arc::<Self>::clone(self),
            blobs: Arc::<Self>::clone(self),
            ..self.stores.clone()
        }
    }

    fn write(&self) -> Result<(), StoreError> {
        match self.writes_left.fetch_sub(1, Ordering::SeqCst) {
            ..=0 => Err(StoreError::Closed),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Blobs for Dying {
    async fn get(&self, ids: &[&str]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.stores.blobs.get(ids).await
    }

    async fn put(&self, id: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.write()?;
        self.chunks.lock().unwrap().insert(id.to_owned());
        self.stores.blobs.put(id, bytes).await
    }

    async fn remove(&self, ids: &[&str]) -> Result<(), StoreError> {
        self.write()?;
        self.stores.blobs.remove(ids).await
    }
}

#[async_trait]
impl DocumentStore for Dying {
    async fn declare(&self, collection: &Collection) -> Result<(), StoreError> {
        self.stores.documents.declare(collection).await
    }

    async fn get(&self, collection: &str, ids: &[&str]) -> Result<Vec<Option<Document>>, StoreError> {
        self.stores.documents.get(collection, ids).await
    }

    async fn put(&self, writes: Vec<Write>) -> Result<(), PutError> {
        self.write()?;
        self.stores.documents.put(writes).await
    }

    async fn find(&self, collection: &str, query: Query) -> Result<Page, StoreError> {
        self.stores.documents.find(collection, query).await
    }

    async fn keys(&self, collection: &str, query: Query) -> Result<Vec<Cursor>, StoreError> {
        self.stores.documents.keys(collection, query).await
    }

    async fn scan(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>, StoreError> {
        self.stores.documents.scan(collection, after, limit).await
    }

    async fn drop_collection(&self, collection: &str) -> Result<(), StoreError> {
        self.stores.documents.drop_collection(collection).await
    }
}

/// Those of the chunks that are there.
async fn present(parts: &Parts, chunks: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for id in chunks {
        if chunk(parts, id).await.is_some() {
            found.insert(id.clone());
        }
    }
    found
}

/// One life whose store dies after so many writes. Returns the chunks that it wrote. A snapshot of another format is
/// always written anew, so that lives of different formats in turn each write one.
async fn killed_after<const FORMAT: u32>(parts: &Parts, writes: i64) -> BTreeSet<String> {
    let dying = Dying::after(parts, writes);
    let life = Life::<FORMAT>::with_stores(parts, &dying.stores()).await;
    life.knows_all().await;
    life.end().await;
    let mut chunks = dying.chunks.lock().unwrap();
    std::mem::take(&mut *chunks)
}

/// What the manifest names can be used.
async fn is_whole(parts: &Parts) {
    let loaded = counted(parts, "loaded");
    let read = match manifest(parts).await["current"]["format"].as_u64().unwrap() {
        1 => Life::<1>::begin(parts).await.desk.read(&stream()).await.is_ok(),
        _ => Life::<2>::begin(parts).await.desk.read(&stream()).await.is_ok(),
    };
    assert!(read);
    assert_eq!(
        counted(parts, "loaded"),
        loaded + 1,
        "a snapshot that counts is not whole"
    );
}

/// Killed before the first write, between any two, and not at all: what counts stays whole, and in the end no chunk is
/// left but those of the last snapshot.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_any_two_writes_of_a_snapshot_is_harmless() {
    let parts = filled().await;
    let mut chunks = BTreeSet::new();
    for writes in 0..WRITES {
        chunks.append(&mut killed_after::<2>(&parts, writes).await);
        is_whole(&parts).await;
        chunks.append(&mut killed_after::<1>(&parts, writes).await);
        is_whole(&parts).await;
    }
    assert!(counted(&parts, "failed") >= 12);
    chunks.append(&mut killed_after::<2>(&parts, i64::MAX).await);
    let last = BTreeSet::from([chunk_id(&parts, 0).await, chunk_id(&parts, 1).await]);
    assert!(chunks.len() > 4);
    assert_eq!(present(&parts, &chunks).await, last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_no_snapshot_does_not_stand_in_the_way() {
    let parts = Parts::open().await;
    let life = Life::<1>::with_stores(&parts, &Dying::after(&parts, 0).stores()).await;
    life.fill().await;
    life.knows_all().await;
    life.end().await;
    assert_eq!(counted(&parts, "written"), 0);
    assert!(counted(&parts, "failed") >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_leave_one_snapshot_that_can_be_used() {
    let parts = Parts::open().await;
    let (one, other) = (Life::<1>::begin(&parts).await, Life::<1>::begin(&parts).await);
    let stream = stream();
    one.desk.handle(&stream, keyed(0)).await.unwrap();
    let requests = (1..NAMES).map(|number| {
        let desk = if number % 2 == 0 { &one.desk } else { &other.desk };
        desk.handle(&stream, take(number))
    });
    assert!(join_all(requests).await.iter().all(Result::is_ok));
    tokio::join!(one.end(), other.end());
    Life::<1>::begin(&parts).await.knows_all().await;
    assert_eq!((counted(&parts, "loaded"), counted(&parts, "ignored")), (1, 0));
}
