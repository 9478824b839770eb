use crate::DeliveryTag;

use super::reader::{Reader, ids, sent_ids};
use super::samples::envelopes;
use super::{Harness, Report};

/// What was not acknowledged comes again, but not to the subscription that has it already.
pub async fn unacknowledged_is_delivered_again(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let mut reader = Reader::join(&broker, "unacknowledged").await;
    let sent = envelopes("a", 20);
    broker.emitter.emit(&sent).await.unwrap();
    reader.until(&sent).await;
    reader.drain(&broker, &["a"]).await;
    let first = reader.leave();

    let mut second = Reader::join(&broker, "unacknowledged").await;
    second.until(&sent).await;
    if broker.listener.guarantees().ordered_per_key {
        second.assert_order();
    }
    Report::new("unacknowledged_is_delivered_again", [&first, &second.came])
}

/// Every second message is acknowledged, backwards and in pieces, or the first half where the adapter cannot do more;
/// the next subscription gets only the others.
pub async fn acknowledged_is_never_delivered_again(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let mut reader = Reader::join(&broker, "acknowledged").await;
    let sent = envelopes("a", 30);
    broker.emitter.emit(&sent).await.unwrap();
    reader.until(&sent).await;
    let mut acknowledged = match broker.listener.guarantees().acknowledges_singly {
        true => reader.came.iter().skip(1).step_by(2).cloned().collect(),
        false => reader.came[..15].to_vec(),
    };
    acknowledged.reverse();
    for piece in acknowledged.chunks(4) {
        reader.ack(piece).await;
    }
    let first = reader.leave();

    let mut reader = Reader::join(&broker, "acknowledged").await;
    reader.drain(&broker, &["a"]).await;
    assert!(
        ids(&reader.came).is_disjoint(&ids(&acknowledged)),
        "an acknowledged message came again"
    );
    assert!(
        ids(&first)
            .difference(&ids(&acknowledged))
            .all(|id| ids(&reader.came).contains(id))
    );
    reader.ack(&reader.came.clone()).await;
    let second = reader.leave();

    let mut third = Reader::join(&broker, "acknowledged").await;
    third.drain(&broker, &["a"]).await;
    assert_eq!(third.came.len(), 1, "all but the marker was acknowledged");
    Report::new("acknowledged_is_never_delivered_again", [&first, &second, &third.came])
}

/// What was acknowledged far ahead is not delivered again when a later subscription closes the gap before it, or this
/// one where the adapter cannot do more.
pub async fn acknowledged_ahead_stays_acknowledged(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let mut reader = Reader::join(&broker, "ahead").await;
    let sent = envelopes("a", 20);
    broker.emitter.emit(&sent).await.unwrap();
    reader.until(&sent).await;
    let (gap, ahead) = (reader.came[..10].to_vec(), reader.came[10..].to_vec());
    reader.ack(&ahead).await;
    let is_closed_later = broker.listener.guarantees().acknowledges_singly;
    if !is_closed_later {
        reader.ack(&gap).await;
    }
    let first = reader.leave();

    let mut second = Reader::join(&broker, "ahead").await;
    while is_closed_later && ids(&second.came).len() < 10 {
        let batch = second.take(2).await;
        second.ack(&batch).await;
    }
    second.drain(&broker, &["a"]).await;
    assert!(
        ids(&second.came).is_disjoint(&ids(&ahead)),
        "an acknowledged message came again"
    );
    Report::new("acknowledged_ahead_stays_acknowledged", [&first, &second.came])
}

/// Tags that were never delivered acknowledge nothing, neither now nor when a message gets that tag.
pub async fn unknown_tags_are_ignored(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let mut reader = Reader::join(&broker, "unknown").await;
    let sent = envelopes("a", 20);
    broker.emitter.emit(&sent[..10]).await.unwrap();
    reader.until(&sent[..10]).await;
    let last = reader.came.iter().map(|delivery| delivery.tag.0).max().unwrap();
    let near = last.saturating_add(1)..last.saturating_add(20);
    let unknown: Vec<_> = [0, u64::MAX].into_iter().chain(near).map(DeliveryTag).collect();
    reader.subscription.ack(&unknown).await.unwrap();
    broker.emitter.emit(&sent[10..]).await.unwrap();
    reader.until(&sent).await;
    let first = reader.leave();

    let mut second = Reader::join(&broker, "unknown").await;
    second.until(&sent).await;
    assert_eq!(ids(&second.came), sent_ids(&sent));
    Report::new("unknown_tags_are_ignored", [&first, &second.came])
}
