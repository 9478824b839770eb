//! The SQLite adapter: the suites that every adapter passes, and what only a process of its own can show.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "everything here is a test"
)]

use std::io::{BufRead, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use contracts::{Actor, CommitBounds, Envelope, EventName, Hash, StreamId, Unsealed, verify_chain};
use persistence::conformance::{self, Harness};
use persistence::{Collection, Commit, Expect, Journal, Stores, Write};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

/// Each place is a folder; all are kept until the end of the suite.
#[derive(Default)]
struct Folders {
    made: Mutex<Vec<TempDir>>,
}

async fn open(folder: &Path) -> Stores {
    persistence::open(&format!("sqlite:{}", folder.display()))
        .await
        .unwrap()
}

#[async_trait]
impl Harness for Folders {
    async fn open(&self) -> Stores {
        self.made.lock().unwrap().push(tempfile::tempdir().unwrap());
        self.reopen().await
    }

    async fn reopen(&self) -> Stores {
        let folder = self.made.lock().unwrap().last().unwrap().path().join("data");
        open(&folder).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn journal() {
    conformance::journal_suite(&Folders::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents() {
    conformance::documents_suite(&Folders::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs() {
    conformance::blobs_suite(&Folders::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search() {
    conformance::search_suite(&Folders::default()).await;
}

#[tokio::test]
async fn lease_on_one_thread() {
    conformance::lease_suite(&Folders::default()).await;
}

#[tokio::test]
async fn whoever_writes_does_not_wait_for_a_large_collection_to_be_dropped() {
    let place = tempfile::tempdir().unwrap();
    let documents = open(place.path()).await.documents;
    let write = |collection: &str, id: String| Write {
        collection: collection.to_owned(),
        id,
        expect: Expect::Anything,
        body: Some(json!({}).into()),
    };
    for name in ["large", "small"] {
        let (name, indexes): (_, &[_]) = (name.to_owned(), &[]);
        documents.declare(&Collection { name, indexes }).await.unwrap();
    }
    let large = (0..20_000).map(|number| write("large", format!("{number}")));
    documents.put(large.collect()).await.unwrap();
    let dropping = tokio::spawn({
        let documents = Arc::clone(&documents);
        async move { documents.drop_collection("large").await }
    });
    let mut puts = 0;
    while !dropping.is_finished() {
        documents.put(vec![write("small", "one".to_owned())]).await.unwrap();
        puts += 1;
    }
    dropping.await.unwrap().unwrap();
    assert!(puts > 5, "{puts} writes came in between");
}

#[tokio::test]
async fn many_can_open_a_new_folder_at_once() {
    for _ in 0..10 {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/new/one");
        futures::future::join_all((0..8).map(|_| open(&folder))).await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_folder_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    open(&folder).await;
    let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_unavailable() {
    let place = tempfile::NamedTempFile::new().unwrap();
    let url = format!("sqlite:{}/data", place.path().display());
    assert!(persistence::open(&url).await.is_err());
}

fn stream() -> StreamId {
    StreamId::parse("inventory/1").unwrap()
}

/// One envelope behind `head`.
fn next(head: (u64, Hash)) -> Commit {
    let version = head.0 + 1;
    let unsealed = Unsealed {
        id: Uuid::now_v7(),
        name: EventName::parse("event.booked"),
        stream: stream(),
        version,
        commit: CommitBounds {
            first: version,
            last: version,
        },
        schema_version: 1,
        time: jiff::Timestamp::UNIX_EPOCH,
        actor: Actor::system(),
        idempotency: None,
        payload: json!({"version": version}).into(),
    };
    Commit {
        id: Uuid::now_v7(),
        envelopes: vec![unsealed.seal(&head.1, None).into()],
    }
}

/// The head of the stream, all of which has to be there.
async fn verified_head(journal: &dyn Journal) -> (u64, Hash) {
    let commits = journal.read(&stream(), 0, usize::MAX).await.unwrap();
    let envelopes: Vec<Arc<Envelope>> = commits.into_iter().flat_map(|commit| commit.envelopes).collect();
    verify_chain((0, Hash::GENESIS), &envelopes).unwrap()
}

async fn append(journal: &dyn Journal, head: (u64, Hash)) -> (u64, Hash) {
    let commit = next(head);
    let last = (head.0 + 1, commit.envelopes[0].hash);
    journal.append(head.1, &commit).await.unwrap();
    last
}

/// Where the child keeps its journal. Only set in the child, which is this program again.
const FOLDER: &str = "PERSISTENCE_TEST_FOLDER";
/// What the child says before each version that was acknowledged.
const ACKNOWLEDGED: &str = "acknowledged ";

#[tokio::test]
async fn child_that_appends_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let journal = open(Path::new(&folder)).await.journal;
    let mut head = verified_head(&*journal).await;
    loop {
        head = append(&*journal, head).await;
        println!("{ACKNOWLEDGED}{}", head.0);
        std::io::stdout().flush().unwrap();
    }
}

fn spawn_child(folder: &Path) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_appends_until_it_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, output)
}

fn acknowledged(line: &str) -> Option<u64> {
    let (_, version) = line.split_once(ACKNOWLEDGED)?;
    version.parse().ok()
}

/// Kills the child after some appends, and returns the last version that it was told to be durable.
fn append_and_kill(folder: &Path, appends: usize) -> u64 {
    let (mut child, mut output) = spawn_child(folder);
    let versions = output
        .by_ref()
        .map_while(Result::ok)
        .filter_map(|line| acknowledged(&line));
    let before = versions.take(appends).last().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // What stood in the pipe was acknowledged too. The last line may be cut off, and then is lower than the truth.
    let rest = output.map_while(Result::ok).filter_map(|line| acknowledged(&line));
    rest.last().unwrap_or(before).max(before)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9() {
    let place = tempfile::tempdir().unwrap();
    for appends in [1, 40, 150] {
        let acknowledged = append_and_kill(place.path(), appends);
        let journal = open(place.path()).await.journal;
        let mut head = verified_head(&*journal).await;
        assert!(
            head.0 >= acknowledged,
            "{acknowledged} was acknowledged, {} is there",
            head.0
        );
        assert_eq!(journal.unpublished_count().await.unwrap(), head.0);
        for _ in 0..3 {
            head = append(&*journal, head).await;
        }
        assert_eq!(verified_head(&*journal).await, head);
    }
}

/// Another process writes at full speed: neither is starved, and each sees the other's appends as conflicts only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_may_write_to_the_same_folder() {
    let place = tempfile::tempdir().unwrap();
    let (mut child, mut output) = spawn_child(place.path());
    let first = output
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| acknowledged(&line))
        .unwrap();
    let stores = open(place.path()).await;
    let other = StreamId::parse("event/other").unwrap();
    let mut head = (0, Hash::GENESIS);
    for _ in 0..50 {
        let mut commit = next(head);
        let mut unsealed = Unsealed::clone(&commit.envelopes.remove(0));
        unsealed.stream = other.clone();
        let envelope = unsealed.seal(&head.1, None);
        let previous = std::mem::replace(&mut head, (envelope.version, envelope.hash)).1;
        commit.envelopes.push(envelope.into());
        stores.journal.append(previous, &commit).await.unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let last = output
        .map_while(Result::ok)
        .filter_map(|line| acknowledged(&line))
        .last()
        .unwrap_or(first);
    assert!(verified_head(&*stores.journal).await.0 >= last);
    assert_eq!(stores.journal.read(&other, 0, usize::MAX).await.unwrap().len(), 50);
}
