use crate::DeliveryTag;

use super::reader::{Reader, ids, sent_ids};
use super::samples::{envelope, envelopes};
use super::{Harness, Report};

/// What was not acknowledged comes again, but not to the subscription that has it already.
pub async fn unacknowledged_is_delivered_again(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let mut first = Reader::join(&broker, "unacknowledged").await;
    let sent = envelopes("a", 20);
    broker.emitter.emit(&sent).await.unwrap();
    first.until(&sent).await;
    first.drain(&broker, &["a"]).await;
    drop_subscription(&mut first, &broker).await;
    let mut second = Reader::join(&broker, "unacknowledged").await;
    second.until(&sent).await;
    if broker.listener.guarantees().ordered_per_key {
        second.assert_order();
    }
    Report::new("unacknowledged_is_delivered_again", [&first, &second])
}

/// Every second message is acknowledged, backwards and in pieces; the next subscription gets only the others.
pub async fn acknowledged_is_never_delivered_again(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let mut first = Reader::join(&broker, "acknowledged").await;
    let sent = envelopes("a", 30);
    broker.emitter.emit(&sent).await.unwrap();
    first.until(&sent).await;
    let mut acknowledged: Vec<_> = first.came.iter().skip(1).step_by(2).cloned().collect();
    acknowledged.reverse();
    for piece in acknowledged.chunks(4) {
        first.ack(piece).await;
    }
    drop_subscription(&mut first, &broker).await;

    let mut second = Reader::join(&broker, "acknowledged").await;
    second.drain(&broker, &["a"]).await;
    assert!(ids(&second.came).is_disjoint(&ids(&acknowledged)));
    assert_eq!(ids(&second.came).len(), 30 - acknowledged.len() + 1);
    let rest = second.came.clone();
    second.ack(&rest).await;
    drop_subscription(&mut second, &broker).await;

    let mut third = Reader::join(&broker, "acknowledged").await;
    third.drain(&broker, &["a"]).await;
    assert_eq!(third.came.len(), 1, "all but the marker was acknowledged");
    Report::new("acknowledged_is_never_delivered_again", [&first, &second, &third])
}

/// What was acknowledged far ahead is not delivered again when a later subscription closes the gap before it.
pub async fn acknowledged_ahead_stays_acknowledged(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let mut first = Reader::join(&broker, "ahead").await;
    let sent = envelopes("a", 20);
    broker.emitter.emit(&sent).await.unwrap();
    first.until(&sent).await;
    let ahead = first.came.split_off(10);
    first.ack(&ahead).await;
    drop_subscription(&mut first, &broker).await;

    let mut second = Reader::join(&broker, "ahead").await;
    while !second.has(&sent[..10]) {
        let batch = second.take(2).await;
        second.ack(&batch).await;
    }
    second.drain(&broker, &["a"]).await;
    assert!(ids(&second.came).is_disjoint(&ids(&ahead)));
    Report::new("acknowledged_ahead_stays_acknowledged", [&first, &second])
}

/// Tags that were never delivered acknowledge nothing, neither now nor when their message comes.
pub async fn unknown_tags_are_ignored(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let mut first = Reader::join(&broker, "unknown").await;
    let sent = envelopes("a", 20);
    broker.emitter.emit(&sent[..10]).await.unwrap();
    first.until(&sent[..10]).await;
    let last = first.came.iter().map(|delivery| delivery.tag.0).max().unwrap();
    let unknown: Vec<_> = [0, u64::MAX].into_iter().chain(last + 1..last + 20).map(DeliveryTag).collect();
    first.subscription.ack(&unknown).await.unwrap();
    broker.emitter.emit(&sent[10..]).await.unwrap();
    first.until(&sent).await;
    drop_subscription(&mut first, &broker).await;
    let mut second = Reader::join(&broker, "unknown").await;
    second.until(&sent).await;
    assert_eq!(ids(&second.came), sent_ids(&sent));
    Report::new("unknown_tags_are_ignored", [&first, &second])
}

/// Ends a subscription but keeps what came: another group's takes its place.
async fn drop_subscription(reader: &mut Reader, broker: &crate::Broker) {
    let other = broker.listener.subscribe("nobody").await.unwrap();
    drop(std::mem::replace(&mut reader.subscription, other));
}
