//! What waits to be published.

use std::collections::{BTreeMap, BTreeSet};

use super::fixtures::{Writer, key, keys};
use super::{Harness, Suite};
use crate::{Commit, CommitKey, Journal};

pub(super) async fn run(suite: &mut Suite, h: &dyn Harness) {
    suite.check("a stream's commits wait in order", in_order(h)).await;
    suite
        .check("no commit is returned before its predecessor", after_its_predecessor(h))
        .await;
    suite
        .check("cold streams are served beside a hot one", cold_beside_hot(h))
        .await;
    suite
        .check("a hot stream alone gets the whole limit", hot_alone(h))
        .await;
    suite.check("room that others leave is used", room_is_used(h)).await;
    suite
        .check("with more streams than limit, calls go round them", round_robin(h))
        .await;
    suite
        .check("going round drains everything once, in order", drained(h))
        .await;
    suite.check("marking takes effect at once", marked_at_once(h)).await;
    suite
        .check("marking twice, unknown or nothing is fine", marked_oddly(h))
        .await;
    suite
        .check(
            "a repeated append of a published commit does not wait again",
            not_again(h),
        )
        .await;
    suite
        .check(
            "what waits is the same for other handles and after opening again",
            shared(h),
        )
        .await;
}

async fn written(journal: &dyn Journal, stream: &str, commits: usize) -> Vec<Commit> {
    let mut writer = Writer::new(stream);
    let mut written = Vec::new();
    for n in 0..commits {
        written.push(writer.append(journal, 1 + n % 2).await);
    }
    written
}

async fn unpublished(journal: &dyn Journal, limit: usize) -> Vec<Commit> {
    let commits = journal.unpublished(limit).await.unwrap();
    assert!(commits.len() <= limit, "{} for a limit of {limit}", commits.len());
    commits
}

fn streams(commits: &[Commit]) -> BTreeSet<String> {
    keys(commits).iter().map(|key| key.stream.to_string()).collect()
}

async fn in_order(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let commits = written(&*journal, "event/1", 12).await;
    assert_eq!(unpublished(&*journal, 100).await, commits);
    assert_eq!(unpublished(&*journal, 5).await, commits[..5]);
}

/// Marks in any order, and looks at every answer.
async fn after_its_predecessor(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let all = [
        written(&*journal, "event/1", 8).await,
        written(&*journal, "event/2", 8).await,
        written(&*journal, "location/1", 3).await,
    ];
    let mut published = BTreeSet::new();
    for (n, limit) in [3, 1, 7, 20, 2, 5, 4, 20].into_iter().enumerate() {
        let commits = unpublished(&*journal, limit).await;
        assert_predecessors(&commits, &all, &published);
        let marked = [all[0][7 - n].clone(), all[1][(n * 3) % 8].clone()];
        journal.mark_published(&keys(&marked)).await.unwrap();
        published.extend(marked.iter().map(place));
    }
}

fn assert_predecessors(commits: &[Commit], all: &[Vec<Commit>], published: &BTreeSet<(String, u64)>) {
    let mut done = published.clone();
    for commit in commits {
        let stream = all.iter().find(|stream| stream.contains(commit)).unwrap();
        let position = stream.iter().position(|other| other == commit).unwrap();
        assert!(
            !done.contains(&place(commit)),
            "published or returned twice: {:?}",
            place(commit)
        );
        let predecessor = position.checked_sub(1).map(|before| place(&stream[before]));
        assert!(
            predecessor.is_none_or(|before| done.contains(&before)),
            "too early: {:?}",
            place(commit)
        );
        done.insert(place(commit));
    }
}

fn place(commit: &Commit) -> (String, u64) {
    let key = key(commit);
    (key.stream.to_string(), key.first_version)
}

async fn cold_beside_hot(h: &dyn Harness) {
    let journal = h.open().await.journal;
    written(&*journal, "inventory/hot", 1000).await;
    let cold = ["event/1", "event/2", "inventory/a", "inventory/z", "user/1"];
    for stream in cold {
        written(&*journal, stream, 1).await;
    }
    let served = streams(&unpublished(&*journal, 10).await);
    for stream in cold {
        assert!(served.contains(stream), "{stream} was not served: {served:?}");
    }
}

async fn hot_alone(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let commits = written(&*journal, "inventory/hot", 30).await;
    for _ in 0..3 {
        assert_eq!(unpublished(&*journal, 25).await, commits[..25]);
    }
}

async fn room_is_used(h: &dyn Harness) {
    let journal = h.open().await.journal;
    written(&*journal, "event/1", 20).await;
    written(&*journal, "event/2", 1).await;
    written(&*journal, "event/3", 20).await;
    for limit in [3, 4, 10, 41] {
        assert_eq!(unpublished(&*journal, limit).await.len(), limit);
    }
    assert_eq!(unpublished(&*journal, 1000).await.len(), 41);
}

/// Nothing is marked: a broken broker must not keep all but the first streams from being tried.
async fn round_robin(h: &dyn Harness) {
    let journal = h.open().await.journal;
    for n in 0..23 {
        written(&*journal, &format!("event/{n}"), 2).await;
    }
    let mut served = BTreeSet::new();
    for _ in 0..12 {
        served.extend(streams(&unpublished(&*journal, 4).await));
    }
    assert_eq!(served.len(), 23, "{served:?}");
}

async fn drained(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let mut waiting: BTreeMap<String, Vec<Commit>> = BTreeMap::new();
    for n in 0..9 {
        let stream = format!("event/{n}");
        waiting.insert(stream.clone(), written(&*journal, &stream, 1 + n * 2).await);
    }
    let mut published: BTreeMap<String, Vec<Commit>> = BTreeMap::new();
    let mut total = waiting.values().map(Vec::len).sum::<usize>() as u64;
    while total > 0 {
        assert_eq!(journal.unpublished_count().await.unwrap(), total);
        let commits = unpublished(&*journal, 4).await;
        assert!(!commits.is_empty());
        total -= commits.len() as u64;
        journal.mark_published(&keys(&commits)).await.unwrap();
        for commit in commits {
            published
                .entry(key(&commit).stream.to_string())
                .or_default()
                .push(commit);
        }
    }
    assert_eq!(published, waiting);
    assert!(unpublished(&*journal, 4).await.is_empty());
}

async fn marked_at_once(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let commits = written(&*journal, "event/1", 30).await;
    for (n, commit) in commits.iter().enumerate() {
        journal.mark_published(&[key(commit)]).await.unwrap();
        assert_eq!(unpublished(&*journal, 100).await, commits[n + 1..]);
    }
}

async fn marked_oddly(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let commits = written(&*journal, "event/1", 3).await;
    let unknown = CommitKey {
        first_version: 77,
        ..key(&commits[0])
    };
    let elsewhere = CommitKey {
        stream: super::fixtures::stream_id("event/2"),
        ..key(&commits[1])
    };
    journal.mark_published(&[]).await.unwrap();
    journal
        .mark_published(&[unknown, elsewhere, key(&commits[0]), key(&commits[0])])
        .await
        .unwrap();
    journal.mark_published(&[key(&commits[0])]).await.unwrap();
    assert_eq!(unpublished(&*journal, 10).await, commits[1..]);
    assert_eq!(journal.unpublished_count().await.unwrap(), 2);
}

async fn not_again(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let fresh = Writer::new("event/1");
    let commit = fresh.clone().append(&*journal, 1).await;
    journal.mark_published(&[key(&commit)]).await.unwrap();
    journal.append(fresh.hash, &commit).await.unwrap();
    assert!(unpublished(&*journal, 10).await.is_empty());
    assert_eq!(journal.unpublished_count().await.unwrap(), 0);
}

async fn shared(h: &dyn Harness) {
    let stores = h.open().await;
    let commits = written(&*stores.journal, "event/1", 4).await;
    let other = h.reopen().await.journal;
    assert_eq!(unpublished(&*other, 10).await, commits);
    other.mark_published(&[key(&commits[0])]).await.unwrap();
    assert_eq!(unpublished(&*stores.journal, 10).await, commits[1..]);
    drop((stores, other));
    assert_eq!(unpublished(&*h.reopen().await.journal, 10).await, commits[1..]);
}
