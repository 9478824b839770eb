//! Other processes that share the folder, and die by kill -9. A child is this test binary, run for one test of this
//! file, which does nothing unless [`FOLDER`] is set.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use futures::future::{join_all, pending};
use msgqueue::conformance::{envelope, envelopes};
use msgqueue::{Broker, Delivery, embedded};
use tokio::time::timeout;

use super::next;

const FOLDER: &str = "MSGQUEUE_TEST_FOLDER";
const KEYS: usize = 4;

#[tokio::test]
async fn what_a_killed_process_had_confirmed_is_there_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let broker = embedded::open(folder.path()).await.unwrap();
    let mut child = Process::start("child_emits", folder.path());
    let mut confirmed = child.lines.by_ref().take(200).collect::<Vec<_>>();
    child.kill();
    confirmed.extend(child.lines.by_ref());
    broker.emitter.emit(&[envelope("end", 1)]).await.unwrap();
    let log = read_to_end(&broker).await;
    for line in confirmed {
        let (key, version) = line.split_once(' ').unwrap();
        assert!(
            log[key].contains(&version.parse().unwrap()),
            "{key} {version} was confirmed and is lost"
        );
    }
    for (key, versions) in log {
        let whole: Vec<u64> = (1..).take(versions.len()).collect();
        assert_eq!(versions, whole, "{key}");
    }
}

#[tokio::test]
async fn a_standby_takes_over_from_a_killed_process_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let broker = embedded::open(folder.path()).await.unwrap();
    broker.emitter.emit(&envelopes("a", 30)).await.unwrap();
    let mut child = Process::start("child_is_active", folder.path());
    let acknowledged: u64 = child.lines.next().unwrap().parse().unwrap();
    let mut standby = broker.listener.subscribe("group").await.unwrap();
    let early = timeout(Duration::from_millis(200), standby.next_batch(100)).await;
    assert!(early.is_err(), "a member that stands by was served");

    child.kill();
    let killed = Instant::now();
    let came = next(&mut *standby, 100).await;
    let taken_over = killed.elapsed();
    println!("took over after {taken_over:?}");
    assert!(taken_over < Duration::from_secs(1), "{taken_over:?}");
    let expected: Vec<u64> = (1..=30)
        .filter(|version| version % 2 == 1 || *version > acknowledged)
        .collect();
    assert_eq!(versions(&came), expected);
}

#[tokio::test]
async fn what_another_process_emits_is_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let broker = embedded::open(folder.path()).await.unwrap();
    let mut subscription = broker.listener.subscribe("group").await.unwrap();
    let _child = Process::start("child_emits", folder.path());
    assert_eq!(next(&mut *subscription, 1).await.len(), 1);
}

/// Emits without end, each key one by one, and prints what was confirmed.
#[tokio::test]
async fn child_emits() {
    let Some(folder) = folder_of_child() else { return };
    let broker = embedded::open(&folder).await.unwrap();
    join_all((0..KEYS).map(|key| emit_without_end(&broker, format!("key-{key}")))).await;
}

async fn emit_without_end(broker: &Broker, key: String) {
    for version in 1.. {
        broker.emitter.emit(&[envelope(&key, version)]).await.unwrap();
        println!("\n=> {key} {version}");
    }
}

/// Acknowledges every second of its first batch, prints the last version of it, then holds the group without end.
#[tokio::test]
async fn child_is_active() {
    let Some(folder) = folder_of_child() else { return };
    let broker = embedded::open(&folder).await.unwrap();
    let mut subscription = broker.listener.subscribe("group").await.unwrap();
    let batch = next(&mut *subscription, 20).await;
    let tags: Vec<_> = batch.iter().skip(1).step_by(2).map(|delivery| delivery.tag).collect();
    subscription.ack(&tags).await.unwrap();
    println!("\n=> {}", batch.len());
    pending().await
}

fn folder_of_child() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

async fn read_to_end(broker: &Broker) -> BTreeMap<String, Vec<u64>> {
    let mut subscription = broker.listener.subscribe("all").await.unwrap();
    let mut log: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    while !log.contains_key("end") {
        for delivery in next(&mut *subscription, 1_000).await {
            let versions = log.entry(delivery.message().key).or_default();
            versions.push(delivery.envelope().unwrap().version);
        }
    }
    log
}

fn versions(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries
        .iter()
        .map(|delivery| delivery.envelope().unwrap().version)
        .collect()
}

/// Killed when it is dropped, so that a test that fails leaves none behind.
struct Process {
    child: Child,
    lines: Marked,
}

impl Process {
    fn start(test: &str, folder: &Path) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([&format!("processes::{test}"), "--exact", "--nocapture"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            lines: Marked(output.lines()),
        }
    }

    /// SIGKILL on Unix.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a child has printed behind `=> `; the rest is the test runner's.
struct Marked(Lines<BufReader<ChildStdout>>);

impl Iterator for Marked {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.0
            .by_ref()
            .find_map(|line| line.ok()?.strip_prefix("=> ").map(str::to_owned))
    }
}
