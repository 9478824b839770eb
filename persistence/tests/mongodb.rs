//! The MongoDB adapter: the suites that every adapter passes, and what only a server shows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "everything here is a test"
)]

use std::sync::Mutex;

use async_trait::async_trait;
use persistence::Stores;
use persistence::conformance::{self, Harness};
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

async fn open(name: &str) -> Stores {
    let url = Kind::MongoDb.place(&shared(Kind::MongoDb).await, name);
    persistence::open(&url).await.unwrap()
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
