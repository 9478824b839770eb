//! Everything committed is published, in stream order, by one relay at a time.

use std::sync::Arc;
use std::time::Duration;

use chassis::clock::SystemClock;
use chassis::health::Health;
use chassis::relay::Relay;
use contracts::{Envelope, Hash};
use persistence::Commit;
use testkit::eventually;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{Parts, bookings};

const PATIENCE: Duration = Duration::from_secs(30);

async fn append(parts: &Parts, envelopes: &[Envelope]) {
    let mut previous = Hash::GENESIS;
    for envelope in envelopes {
        let commit = Commit {
            id: Uuid::now_v7(),
            envelopes: vec![envelope.clone().into()],
        };
        parts.stores.journal.append(previous, &commit).await.unwrap();
        previous = envelope.hash;
    }
}

fn relay(parts: &Parts, appended: &Arc<Notify>) -> Relay {
    Relay::new(
        Arc::clone(&parts.stores.journal),
        Arc::clone(&parts.stores.lease),
        parts.log.broker().emitter,
        Arc::clone(appended),
        Arc::new(SystemClock),
        parts.metrics.relay.clone(),
        Health::default().part("relay"),
    )
}

async fn published(parts: &Parts, count: usize) -> Vec<Envelope> {
    let mut subscription = parts
        .log
        .broker()
        .listener
        .subscribe(&Uuid::now_v7().to_string())
        .await
        .unwrap();
    let mut envelopes = Vec::new();
    while envelopes.len() < count {
        let batch = timeout(PATIENCE, subscription.next_batch(1_000))
            .await
            .expect("not published in time")
            .unwrap();
        envelopes.extend(
            batch
                .iter()
                .map(|delivery| Envelope::clone(&delivery.envelope().unwrap())),
        );
    }
    envelopes
}

#[tokio::test]
async fn what_is_committed_is_published_with_everything_it_carries() {
    let parts = Parts::open().await;
    let (a, b) = (bookings("inventory/a", 20), bookings("inventory/b", 20));
    append(&parts, &a).await;
    let stop = CancellationToken::new();
    let appended = Arc::new(Notify::new());
    let running = tokio::spawn(relay(&parts, &appended).run(stop.clone()));
    append(&parts, &b).await;
    appended.notify_one();
    let published = published(&parts, 40).await;
    let of = |stream: &str| {
        published
            .iter()
            .filter(|e| e.stream.as_str() == stream)
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!((of("inventory/a"), of("inventory/b")), (a, b));
    eventually("the outbox is empty", || async {
        (parts.stores.journal.unpublished_count().await.unwrap() == 0).then_some(())
    })
    .await;
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_second_relay_stands_by_and_takes_over_at_once_when_the_first_ends() {
    let parts = Parts::open().await;
    let appended = Arc::new(Notify::new());
    let stop_first = CancellationToken::new();
    let first = tokio::spawn(relay(&parts, &appended).run(stop_first.clone()));
    append(&parts, &bookings("inventory/a", 1)).await;
    published(&parts, 1).await;

    let mut second = relay(&parts, &appended);
    assert_eq!(second.run_once().await.unwrap(), 0, "the first holds the lease");
    stop_first.cancel();
    first.await.unwrap();
    append(&parts, &bookings("inventory/b", 1)).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(second.run(stop.clone()));
    published(&parts, 2).await;
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_stopping_relay_publishes_what_was_committed_last() {
    let parts = Parts::open().await;
    append(&parts, &bookings("inventory/a", 5)).await;
    let stop = CancellationToken::new();
    stop.cancel();
    relay(&parts, &Arc::new(Notify::new())).run(stop).await;
    assert_eq!(published(&parts, 5).await.len(), 5);
}
