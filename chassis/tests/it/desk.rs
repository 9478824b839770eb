//! The desk decides in order, commits in groups, and lets the journal have the last word.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chassis::Recorded;
use chassis::clock::SystemClock;
use chassis::desk::{Aggregate, Desk, DeskError, Outcome, Request};
use chassis::metrics::Metrics;
use contracts::{Actor, BookingCancelled, CancelledBy, DomainEvent, Hash, IdempotencyDigests, StreamId, verify_chain};
use futures::future::join_all;
use jiff::Timestamp;
use persistence::Journal;

use crate::support::Parts;

/// Counts up to a limit; every step is an event whose size can be chosen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter {
    steps: u32,
}

const LIMIT: u32 = 100;

#[derive(Debug, Clone)]
pub(crate) struct Step {
    padding: usize,
    limit: u32,
    /// How many steps were decided.
    decided: Option<Arc<AtomicU64>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Aggregate for Counter {
    type Command = Step;
    type Rejection = Full;

    fn decide(&self, step: &Step, _now: Timestamp) -> Result<Vec<DomainEvent>, Full> {
        if self.steps >= step.limit {
            return Err(Full);
        }
        if let Some(decided) = &step.decided {
            decided.fetch_add(1, Ordering::SeqCst);
        }
        Ok(vec![DomainEvent::BookingCancelled(BookingCancelled {
            booking_id: "x".repeat(step.padding),
            event_id: "e".to_owned(),
            user_id: "u".to_owned(),
            seats: 1,
            cancelled_by: CancelledBy::Holder,
        })])
    }

    fn apply(&mut self, _: &Recorded) {
        self.steps += 1;
    }
}

fn desk(parts: &Parts) -> Desk<Counter> {
    desk_on(Arc::clone(&parts.stores.journal))
}

pub(crate) fn desk_on(journal: Arc<dyn Journal>) -> Desk<Counter> {
    let metrics = Metrics::new().unwrap();
    Desk::new(journal, Arc::new(SystemClock), Arc::default(), metrics.desk)
}

pub(crate) fn stream() -> StreamId {
    StreamId::parse("counter/1").unwrap()
}

fn step(padding: usize) -> Request<Step> {
    let mut request = step_of(LIMIT, None);
    request.command.padding = padding;
    request
}

/// Counted as soon as it is decided.
pub(crate) fn step_of(limit: u32, decided: Option<Arc<AtomicU64>>) -> Request<Step> {
    Request {
        command: Step {
            padding: 1,
            limit,
            decided,
        },
        actor: Actor::system(),
        idempotency: None,
        if_version: None,
        trace: None,
    }
}

async fn commits(parts: &Parts) -> Vec<persistence::Commit> {
    parts.stores.journal.read(&stream(), 0, usize::MAX).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_queued_behind_an_append_share_the_next_commit() {
    let parts = Parts::open().await;
    let desk = desk(&parts);
    let stream_id = stream();
    let outcomes = join_all((0..200).map(|_| desk.handle(&stream_id, step(1)))).await;
    let accepted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(accepted, LIMIT as usize);
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Ok(_) | Err(DeskError::Rejected(Full))))
    );
    let commits = commits(&parts).await;
    assert!(
        commits.len() < LIMIT as usize / 2,
        "{} commits for {LIMIT} requests",
        commits.len()
    );
    let envelopes: Vec<_> = commits.into_iter().flat_map(|commit| commit.envelopes).collect();
    assert_eq!(
        verify_chain((0, Hash::GENESIS), &envelopes).unwrap().0,
        u64::from(LIMIT)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_desks_on_one_journal_agree() {
    let parts = Parts::open().await;
    let desks = [desk(&parts), desk(&parts)];
    let stream = stream();
    let requests = (0..300).map(|i| desks[i % 2].handle(&stream, step(1)));
    let outcomes = join_all(requests).await;
    let mut versions: Vec<u64> = outcomes
        .into_iter()
        .filter_map(Result::ok)
        .map(|outcome| outcome.version)
        .collect();
    versions.sort_unstable();
    assert_eq!(
        versions,
        (1..=u64::from(LIMIT)).collect::<Vec<_>>(),
        "each version is one request's own"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_too_large_for_one_commit_is_split() {
    let parts = Parts::open().await;
    let desk = desk(&parts);
    let stream_id = stream();
    let outcomes = join_all((0..40).map(|_| desk.handle(&stream_id, step(40_000)))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let too_large = desk.handle(&stream(), step(300_000)).await;
    assert!(matches!(too_large, Err(DeskError::TooLarge)));
    assert!(desk.handle(&stream(), step(1)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_the_expected_one_is_refused() {
    let parts = Parts::open().await;
    let desk = desk(&parts);
    desk.handle(&stream(), step(1)).await.unwrap();
    let at = |version| Request {
        if_version: Some(version),
        ..step(1)
    };
    assert!(matches!(
        desk.handle(&stream(), at(7)).await,
        Err(DeskError::VersionMismatch { current: 1 })
    ));
    assert_eq!(desk.handle(&stream(), at(1)).await.unwrap().version, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_key_is_answered_from_the_journal_by_any_desk() {
    let parts = Parts::open().await;
    let keyed = |request: &str| Request {
        idempotency: Some(IdempotencyDigests {
            key: "k".to_owned(),
            request: request.to_owned(),
        }),
        ..step(1)
    };
    let first = desk(&parts).handle(&stream(), keyed("r")).await.unwrap();
    let again = desk(&parts).handle(&stream(), keyed("r")).await.unwrap();
    assert!(!first.replayed && again.replayed);
    let envelope = |outcome: &Outcome| outcome.recorded[0].envelope.clone();
    assert_eq!((first.version, envelope(&first)), (again.version, envelope(&again)));
    assert!(matches!(
        desk(&parts).handle(&stream(), keyed("other")).await,
        Err(DeskError::KeyReused)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_told_from_what_another_desk_has_changed_since() {
    let parts = Parts::open().await;
    let (one, other) = (desk(&parts), desk(&parts));
    one.handle(&stream(), step(1)).await.unwrap();
    other.handle(&stream(), step(1)).await.unwrap();
    let at_two = Request {
        if_version: Some(2),
        ..step(1)
    };
    assert_eq!(one.handle(&stream(), at_two).await.unwrap().version, 3);
}
