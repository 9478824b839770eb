//! The MongoDB adapter: the suites that every adapter passes, and what only a server shows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "everything here is a test"
)]

use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use contracts::{Actor, CommitBounds, EventName, Hash, StreamId, Unsealed};
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use persistence::conformance::{self, Harness};
use persistence::{
    BY_ID, Bound, Collection, Commit, CommitKey, Expect, Index, Journal, LeaseRecord, Query, Stores, Walked, Write,
};
use serde_json::json;
use testkit::servers::{Kind, shared};
use uuid::Uuid;

/// Each place is a database of the shared server.
#[derive(Default)]
struct Databases {
    last: Mutex<String>,
}

/// A name that nobody has used.
fn new_name() -> String {
    format!("test-{}", Uuid::now_v7().simple())
}

async fn url_of(name: &str) -> String {
    Kind::MongoDb.place(&shared(Kind::MongoDb).await, name)
}

async fn open(name: &str) -> Stores {
    persistence::open(&url_of(name).await).await.unwrap()
}

/// The same database by the driver itself.
async fn raw(name: &str) -> mongodb::Database {
    let client = mongodb::Client::with_uri_str(url_of(name).await).await.unwrap();
    client.database(name)
}

#[async_trait]
impl Harness for Databases {
    async fn open(&self) -> Stores {
        *self.last.lock().unwrap() = new_name();
        self.reopen().await
    }

    async fn reopen(&self) -> Stores {
        let name = self.last.lock().unwrap().clone();
        open(&name).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn journal() {
    conformance::journal_suite(&Databases::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents() {
    conformance::documents_suite(&Databases::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs() {
    conformance::blobs_suite(&Databases::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search() {
    conformance::search_suite(&Databases::default()).await;
}

#[tokio::test]
async fn lease_on_one_thread() {
    conformance::lease_suite(&Databases::default()).await;
}

/// What is stored by a newer build is not guessed at.
#[tokio::test]
async fn a_database_of_another_format_is_refused() {
    let name = new_name();
    drop(open(&name).await);
    let raw = raw(&name).await;
    let newer = doc! { "$set": { "version": 99_i64 } };
    raw.collection::<Document>("format")
        .update_one(doc! {}, newer)
        .await
        .unwrap();
    let refused = persistence::open(&url_of(&name).await).await.err().unwrap().to_string();
    assert!(refused.contains("format 99"), "{refused}");
}

/// It would not keep what is promised.
#[tokio::test]
async fn what_is_missing_in_a_url_is_told_in_one_line() {
    let server = shared(Kind::MongoDb).await;
    for (url, told) in [
        (server.clone(), "has to name a host, and a database"),
        (
            Kind::MongoDb.place(&server, "a.b"),
            "has to name a host, and a database",
        ),
        (
            Kind::MongoDb.place(&server, "a") + "&authMechanism=nonsense",
            "invalid mechanism",
        ),
        (
            "mongodb://nobody:wrong@HOST/a?directConnection=true".to_owned(),
            "the store refuses",
        ),
    ] {
        let host = server
            .trim_start_matches("mongodb://")
            .split('/')
            .next()
            .unwrap()
            .to_owned();
        let error = persistence::open(&url.replace("HOST", &host)).await.err().unwrap();
        let text = error.to_string();
        assert!(
            text.contains(told) && !text.contains('\n') && !text.contains("wrong@"),
            "{url}: {text}"
        );
    }
}

/// One that is damaged is named, and hides none behind it.
#[tokio::test]
async fn a_walk_passes_what_is_damaged() {
    let name = new_name();
    let journal = open(&name).await.journal;
    let commits = raw(&name).await.collection::<Document>("commits");
    let key = |stream: &str| format!("{stream} {:020}", 1);
    let odd: [Document; 5] = [
        doc! { "_id": 7 },
        doc! { "_id": key("event/1"), "last": 1_i64 },
        doc! { "_id": "event/2 17", "last": 1_i64 },
        doc! { "_id": key("event/3"), "last": 1_i64, "commit": Uuid::nil().to_string(), "hash": "", "body": "{no json" },
        doc! { "_id": { "in": "a document" } },
    ];
    commits.insert_many(odd).await.unwrap();
    for limit in [1, 2, 9] {
        let (mut after, mut met) = (None, Vec::new());
        loop {
            let page = journal.walk(after.as_ref(), limit).await.unwrap();
            assert!(page.iter().all(|walked| walked.commit.is_err()), "{page:?}");
            let stream = |walked: &Walked| {
                walked
                    .key
                    .as_ref()
                    .map_or("none".to_owned(), |key| key.stream.to_string())
            };
            met.extend(page.iter().map(stream));
            let Some(key) = page.into_iter().rev().find_map(|walked| walked.key) else {
                break;
            };
            after = Some(key);
        }
        assert_eq!(
            met,
            ["none", "event/1", "none", "event/3", "none"],
            "in pages of {limit}"
        );
    }
}

/// However it is asked, nothing goes through a whole collection to find a part of it.
#[tokio::test]
async fn every_query_goes_along_an_index() {
    let name = new_name();
    let raw = raw(&name).await;
    let stores = open(&name).await;
    raw.run_command(doc! { "profile": 2 }).await.unwrap();
    ask_everything(&stores).await;
    raw.run_command(doc! { "profile": 0 }).await.unwrap();
    let profile = raw.collection::<Document>("system.profile");
    let asked = profile.find(doc! { "op": { "$in": ["query", "command", "update", "remove"] } });
    let seen: Vec<Document> = asked.await.unwrap().try_collect().await.unwrap();
    let plan = |seen: &Document| seen.get_str("planSummary").unwrap_or_default().to_owned();
    let scans = |seen: &&Document| plan(seen).contains("COLLSCAN") && !is_small(seen);
    let scans: Vec<&Document> = seen.iter().filter(scans).collect();
    assert!(scans.is_empty(), "{scans:#?}");
    assert!(
        seen.iter().filter(|seen| plan(seen).contains("IXSCAN")).count() > 10,
        "nothing was seen"
    );
}

/// The catalogue is read as a whole where a collection is dropped; the server's own lists are no collections.
fn is_small(seen: &Document) -> bool {
    let namespace = seen.get_str("ns").unwrap_or_default();
    let is_whole = seen
        .get_document("command")
        .is_ok_and(|command| command.get_document("filter").is_ok_and(Document::is_empty));
    namespace.ends_with(".catalogue") && is_whole || namespace.contains(".$cmd")
}

async fn ask_everything(stores: &Stores) {
    const INDEXES: &[Index] = &[Index {
        name: "by_user_time",
        fields: &["user", "time"],
    }];
    let collection = Collection {
        name: "bookings".to_owned(),
        indexes: INDEXES,
    };
    stores.documents.declare(&collection).await.unwrap();
    let write = |n: usize, expect| Write {
        collection: "bookings".to_owned(),
        id: format!("{n:04}"),
        expect,
        body: Some(json!({ "user": format!("u{}", n % 7), "time": n }).into()),
    };
    for expect in [Expect::Anything, Expect::Revision(1)] {
        stores
            .documents
            .put((0..300).map(|n| write(n, expect)).collect())
            .await
            .unwrap();
    }
    stores.documents.put(vec![write(300, Expect::Absent)]).await.unwrap();
    for expect in [Expect::Anything, Expect::Revision(2), Expect::Absent] {
        let removal = Write {
            body: None,
            ..write(usize::from(expect != Expect::Anything), expect)
        };
        stores.documents.put(vec![removal]).await.unwrap();
    }
    stores.documents.get("bookings", &["0002", "none"]).await.unwrap();
    stores.documents.scan("bookings", Some("0100"), 10).await.unwrap();
    for descending in [false, true] {
        for equals in [vec![], vec![json!("u3")]] {
            let query = Query {
                equals,
                descending,
                ..Query::all("by_user_time", 5)
            };
            let page = stores.documents.find("bookings", query.clone()).await.unwrap();
            let behind = Query {
                after: page.next,
                ..query
            };
            stores.documents.find("bookings", behind.clone()).await.unwrap();
            stores.documents.keys("bookings", behind).await.unwrap();
        }
        let by_id = Query {
            lower: Some(Bound {
                value: json!("0100"),
                inclusive: true,
            }),
            descending,
            ..Query::all(BY_ID, 5)
        };
        stores.documents.find("bookings", by_id).await.unwrap();
    }
    let entries: Vec<(String, String)> = (0..3_000)
        .map(|n| (format!("{n:04}"), format!("jazz night{n}")))
        .collect();
    stores.search.index("bookings", &entries).await.unwrap();
    for text in ["night17", "jazz", "jazz night1"] {
        stores.search.find("bookings", text, 5).await.unwrap();
    }
    stores.search.scan("bookings", Some("0100"), 5).await.unwrap();
    stores.blobs.put("a", Bytes::from("1")).await.unwrap();
    stores.blobs.get(&["a", "b"]).await.unwrap();
    stores.blobs.remove(&["a"]).await.unwrap();
    let record = |counter| LeaseRecord {
        holder: "me".to_owned(),
        counter,
    };
    stores.lease.replace("relay", None, &record(1)).await.unwrap();
    stores
        .lease
        .replace("relay", Some(&record(1)), &record(2))
        .await
        .unwrap();
    stores.lease.read("relay").await.unwrap();
    let journal = &stores.journal;
    for stream in ["event/1", "event/2"] {
        let mut head = (0, Hash::GENESIS);
        for _ in 0..5 {
            head = append(&**journal, stream, head).await;
        }
    }
    let stream = StreamId::parse("event/1").unwrap();
    journal.read(&stream, 3, 10).await.unwrap();
    journal.read(&stream, 5, 10).await.unwrap();
    let waiting = journal.unpublished(3).await.unwrap();
    let keys: Vec<CommitKey> = waiting.iter().filter_map(|commit| commit.key()).collect();
    journal.mark_published(&keys).await.unwrap();
    journal.unpublished_count().await.unwrap();
    let page = journal.walk(None, 3).await.unwrap();
    journal.walk(page[0].key.as_ref(), 3).await.unwrap();
    stores.documents.drop_collection("bookings").await.unwrap();
}

/// One envelope behind `head`; returns the next one.
async fn append(journal: &dyn Journal, stream: &str, head: (u64, Hash)) -> (u64, Hash) {
    let version = head.0 + 1;
    let unsealed = Unsealed {
        id: Uuid::now_v7(),
        name: EventName::parse("event.booked"),
        stream: StreamId::parse(stream).unwrap(),
        version,
        commit: CommitBounds {
            first: version,
            last: version,
        },
        schema_version: 1,
        time: jiff::Timestamp::UNIX_EPOCH,
        actor: Actor::system(),
        idempotency: None,
        payload: json!({ "version": version }).into(),
    };
    let envelope = unsealed.seal(&head.1, None);
    let next = (version, envelope.hash);
    let commit = Commit {
        id: Uuid::now_v7(),
        envelopes: vec![envelope.into()],
    };
    journal.append(head.1, &commit).await.unwrap();
    next
}
