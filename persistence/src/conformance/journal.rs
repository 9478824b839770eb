//! Appending and reading.

use std::sync::Arc;

use std::sync::atomic::{AtomicBool, Ordering};

use contracts::{Hash, verify_chain};
use futures::future::join_all;
use serde_json::json;

use super::fixtures::{Writer, assert_conflict, envelopes, payload, stream_id};
use super::{Harness, Suite};
use crate::{AppendError, Commit, InvalidCommit, Journal, MAX_COMMIT_BYTES, StoreError};

pub(super) async fn run(suite: &mut Suite, h: &dyn Harness) {
    suite
        .check("versions are gapless from 1 and hashes chained", gapless(h))
        .await;
    suite.check("a commit is read as it was written", kept_exactly(h)).await;
    suite.check("a gap is refused", gap_refused(h)).await;
    suite
        .check("a stale append conflicts and tells the head", stale_append(h))
        .await;
    suite
        .check("of racing writers one wins each version", racing_writers(h))
        .await;
    suite
        .check("a repeated append succeeds without writing", repeated(h))
        .await;
    suite
        .check(
            "an append repeated at the same time is written once",
            repeated_at_once(h),
        )
        .await;
    suite
        .check("an id does not excuse another content", same_id_other_content(h))
        .await;
    suite
        .check("an id does not excuse other bounds", same_id_other_bounds(h))
        .await;
    suite
        .check("no part of a commit is ever seen", whole_or_not_at_all(h))
        .await;
    suite.check("the head's hash has to be known", other_history(h)).await;
    suite.check("a broken chain is refused", broken_chain(h)).await;
    suite
        .check("malformed and oversized commits are refused", malformed(h))
        .await;
    suite.check("the largest commit is accepted", largest(h)).await;
    suite
        .check(
            "reading begins with the commit that holds the next version",
            reading_from_within(h),
        )
        .await;
    suite.check("reading stops at the limit", reading_in_pages(h)).await;
    suite.check("an unknown stream is empty", unknown_stream(h)).await;
    suite
        .check("streams with similar names stay apart", similar_names(h))
        .await;
    suite
        .check("appends to many streams do not hurt each other", many_at_once(h))
        .await;
    suite
        .check("a walk meets every commit once, in the order of keys", walked(h))
        .await;
    suite
        .check("a walk may be made while others append", walked_while_appending(h))
        .await;
    suite
        .check("a sealed journal takes nothing more from anybody", sealed(h))
        .await;
    suite
        .check("everything is there after opening again", reopened(h))
        .await;
}

/// The whole stream, checked hash by hash.
async fn history(journal: &dyn Journal, stream: &str) -> Vec<Commit> {
    let commits = journal.read(&stream_id(stream), 0, usize::MAX).await.unwrap();
    verify_chain((0, Hash::GENESIS), &envelopes(&commits)).unwrap();
    commits
}

async fn gapless(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let mut writer = Writer::new("event/1");
    let mut written = Vec::new();
    for count in [1, 3, 2, 1] {
        written.push(writer.append(&*journal, count).await);
    }
    assert_eq!(history(&*journal, "event/1").await, written);
}

async fn kept_exactly(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let writer = Writer::new("inventory/a-b_c.d~%27*");
    let mut dice = super::fixtures::Dice::new(5);
    let mut bits = || (dice.roll(usize::MAX) << 31 | dice.roll(usize::MAX)) as u64;
    let floats: Vec<f64> = (0..500).map(|_| f64::from_bits(bits())).collect();
    let commit = writer.next_with(vec![payload("one"), json!(null), json!(floats), json!({})]);
    journal.append(Hash::GENESIS, &commit).await.unwrap();
    assert_eq!(
        history(&*journal, writer.stream.as_str()).await,
        std::slice::from_ref(&commit)
    );
    assert_eq!(journal.unpublished(1).await.unwrap(), [commit]);
}

async fn gap_refused(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let mut ahead = Writer::new("event/1");
    ahead.saw(&ahead.next(1));
    assert_conflict(&journal.append(ahead.hash, &ahead.next(1)).await, 0);

    let mut writer = Writer::new("event/1");
    let first = writer.append(&*journal, 2).await;
    let skipped = writer.next(1);
    writer.saw(&skipped);
    assert_conflict(&journal.append(writer.hash, &writer.next(1)).await, 2);
    assert_eq!(history(&*journal, "event/1").await, [first]);
}

async fn stale_append(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let mut writer = Writer::new("event/1");
    let stale = writer.clone();
    let first = writer.append(&*journal, 1).await;
    let halfway = writer.clone();
    let second = writer.append(&*journal, 3).await;
    assert_conflict(&journal.append(stale.hash, &stale.next(1)).await, 4);
    assert_conflict(&journal.append(stale.hash, &stale.next(9)).await, 4);
    assert_conflict(&journal.append(halfway.hash, &halfway.next(1)).await, 4);
    assert_eq!(history(&*journal, "event/1").await, [first, second]);
}

/// Both handles try with several writers each, who all have read the same version.
async fn racing_writers(h: &dyn Harness) {
    let (one, other) = (h.open().await.journal, h.reopen().await.journal);
    let mut writer = Writer::new("inventory/hot");
    for round in 0..40 {
        let journals = [&one, &other, &one, &other, &one, &other];
        let tries = journals.map(|journal| async { journal.append(writer.hash, &writer.next(1 + round % 3)).await });
        let outcomes = join_all(tries).await;
        let wins = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(wins, 1, "round {round}: {outcomes:?}");
        let before = writer.version;
        writer.catch_up(&*other).await;
        assert_eq!(writer.version, before + 1 + round as u64 % 3);
        for outcome in outcomes.iter().filter(|outcome| outcome.is_err()) {
            assert_conflict(outcome, writer.version);
        }
    }
    assert_eq!(history(&*one, "inventory/hot").await.len(), 40);
}

async fn repeated(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let mut writer = Writer::new("event/1");
    let first = writer.append(&*journal, 2).await;
    journal.append(Hash::GENESIS, &first).await.unwrap();
    let second = writer.append(&*journal, 1).await;
    let base = first.envelopes[1].hash;
    for journal in [journal, h.reopen().await.journal] {
        journal.append(Hash::GENESIS, &first).await.unwrap();
        journal.append(base, &second).await.unwrap();
        assert_eq!(history(&*journal, "event/1").await, [first.clone(), second.clone()]);
    }
}

async fn repeated_at_once(h: &dyn Harness) {
    let (one, other) = (h.open().await.journal, h.reopen().await.journal);
    for round in 0..20 {
        let writer = Writer::new(&format!("event/{round}"));
        let commit = writer.next(2);
        let journals = [&one, &other, &one, &other];
        let tries = journals.map(|journal| journal.append(Hash::GENESIS, &commit));
        for outcome in join_all(tries).await {
            outcome.unwrap();
        }
        assert_eq!(history(&*one, writer.stream.as_str()).await, [commit]);
    }
    assert_eq!(one.unpublished_count().await.unwrap(), 20);
}

async fn same_id_other_content(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let fresh = Writer::new("event/1");
    let mut writer = fresh.clone();
    let first = writer.append(&*journal, 2).await;
    let mut other = fresh.next_with(vec![json!(1), json!(2)]);
    other.id = first.id;
    assert_conflict(&journal.append(Hash::GENESIS, &other).await, 2);
    assert_eq!(history(&*journal, "event/1").await, [first]);
}

async fn same_id_other_bounds(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let fresh = Writer::new("event/1");
    let mut writer = fresh.clone();
    let first = writer.append(&*journal, 2).await;
    for count in [1, 3] {
        let mut other = fresh.next(count);
        other.id = first.id;
        assert_conflict(&journal.append(Hash::GENESIS, &other).await, 2);
    }
    assert_eq!(history(&*journal, "event/1").await, [first]);
}

/// One handle writes, the other reads all the time.
async fn whole_or_not_at_all(h: &dyn Harness) {
    let (journal, watcher) = (h.open().await.journal, h.reopen().await.journal);
    let done = AtomicBool::new(false);
    let write = async {
        let mut writer = Writer::new("event/1");
        for _ in 0..30 {
            writer.append(&*journal, 5).await;
        }
        done.store(true, Ordering::SeqCst);
    };
    let watch = async {
        let mut seen = 0;
        while !done.load(Ordering::SeqCst) {
            let commits = history(&*watcher, "event/1").await;
            assert!(commits.iter().all(|commit| commit.envelopes.len() == 5));
            assert!(commits.len() >= seen, "what was seen stays");
            seen = commits.len();
            tokio::task::yield_now().await;
        }
    };
    futures::join!(write, watch);
    assert_eq!(history(&*watcher, "event/1").await.len(), 30);
}

/// A commit that is whole in itself, but stands on a history that is not the journal's.
async fn other_history(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let fresh = Writer::new("event/1");
    let mut writer = fresh.clone();
    let first = writer.append(&*journal, 1).await;
    let mut elsewhere = fresh;
    elsewhere.saw(&elsewhere.next_with(vec![json!("another first")]));
    assert_conflict(&journal.append(elsewhere.hash, &elsewhere.next(1)).await, 1);
    assert_eq!(history(&*journal, "event/1").await, [first]);
}

async fn broken_chain(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let mut writer = Writer::new("event/1");
    let first = writer.append(&*journal, 1).await;
    let commit = writer.next(2);
    let wrong = journal.append(Hash::GENESIS, &commit).await;
    assert!(
        matches!(wrong, Err(AppendError::Invalid(InvalidCommit::Broken(_)))),
        "{wrong:?}"
    );

    let mut tampered = commit;
    Arc::make_mut(&mut tampered.envelopes[1]).payload = json!({"seats": 1000}).into();
    let refused = journal.append(writer.hash, &tampered).await;
    assert!(
        matches!(refused, Err(AppendError::Invalid(InvalidCommit::Broken(_)))),
        "{refused:?}"
    );
    assert_eq!(history(&*journal, "event/1").await, [first]);
}

async fn malformed(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let writer = Writer::new("event/1");
    let empty = journal.append(Hash::GENESIS, &writer.next(0)).await;
    assert!(
        matches!(empty, Err(AppendError::Invalid(InvalidCommit::Empty))),
        "{empty:?}"
    );

    let large = writer.next_with(vec![json!("x".repeat(MAX_COMMIT_BYTES))]);
    let large = journal.append(Hash::GENESIS, &large).await;
    assert!(
        matches!(large, Err(AppendError::Invalid(InvalidCommit::TooLarge(_)))),
        "{large:?}"
    );

    let mut two_streams = writer.next(1);
    two_streams.envelopes.extend(Writer::new("event/2").next(1).envelopes);
    let mixed = journal.append(Hash::GENESIS, &two_streams).await;
    assert!(
        matches!(mixed, Err(AppendError::Invalid(InvalidCommit::Mixed))),
        "{mixed:?}"
    );

    assert!(history(&*journal, "event/1").await.is_empty());
    assert_eq!(journal.unpublished_count().await.unwrap(), 0);
}

async fn largest(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let writer = Writer::new("event/1");
    let around = serde_json::to_string(&writer.next_with(vec![json!("")]).envelopes)
        .unwrap()
        .len();
    let commit = writer.next_with(vec![json!("x".repeat(MAX_COMMIT_BYTES - around))]);
    journal.append(Hash::GENESIS, &commit).await.unwrap();
    assert_eq!(history(&*journal, "event/1").await, [commit]);
}

async fn reading_from_within(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let mut writer = Writer::new("event/1");
    let mut written = Vec::new();
    for count in [2, 3, 1] {
        written.push(writer.append(&*journal, count).await);
    }
    for (after, from) in [
        (0, 0),
        (1, 0),
        (2, 1),
        (3, 1),
        (4, 1),
        (5, 2),
        (6, 3),
        (7, 3),
        (u64::MAX, 3),
    ] {
        let read = journal.read(&writer.stream, after, usize::MAX).await.unwrap();
        assert_eq!(read, written[from..], "after {after}");
    }
}

async fn reading_in_pages(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let mut writer = Writer::new("event/1");
    for _ in 0..7 {
        writer.append(&*journal, 2).await;
    }
    let mut reader = Writer::new("event/1");
    let mut sizes = Vec::new();
    while reader.version < writer.version {
        let commits = journal.read(&reader.stream, reader.version, 3).await.unwrap();
        sizes.push(commits.len());
        let first = commits.first().unwrap();
        assert_eq!(first.envelopes[0].version, reader.version + 1);
        reader.saw(commits.last().unwrap());
    }
    assert_eq!(sizes, [3, 3, 1]);
}

async fn unknown_stream(h: &dyn Harness) {
    let journal = h.open().await.journal;
    Writer::new("event/1").append(&*journal, 1).await;
    assert!(history(&*journal, "event/2").await.is_empty());
}

async fn similar_names(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let names = [
        "event/a",
        "event/A",
        "event/a_",
        "event/a%",
        "event/a/1",
        "Event/a",
        "event/ab",
    ];
    let mut written = Vec::new();
    for name in names {
        written.push(Writer::new(name).append(&*journal, 1).await);
    }
    for (name, commit) in names.iter().zip(written) {
        assert_eq!(history(&*journal, name).await, [commit], "{name}");
    }
}

/// Every tenth append is a stale one.
async fn many_at_once(h: &dyn Harness) {
    let (one, other) = (h.open().await.journal, h.reopen().await.journal);
    let hot = Writer::new("event/hot");
    hot.clone().append(&*one, 1).await;
    let append = |n: usize| {
        let journal = if n.is_multiple_of(2) { &one } else { &other };
        let mut writer = Writer::new(&format!("event/{n}"));
        let stale = n.is_multiple_of(10).then(|| hot.next(1));
        async move {
            if let Some(stale) = stale {
                assert_conflict(&journal.append(Hash::GENESIS, &stale).await, 1);
            }
            for _ in 0..3 {
                writer.append(&**journal, 1).await;
            }
        }
    };
    join_all((0..100).map(append)).await;
    for n in 0..100 {
        assert_eq!(history(&*other, &format!("event/{n}")).await.len(), 3);
    }
    assert_eq!(one.unpublished_count().await.unwrap(), 301);
}

async fn sealed(h: &dyn Harness) {
    let (one, other) = (h.open().await.journal, h.reopen().await.journal);
    let (mut writer, mut fresh) = (Writer::new("event/1"), Writer::new("event/2"));
    let first = writer.append(&*other, 1).await;
    for _ in 0..2 {
        one.seal().await.unwrap();
        let later = h.reopen().await.journal;
        for journal in [&one, &other, &later] {
            for writer in [&writer, &fresh] {
                let refused = journal.append(writer.hash, &writer.next(1)).await;
                let is_unavailable = matches!(refused, Err(AppendError::Store(StoreError::Unavailable(_))));
                assert!(is_unavailable, "{refused:?}");
            }
        }
    }
    let key = first.key().unwrap();
    assert_eq!(history(&*other, "event/1").await, [first]);
    assert!(history(&*other, "event/2").await.is_empty());
    other.mark_published(&[key]).await.unwrap();
    assert_eq!(one.unpublished_count().await.unwrap(), 0);
    for _ in 0..2 {
        other.unseal().await.unwrap();
        writer.append(&*one, 1).await;
    }
    fresh.append(&*other, 1).await;
    assert_eq!(one.unpublished_count().await.unwrap(), 3);
}

async fn reopened(h: &dyn Harness) {
    let stores = h.open().await;
    let mut writer = Writer::new("event/1");
    let first = writer.append(&*stores.journal, 2).await;
    drop(stores);
    let journal = h.reopen().await.journal;
    assert_eq!(history(&*journal, "event/1").await, std::slice::from_ref(&first));
    assert_eq!(journal.unpublished(5).await.unwrap(), [first]);
    writer.append(&*journal, 1).await;
}

/// The whole journal, in pages of `limit`.
async fn walk(journal: &dyn Journal, limit: usize) -> Vec<Commit> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = journal.walk(after.as_ref(), limit).await.unwrap();
        assert!(page.len() <= limit);
        let Some(last) = page.last() else { return all };
        after = last.key.clone();
        for walked in page {
            let commit = walked.commit.unwrap();
            assert_eq!(commit.key(), walked.key);
            all.push(commit);
        }
    }
}

async fn walked(h: &dyn Harness) {
    let journal = h.open().await.journal;
    assert_eq!(walk(&*journal, 10).await, []);
    let mut written = Vec::new();
    for stream in [
        "event/2",
        "event/10",
        "user/1",
        "event/1",
        "event/1-a",
        "Event/1",
        "event/1/a",
    ] {
        let mut writer = Writer::new(stream);
        for count in [1, 2, 1, 1, 1, 1, 1, 1, 1, 3, 1] {
            written.push(writer.append(&*journal, count).await);
        }
    }
    journal
        .mark_published(&[written[0].key().unwrap(), written[30].key().unwrap()])
        .await
        .unwrap();
    let place = |commit: &Commit| (commit.envelopes[0].stream.to_string(), commit.envelopes[0].version);
    written.sort_by_key(place);
    for limit in [1, 2, 7, written.len(), 1_000] {
        assert_eq!(walk(&*journal, limit).await, written, "in pages of {limit}");
    }
}

async fn walked_while_appending(h: &dyn Harness) {
    let journal = h.open().await.journal;
    let other = h.reopen().await.journal;
    let mut writers: Vec<Writer> = (0..20).map(|n| Writer::new(&format!("event/{n}"))).collect();
    for writer in &mut writers {
        writer.append(&*journal, 1).await;
    }
    let appending = async {
        for round in 0..10 {
            for writer in writers.iter_mut().skip(round % 2) {
                writer.append(&*other, 2).await;
            }
        }
    };
    let walking = async {
        for _ in 0..10 {
            let mut at = (String::new(), 0);
            for commit in walk(&*journal, 3).await {
                let (first, last) = (&commit.envelopes[0], commit.envelopes.last().unwrap());
                let stream = first.stream.to_string();
                let follows = if stream == at.0 { at.1 + 1 } else { 1 };
                assert!(stream >= at.0 && first.version == follows, "{stream} {}", first.version);
                at = (stream, last.version);
            }
        }
    };
    futures::join!(appending, walking);
    let all: usize = walk(&*journal, 50)
        .await
        .iter()
        .map(|commit| commit.envelopes.len())
        .sum();
    assert_eq!(all, 20 + 2 * (20 * 5 + 19 * 5));
}
