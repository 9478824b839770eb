//! The embedded log passes the conformance suite, survives kill -9, and passes on what it cannot decode.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests fail and print like tests"
)]

mod processes;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use msgqueue::conformance::{self, Harness, Report, envelope};
use msgqueue::embedded::{self, Log};
use msgqueue::{Broker, BrokerError, Delivery, Message, OpenError, Subscription};
use tempfile::TempDir;
use tokio::time::timeout;

/// Only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_secs(120);

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }
}

#[async_trait]
impl Harness for Place {
    async fn open(&self) -> Broker {
        embedded::open(self.folder()).await.unwrap()
    }

    async fn reopen(&self) -> Broker {
        self.open().await
    }
}

/// The log is in one order and remembers every acknowledgement, so it repeats nothing to a subscription.
fn passes(report: Report) {
    println!("{report}");
    assert_eq!(report.repeats, 0);
    assert_ne!(report.messages, 0, "no check is skipped");
}

async fn next(subscription: &mut dyn Subscription, max: usize) -> Vec<Delivery> {
    let batch = timeout(PATIENCE, subscription.next_batch(max)).await;
    batch.expect("no message came").unwrap()
}

#[tokio::test]
async fn every_field_survives() {
    passes(conformance::every_field_survives(&Place::new()).await);
}

#[tokio::test]
async fn empty_batch_succeeds() {
    passes(conformance::empty_batch_succeeds(&Place::new()).await);
}

#[tokio::test]
async fn many_groups_get_thousands_of_messages() {
    passes(conformance::many_groups_get_thousands_of_messages(&Place::new()).await);
}

#[tokio::test]
async fn keys_keep_their_order() {
    passes(conformance::keys_keep_their_order(&Place::new()).await);
}

#[tokio::test]
async fn several_handles_emit_at_once() {
    passes(conformance::several_handles_emit_at_once(&Place::new()).await);
}

#[tokio::test]
async fn unacknowledged_is_delivered_again() {
    passes(conformance::unacknowledged_is_delivered_again(&Place::new()).await);
}

#[tokio::test]
async fn acknowledged_is_never_delivered_again() {
    passes(conformance::acknowledged_is_never_delivered_again(&Place::new()).await);
}

#[tokio::test]
async fn acknowledged_ahead_stays_acknowledged() {
    passes(conformance::acknowledged_ahead_stays_acknowledged(&Place::new()).await);
}

#[tokio::test]
async fn unknown_tags_are_ignored() {
    passes(conformance::unknown_tags_are_ignored(&Place::new()).await);
}

#[tokio::test]
async fn reopening_loses_nothing() {
    passes(conformance::reopening_loses_nothing(&Place::new()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_while_messages_flow_loses_nothing() {
    passes(conformance::closing_while_messages_flow_loses_nothing(&Place::new()).await);
}

#[tokio::test]
async fn cancelled_next_batch_loses_and_repeats_nothing() {
    passes(conformance::cancelled_next_batch_loses_and_repeats_nothing(&Place::new()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn aborted_emit_tears_nothing() {
    passes(conformance::aborted_emit_tears_nothing(&Place::new()).await);
}

#[tokio::test]
async fn late_group_sees_all_of_history() {
    passes(conformance::late_group_sees_all_of_history(&Place::new()).await);
}

#[tokio::test]
async fn each_group_gets_everything() {
    passes(conformance::each_group_gets_everything(&Place::new()).await);
}

#[tokio::test]
async fn members_share_and_take_over() {
    passes(conformance::members_share_and_take_over(&Place::new()).await);
}

#[tokio::test]
async fn dropped_group_ends_and_starts_over() {
    passes(conformance::dropped_group_ends_and_starts_over(&Place::new()).await);
}

#[tokio::test]
async fn lag_counts_what_waits() {
    passes(conformance::lag_counts_what_waits(&Place::new()).await);
}

#[tokio::test]
async fn undecodable_messages_come_between_good_ones() {
    let place = Place::new();
    let log = Log::open(place.folder()).await.unwrap();
    let good = [envelope("a", 1), envelope("a", 2)];
    let mut spoilt = Message::from_envelope(&envelope("a", 9));
    spoilt.attributes.clear();
    log.emit_raw(&[
        Message::from_envelope(&good[0]),
        spoilt,
        Message::from_envelope(&good[1]),
    ])
    .await
    .unwrap();
    let mut subscription = log.broker().listener.subscribe("raw").await.unwrap();
    let came = next(&mut *subscription, 10).await;
    assert_eq!(came.len(), 3);
    assert_eq!(came[0].envelope().unwrap(), good[0]);
    assert!(came[1].envelope().is_err());
    assert_eq!(came[2].envelope().unwrap(), good[1]);
}

#[tokio::test]
async fn oversized_messages_and_wrong_group_names_are_refused() {
    let place = Place::new();
    let log = Log::open(place.folder()).await.unwrap();
    let mut huge = Message::from_envelope(&envelope("a", 1));
    huge.body = vec![b' '; 17 << 20];
    assert!(matches!(log.emit_raw(&[huge]).await, Err(BrokerError::Refused(_))));
    let listener = log.broker().listener;
    let long = "x".repeat(201);
    for name in ["", "a/b", "..\\", "ü", "a b", &long] {
        assert!(
            matches!(listener.subscribe(name).await, Err(BrokerError::Refused(_))),
            "{name:?}"
        );
    }
    for name in ["..", "booking.views.1", &long[1..]] {
        listener.subscribe(name).await.unwrap();
    }
}

#[tokio::test]
async fn large_messages_come_in_several_batches() {
    let place = Place::new();
    let log = Log::open(place.folder()).await.unwrap();
    let mut large = Message::from_envelope(&envelope("a", 1));
    large.body = vec![b' '; 5 << 20];
    log.emit_raw(&vec![large; 8]).await.unwrap();
    let mut subscription = log.broker().listener.subscribe("large").await.unwrap();
    let first = next(&mut *subscription, 100).await.len();
    let second = next(&mut *subscription, 100).await.len();
    assert_eq!((first, second), (4, 4));
}

/// SQLite removes its write-ahead log when the last connection is closed: the writer's, if its thread ends.
#[tokio::test]
async fn dropping_the_last_handle_closes_the_file() {
    let place = Place::new();
    let broker = place.open().await;
    let subscription = broker.listener.subscribe("last").await.unwrap();
    broker.emitter.emit(&[envelope("a", 1)]).await.unwrap();
    let journal = place.folder().join("log.sqlite-wal");
    drop(broker);
    assert!(journal.exists());
    drop(subscription);
    let closed = async {
        while journal.exists() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, closed).await.unwrap();
}

#[tokio::test]
async fn a_url_names_the_folder() {
    let place = Place::new();
    let folder = place.folder().join("not/yet/made");
    let broker = msgqueue::open(&format!("embedded:{}", folder.display())).await.unwrap();
    broker.emitter.emit(&[envelope("a", 1)]).await.unwrap();
    assert!(folder.join("log.sqlite").exists());
    for url in ["embedded:", "embedded", "other:x"] {
        assert!(
            matches!(msgqueue::open(url).await, Err(OpenError::UnknownScheme(_))),
            "{url}"
        );
    }
}
