use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use contracts::Envelope;
use futures::future::join_all;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use super::delivering::emit_in_batches;
use super::reader::{PATIENCE, Reader, id, ids, sent_ids};
use super::samples::envelopes;
use super::{Harness, Report};
use crate::{Broker, Delivery};

/// After all handles were closed, the log and what was acknowledged are still there.
pub async fn reopening_loses_nothing(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    if !broker.listener.guarantees().durable {
        return Report::skipped("reopening_loses_nothing");
    }
    let sent = envelopes("a", 60);
    let mut reader = Reader::join(&broker, "reopened").await;
    broker.emitter.emit(&sent).await.unwrap();
    while reader.came.len() < 20 {
        let batch = reader.take(10).await;
        reader.ack(&batch).await;
    }
    let first = reader.leave();
    drop(broker);

    let mut second = Reader::join(&harness.reopen().await, "reopened").await;
    let rest: Vec<Arc<Envelope>> = sent
        .into_iter()
        .filter(|sent| !ids(&first).contains(&sent.id))
        .collect();
    second.until(&rest).await;
    assert_eq!(ids(&second.came), sent_ids(&rest));
    Report::new("reopening_loses_nothing", [&first, &second.came])
}

/// Subscriptions and emitters come and go while messages flow; every group still gets everything.
pub async fn closing_while_messages_flow_loses_nothing(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let keys: Vec<Vec<Arc<Envelope>>> = (0..4).map(|key| envelopes(&format!("key-{key}"), 100)).collect();
    let groups: Vec<String> = (0..4).map(|group| format!("restless-{group}")).collect();
    for group in &groups {
        drop(Reader::join(&broker, group).await);
    }
    let sent = keys.concat();
    let emits = join_all(keys.iter().map(|key| async {
        for part in key.chunks(20) {
            emit_in_batches(&harness.reopen().await, part, 3).await;
        }
    }));
    let reads = join_all(groups.iter().map(|group| read_restlessly(&broker, group, &sent)));
    let (_, came) = futures::join!(emits, reads);
    Report::new("closing_while_messages_flow_loses_nothing", came.iter().flatten())
}

/// Leaves after every third batch. Of each batch it acknowledges only the first half, or only of the last one where the
/// adapter needs all before it. Returns what came each time.
async fn read_restlessly(broker: &Broker, group: &str, sent: &[Arc<Envelope>]) -> Vec<Vec<Delivery>> {
    let mut missing = sent_ids(sent);
    let mut visits = Vec::new();
    while !missing.is_empty() {
        let mut reader = Reader::join(broker, group).await;
        let needs_all_before = !broker.listener.guarantees().acknowledges_singly;
        for round in 1..=3 {
            if missing.is_subset(&ids(&reader.came)) {
                break;
            }
            let batch = reader.take(7).await;
            let is_whole = needs_all_before && round < 3;
            let half = &batch[..if is_whole { batch.len() } else { batch.len().div_ceil(2) }];
            reader.ack(half).await;
            half.iter()
                .for_each(|delivery| assert!(missing.remove(&id(delivery)), "came after it was acknowledged"));
        }
        visits.push(reader.leave());
    }
    visits
}

/// `next_batch` is dropped at any moment, again and again, while messages come one by one.
pub async fn cancelled_next_batch_loses_and_repeats_nothing(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let sent = envelopes("a", 300);
    let mut reader = Reader::join(&broker, "cancelled").await;
    let reading = timeout(PATIENCE, read_with_cancels(&mut reader, &sent));
    let (_, cancels) = futures::join!(emit_in_batches(&broker, &sent, 1), reading);
    assert!(cancels.expect("messages were lost") > 0);
    reader.drain(&broker, &["a"]).await;
    assert_eq!(reader.came.len(), ids(&reader.came).len(), "a message was repeated");
    if broker.listener.guarantees().ordered_per_key {
        reader.assert_order();
    }
    Report::new("cancelled_next_batch_loses_and_repeats_nothing", [&reader.came])
}

/// Returns how many calls were cancelled.
async fn read_with_cancels(reader: &mut Reader, sent: &[Arc<Envelope>]) -> usize {
    let mut cancels = 0;
    let mut missing = sent_ids(sent);
    for round in 0.. {
        if missing.is_empty() {
            break;
        }
        let patience = Duration::from_micros(round % 11 * 150);
        let Ok(batch) = timeout(patience, reader.subscription.next_batch(3)).await else {
            cancels += 1;
            continue;
        };
        let batch = batch.unwrap();
        reader.remember(&batch, 3);
        for delivery in &batch {
            missing.remove(&id(delivery));
        }
    }
    cancels
}

/// Emits that are dropped half-way: what was confirmed is there, of the rest each envelope is there whole or not.
pub async fn aborted_emit_tears_nothing(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let mut reader = Reader::join(&broker, "aborted").await;
    let keys: Vec<String> = (0..20).map(|key| format!("key-{key}")).collect();
    let batches: Vec<Vec<Arc<Envelope>>> = keys.iter().map(|key| envelopes(key, 25)).collect();
    let confirmed = emit_and_abort(&broker, &batches).await;
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    reader.drain(&broker, &names).await;

    assert!(confirmed.is_subset(&ids(&reader.came)), "a confirmed envelope is lost");
    let sent = batches.concat();
    for came in reader.came.iter().map(|delivery| delivery.envelope().unwrap()) {
        let whole = came.version == u64::MAX || sent.contains(&came);
        assert!(whole, "version {} was torn", came.version);
    }
    if broker.listener.guarantees().ordered_per_key {
        reader.assert_order();
    }
    Report::new("aborted_emit_tears_nothing", [&reader.came])
}

/// Emits every batch in a task of its own and aborts them all as soon as a few were confirmed.
async fn emit_and_abort(broker: &Broker, batches: &[Vec<Arc<Envelope>>]) -> HashSet<Uuid> {
    let (confirmed, mut count) = watch::channel(HashSet::new());
    let confirmed = Arc::new(confirmed);
    let tasks: Vec<_> = batches
        .iter()
        .map(|batch| tokio::spawn(emit_in_pairs(broker.clone(), batch.clone(), Arc::clone(&confirmed))))
        .collect();
    let few = count.wait_for(|ids| ids.len() >= batches.len() * 4);
    drop(timeout(PATIENCE, few).await.expect("nothing was confirmed").unwrap());
    for task in &tasks {
        task.abort();
    }
    join_all(tasks).await;
    confirmed.borrow().clone()
}

async fn emit_in_pairs(broker: Broker, batch: Vec<Arc<Envelope>>, confirmed: Arc<watch::Sender<HashSet<Uuid>>>) {
    for pair in batch.chunks(2) {
        broker.emitter.emit(pair).await.unwrap();
        confirmed.send_modify(|ids| ids.extend(sent_ids(pair)));
    }
}
