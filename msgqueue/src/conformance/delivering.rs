use contracts::Envelope;
use futures::future::join_all;
use std::sync::Arc;

use super::reader::{Reader, id, sent_ids};
use super::samples::{all_shapes, envelopes};
use super::{Harness, Report};
use crate::Broker;

/// Payload, key and every field of the metadata arrive as they were sent.
pub async fn every_field_survives(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let mut reader = Reader::join(&broker, "fields").await;
    let sent = all_shapes();
    broker.emitter.emit(&sent).await.unwrap();
    reader.until(&sent).await;
    for envelope in &sent {
        let delivery = reader.came.iter().find(|delivery| id(delivery) == envelope.id).unwrap();
        assert_eq!(&delivery.envelope().unwrap(), envelope);
        assert_eq!(delivery.message().key, envelope.stream.entity_id());
    }
    Report::new("every_field_survives", [&reader.came])
}

/// An empty batch is confirmed and delivers nothing.
pub async fn empty_batch_succeeds(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let mut reader = Reader::join(&broker, "empty").await;
    broker.emitter.emit(&[]).await.unwrap();
    reader.drain(&broker, &["a"]).await;
    assert_eq!(reader.came.len(), 1);
    Report::new("empty_batch_succeeds", [&reader.came])
}

/// 20 groups get 5,000 messages each while these are emitted.
pub async fn many_groups_get_thousands_of_messages(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let keys: Vec<Vec<Arc<Envelope>>> = (0..10).map(|key| envelopes(&format!("key-{key}"), 500)).collect();
    let sent = keys.concat();
    let groups: Vec<String> = (0..20).map(|group| format!("group-{group}")).collect();
    let mut readers = join_all(groups.iter().map(|group| Reader::join(&broker, group))).await;
    let emits = join_all(keys.iter().map(|key| emit_in_batches(&broker, key, 50)));
    let reads = join_all(readers.iter_mut().map(|reader| read_and_acknowledge(reader, &sent)));
    futures::join!(emits, reads);
    if broker.listener.guarantees().ordered_per_key {
        readers.iter().for_each(Reader::assert_order);
    }
    Report::new(
        "many_groups_get_thousands_of_messages",
        readers.iter().map(|reader| &reader.came),
    )
}

/// Concurrent emitters do not disturb each other's keys.
pub async fn keys_keep_their_order(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let mut reader = Reader::join(&broker, "order").await;
    let keys: Vec<Vec<Arc<Envelope>>> = (0..8).map(|key| envelopes(&format!("key-{key}"), 60)).collect();
    // Batches of 1 to 8: a run of emits must keep its order as well as a batch.
    join_all((1..).zip(&keys).map(|(size, key)| emit_in_batches(&broker, key, size))).await;
    reader.until(&keys.concat()).await;
    if broker.listener.guarantees().ordered_per_key {
        reader.assert_order();
    }
    Report::new("keys_keep_their_order", [&reader.came])
}

/// Emitters with connections of their own lose nothing to each other.
pub async fn several_handles_emit_at_once(harness: &dyn Harness) -> Report {
    let broker = harness.open().await;
    let mut reader = Reader::join(&broker, "handles").await;
    let others = join_all((0..4).map(|_| harness.reopen())).await;
    let keys: Vec<Vec<Arc<Envelope>>> = (0..4).map(|key| envelopes(&format!("key-{key}"), 100)).collect();
    join_all(
        others
            .iter()
            .zip(&keys)
            .map(|(other, key)| emit_in_batches(other, key, 5)),
    )
    .await;
    reader.until(&keys.concat()).await;
    if broker.listener.guarantees().ordered_per_key {
        reader.assert_order();
    }
    Report::new("several_handles_emit_at_once", [&reader.came])
}

pub(super) async fn emit_in_batches(broker: &Broker, envelopes: &[Arc<Envelope>], size: usize) {
    for batch in envelopes.chunks(size) {
        broker.emitter.emit(batch).await.unwrap();
    }
}

async fn read_and_acknowledge(reader: &mut Reader, sent: &[Arc<Envelope>]) {
    let mut missing = sent_ids(sent);
    while !missing.is_empty() {
        let batch = reader.take(200).await;
        reader.ack(&batch).await;
        for delivery in &batch {
            missing.remove(&id(delivery));
        }
    }
}
