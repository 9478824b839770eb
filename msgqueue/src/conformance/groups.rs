use std::collections::HashSet;

use contracts::Envelope;
use futures::future::{Either, join_all, select};
use futures::pin_mut;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use super::reader::{PATIENCE, Reader, id, ids, sent_ids};
use super::samples::{envelope, envelopes};
use super::{Harness, Report};
use crate::Delivery;

/// A group that joins late gets everything from the beginning.
pub async fn late_group_sees_all_of_history(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    if !broker.listener.guarantees().replayable {
        return Report::skipped("late_group_sees_all_of_history");
    }
    let sent = envelopes("a", 50);
    broker.emitter.emit(&sent[..40]).await.unwrap();
    let mut early = Reader::join(&broker, "early").await;
    early.until(&sent[..40]).await;
    early.ack(&early.came.clone()).await;
    let mut late = Reader::join(&broker, "late").await;
    broker.emitter.emit(&sent[40..]).await.unwrap();
    late.until(&sent).await;
    if broker.listener.guarantees().ordered_per_key {
        late.assert_order();
    }
    Report::new("late_group_sees_all_of_history", [&early.came, &late.came])
}

/// What one group gets and acknowledges does not concern another.
pub async fn each_group_gets_everything(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let mut one = Reader::join(&broker, "one").await;
    let mut two = Reader::join(&broker, "two").await;
    let sent = envelopes("a", 50);
    broker.emitter.emit(&sent).await.unwrap();
    one.until(&sent).await;
    one.ack(&one.came.clone()).await;
    two.until(&sent).await;
    assert_eq!(ids(&two.came), sent_ids(&sent));
    Report::new("each_group_gets_everything", [&one.came, &two.came])
}

/// Two members get everything together; when one is dropped, the other gets what that one had not acknowledged.
pub async fn members_share_and_take_over(harness: &dyn Harness) -> Report {
    let (first, second) = (harness.open().await, harness.reopen().await);
    let mut one = Reader::join(&first, "members").await;
    let mut two = Reader::join(&second, "members").await;
    let sent = envelopes("a", 200);
    let (acknowledged, _) = watch::channel(HashSet::new());
    first.emitter.emit(&sent).await.unwrap();
    join_all([&mut one, &mut two].map(|member| share(member, &acknowledged, &sent))).await;

    let more = envelopes("b", 20);
    second.emitter.emit(&more).await.unwrap();
    let (served, mut other) = first_served(one, two).await;
    let gone = served.leave();
    other.until(&more).await;
    Report::new("members_share_and_take_over", [&gone, &other.came])
}

/// Takes and acknowledges until both members together have acknowledged all that was sent.
async fn share(member: &mut Reader, acknowledged: &watch::Sender<HashSet<Uuid>>, sent: &[Arc<Envelope>]) {
    let mut all = acknowledged.subscribe();
    loop {
        tokio::select! {
            _ = all.wait_for(|ids| ids.len() == sent.len()) => return,
            batch = member.take(10) => {
                member.ack(&batch).await;
                let fresh = |ids: &mut HashSet<Uuid>| batch.iter().all(|delivery| ids.insert(id(delivery)));
                acknowledged.send_modify(|ids| assert!(fresh(ids), "came after it was acknowledged"));
            }
        }
    }
}

/// The member that gets a message first, then the other one.
async fn first_served(mut one: Reader, mut two: Reader) -> (Reader, Reader) {
    let one_is_first = {
        let (from_one, from_two) = (one.take(5), two.take(5));
        pin_mut!(from_one, from_two);
        matches!(select(from_one, from_two).await, Either::Left(_))
    };
    if one_is_first { (one, two) } else { (two, one) }
}

/// The members of a dropped group end, and the group starts from the beginning when it is joined again.
pub async fn dropped_group_ends_and_starts_over(harness: &dyn Harness) -> Report {
    let (broker, elsewhere) = (harness.open().await, harness.reopen().await);
    broker.listener.drop_group("never-joined").await.unwrap();
    let mut reader = Reader::join(&broker, "dropped").await;
    let sent = envelopes("a", 10);
    broker.emitter.emit(&sent).await.unwrap();
    reader.until(&sent).await;
    reader.ack(&reader.came.clone()).await;
    // Not before: it might be the one that is given the messages.
    let standby = Reader::join(&elsewhere, "dropped").await;
    let waiting = tokio::spawn(assert_ended(standby));
    broker.listener.drop_group("dropped").await.unwrap();
    waiting.await.unwrap();
    let first = assert_ended(reader).await;
    if !broker.listener.guarantees().replayable {
        return Report::new("dropped_group_ends_and_starts_over", [&first]);
    }
    let mut again = Reader::join(&elsewhere, "dropped").await;
    again.until(&sent).await;
    Report::new("dropped_group_ends_and_starts_over", [&first, &again.came])
}

async fn assert_ended(mut reader: Reader) -> Vec<Delivery> {
    let outcome = timeout(PATIENCE, reader.subscription.next_batch(10)).await;
    let outcome = outcome.expect("a member of a dropped group waits on");
    assert!(outcome.is_err(), "a member of a dropped group is served");
    reader.leave()
}

/// Lag is the number of messages that were not acknowledged, whether they were delivered or not. Where the adapter
/// cannot acknowledge singly, what is behind a gap does not count as acknowledged.
pub async fn lag_counts_what_waits(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let listener = &broker.listener;
    let mut reader = Reader::join(&broker, "lagging").await;
    broker.emitter.emit(&envelopes("a", 10)).await.unwrap();
    assert_eq!(listener.known_lag("lagging").await.unwrap(), 10);
    let whole_log = listener.known_lag("never-joined").await.unwrap();
    assert!((10..20).contains(&whole_log), "{whole_log}");
    while reader.came.len() < 10 {
        reader.take(10).await;
    }
    assert_eq!(listener.known_lag("lagging").await.unwrap(), 10);
    let came = reader.came.clone();
    let behind_a_gap = if listener.guarantees().acknowledges_singly {
        8
    } else {
        10
    };
    for (acknowledged, waiting) in [(&came[3..5], behind_a_gap), (&came[..3], 5), (&came[5..], 0)] {
        reader.ack(acknowledged).await;
        assert_eq!(listener.known_lag("lagging").await.unwrap(), waiting);
    }
    broker.emitter.emit(&[envelope("a", 11)]).await.unwrap();
    assert_eq!(listener.known_lag("lagging").await.unwrap(), 1);
    Report::new("lag_counts_what_waits", [&reader.came])
}
