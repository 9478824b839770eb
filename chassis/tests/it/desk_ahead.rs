//! In a crowd the desk decides the next batch while the last is appended, and nothing of that is told before it is true.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use contracts::{Hash, StreamId, verify_chain};
use futures::future::join_all;
use persistence::{AppendError, Commit, CommitKey, Journal, StoreError, Walked};
use tokio::sync::Semaphore;

use crate::desk::{desk_on, step_of, stream};
use crate::support::Parts;

const CLIENTS: usize = 64;
/// More than it takes until the desk decides ahead.
const ROUNDS: usize = 60;

/// A real journal, whose appends can be held up and made to fail.
pub(crate) struct Troubled {
    journal: Arc<dyn Journal>,
    gate: Semaphore,
    held: AtomicBool,
    /// Envelopes of the append that is held up.
    waiting: AtomicUsize,
    appends: AtomicU64,
    /// Envelopes of appends that failed.
    failed: AtomicUsize,
    /// How often it was looked for what others have written, and there was nothing.
    vain_looks: AtomicUsize,
    trouble: fn(u64) -> Trouble,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    /// Nothing is written.
    Unavailable,
    /// It is written, and the reply is lost.
    ReplyLost,
    /// Another writer is first.
    Overtaken,
}

impl Troubled {
    pub(crate) fn new(parts: &Parts, trouble: fn(u64) -> Trouble) -> Arc<Self> {
        Arc::new(Self {
            journal: Arc::clone(&parts.stores.journal),
            gate: Semaphore::new(0),
            held: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            appends: AtomicU64::new(0),
            failed: AtomicUsize::new(0),
            vain_looks: AtomicUsize::new(0),
            trouble,
        })
    }

    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    pub(crate) fn release(&self) {
        self.held.store(false, Ordering::SeqCst);
        self.gate.add_permits(1);
    }

    async fn overtake(&self) {
        let other = desk_on(Arc::clone(&self.journal));
        other.handle(&stream(), step_of(u32::MAX, None)).await.unwrap();
    }
}

#[async_trait]
impl Journal for Troubled {
    async fn append(&self, previous: Hash, commit: &Commit) -> Result<(), AppendError> {
        if self.held.load(Ordering::SeqCst) {
            self.waiting.store(commit.envelopes.len(), Ordering::SeqCst);
            self.gate.acquire().await.unwrap().forget();
            self.waiting.store(0, Ordering::SeqCst);
        }
        let lost = || Box::<dyn std::error::Error + Send + Sync>::from("lost");
        match (self.trouble)(self.appends.fetch_add(1, Ordering::SeqCst)) {
            Trouble::None => {}
            Trouble::Unavailable => {
                self.failed.fetch_add(commit.envelopes.len(), Ordering::SeqCst);
                return Err(StoreError::Unavailable(lost()).into());
            }
            Trouble::Overtaken => self.overtake().await,
            Trouble::ReplyLost => {
                self.journal.append(previous, commit).await?;
                return Err(StoreError::Unknown(lost()).into());
            }
        }
        self.journal.append(previous, commit).await
    }

    async fn read(&self, stream: &StreamId, after: u64, limit: usize) -> Result<Vec<Commit>, StoreError> {
        let commits = self.journal.read(stream, after, limit).await?;
        self.vain_looks
            .fetch_add(usize::from(commits.is_empty() && after > 0), Ordering::SeqCst);
        Ok(commits)
    }

    async fn walk(&self, after: Option<&CommitKey>, limit: usize) -> Result<Vec<Walked>, StoreError> {
        self.journal.walk(after, limit).await
    }

    async fn unpublished(&self, limit: usize) -> Result<Vec<Commit>, StoreError> {
        self.journal.unpublished(limit).await
    }

    async fn mark_published(&self, commits: &[CommitKey]) -> Result<(), StoreError> {
        self.journal.mark_published(commits).await
    }

    async fn unpublished_count(&self) -> Result<u64, StoreError> {
        self.journal.unpublished_count().await
    }

    async fn seal(&self) -> Result<(), StoreError> {
        self.journal.seal().await
    }

    async fn unseal(&self) -> Result<(), StoreError> {
        self.journal.unseal().await
    }
}

/// What a crowd was told: versions that are its own, and how many requests were refused.
struct Told {
    versions: Vec<u64>,
    refused: usize,
}

/// Each client asks again as soon as it is answered.
async fn crowd(journal: &Arc<Troubled>, limit: u32, decided: &Arc<AtomicU64>) -> Told {
    let desk = desk_on(Arc::clone(journal) as Arc<dyn Journal>);
    let clients = (0..CLIENTS).map(|_| {
        let (desk, decided) = (desk.clone(), Arc::clone(decided));
        tokio::spawn(async move {
            let mut answers = Vec::new();
            for _ in 0..ROUNDS {
                let request = step_of(limit, Some(Arc::clone(&decided)));
                answers.push(desk.handle(&stream(), request).await);
            }
            answers
        })
    });
    let mut told = Told {
        versions: Vec::new(),
        refused: 0,
    };
    for client in join_all(clients).await {
        for answer in client.unwrap() {
            match answer {
                Ok(outcome) => told.versions.push(outcome.version),
                Err(_) => told.refused += 1,
            }
        }
    }
    told
}

/// The versions of the journal, whose chain is whole.
async fn versions(parts: &Parts) -> BTreeSet<u64> {
    let commits = parts.stores.journal.read(&stream(), 0, usize::MAX).await.unwrap();
    let envelopes: Vec<_> = commits.into_iter().flat_map(|commit| commit.envelopes).collect();
    verify_chain((0, Hash::GENESIS), &envelopes).unwrap();
    envelopes.iter().map(|envelope| envelope.version).collect()
}

fn each_is_its_own(told: &Told) -> BTreeSet<u64> {
    let versions: BTreeSet<u64> = told.versions.iter().copied().collect();
    assert_eq!(versions.len(), told.versions.len(), "no version is two clients'");
    versions
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_batch_is_decided_while_the_last_is_appended() {
    let parts = Parts::open().await;
    let journal = Troubled::new(&parts, |_| Trouble::None);
    let decided = Arc::<AtomicU64>::default();
    let watching = async {
        testkit::eventually("commits", || async {
            (journal.appends.load(Ordering::SeqCst) > 40).then_some(())
        })
        .await;
        journal.hold();
        testkit::eventually("it decides ahead of what is appended", || async {
            let decided = decided.load(Ordering::SeqCst);
            let waiting = journal.waiting.load(Ordering::SeqCst);
            let appended = versions(&parts).await.len();
            if waiting > CLIENTS / 2 {
                // Behind so many the others are no group.
                journal.release();
                journal.hold();
                return None;
            }
            (waiting > 0 && decided > (appended + waiting) as u64).then_some(())
        })
        .await;
        journal.release();
    };
    let (told, ()) = tokio::join!(crowd(&journal, u32::MAX, &decided), watching);
    assert_eq!(told.refused, 0);
    assert_eq!(each_is_its_own(&told), versions(&parts).await);
}

fn every_kind(append: u64) -> Trouble {
    // Far enough apart for it to decide ahead again in between.
    match append % 150 {
        45 => Trouble::Unavailable,
        90 => Trouble::ReplyLost,
        140 => Trouble::Overtaken,
        _ => Trouble::None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_becomes_of_appends_every_answer_is_true() {
    let parts = Parts::open().await;
    let journal = Troubled::new(&parts, every_kind);
    let told = crowd(&journal, u32::MAX, &Arc::default()).await;
    let overtaken = (0..journal.appends.load(Ordering::SeqCst)).filter(|n| every_kind(*n) == Trouble::Overtaken);
    let (ours, all) = (each_is_its_own(&told), versions(&parts).await);
    assert!(ours.is_subset(&all));
    assert!(told.refused > 0);
    assert_eq!(
        told.refused,
        journal.failed.load(Ordering::SeqCst),
        "only what could not be appended"
    );
    assert_eq!(all.len() - ours.len(), overtaken.count());
}

/// Long after it began to decide ahead.
fn overtaken_once(append: u64) -> Trouble {
    if append == 80 {
        Trouble::Overtaken
    } else {
        Trouble::None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_overtaken_what_was_decided_ahead_is_left_turns() {
    let parts = Parts::open().await;
    let journal = Troubled::new(&parts, overtaken_once);
    crowd(&journal, u32::MAX, &Arc::default()).await;
    assert!(journal.appends.load(Ordering::SeqCst) > 90);
    assert!(journal.vain_looks.load(Ordering::SeqCst) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_decided_ahead_keeps_to_the_limit() {
    let (parts, limit) = (Parts::open().await, 3_000_u32);
    let journal = Troubled::new(&parts, every_kind);
    let told = crowd(&journal, limit, &Arc::default()).await;
    assert!(told.refused > 0);
    // Each version is a step.
    assert!(each_is_its_own(&told).last() <= Some(&u64::from(limit)));
}
