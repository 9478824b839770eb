//! A subscription that remembers what came.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use contracts::Envelope;
use tokio::time::timeout;
use uuid::Uuid;

use super::samples::envelope;
use crate::{Broker, Delivery, Subscription};

/// Only a check that fails waits for so long.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

pub(super) struct Reader {
    pub(super) subscription: Box<dyn Subscription>,
    pub(super) came: Vec<Delivery>,
}

impl Reader {
    pub(super) async fn join(broker: &Broker, group: &str) -> Self {
        Self {
            subscription: broker.listener.subscribe(group).await.unwrap(),
            came: Vec::new(),
        }
    }

    pub(super) async fn take(&mut self, max: usize) -> Vec<Delivery> {
        let batch = timeout(PATIENCE, self.subscription.next_batch(max)).await;
        let batch = batch.expect("no message came").unwrap();
        self.remember(&batch, max);
        batch
    }

    pub(super) fn remember(&mut self, batch: &[Delivery], max: usize) {
        assert!(
            (1..=max).contains(&batch.len()),
            "a batch of {} for max {max}",
            batch.len()
        );
        self.came.extend_from_slice(batch);
    }

    /// Reads until all of `expected` have come, now or before.
    pub(super) async fn until(&mut self, expected: &[Arc<Envelope>]) {
        let reading = async {
            while !self.has(expected) {
                self.take(100).await;
            }
        };
        timeout(PATIENCE, reading).await.expect("only repeats came");
    }

    /// Emits one more envelope behind the last one of each key and reads until they have come: whatever else the
    /// broker had for this subscription has come before them.
    pub(super) async fn drain(&mut self, broker: &Broker, keys: &[&str]) {
        let markers: Vec<Arc<Envelope>> = keys.iter().map(|key| envelope(key, u64::MAX)).collect();
        broker.emitter.emit(&markers).await.unwrap();
        self.until(&markers).await;
    }

    pub(super) async fn ack(&mut self, deliveries: &[Delivery]) {
        let tags: Vec<_> = deliveries.iter().map(|delivery| delivery.tag).collect();
        self.subscription.ack(&tags).await.unwrap();
    }

    /// Drops the subscription and tells what had come.
    pub(super) fn leave(self) -> Vec<Delivery> {
        self.came
    }

    pub(super) fn has(&self, expected: &[Arc<Envelope>]) -> bool {
        let came = ids(&self.came);
        expected.iter().all(|envelope| came.contains(&envelope.id))
    }

    /// Versions ascend within each key, repeats aside.
    pub(super) fn assert_order(&self) {
        let mut had = HashSet::new();
        let mut last = HashMap::new();
        for envelope in self.came.iter().map(|delivery| delivery.envelope().unwrap()) {
            if !had.insert(envelope.id) {
                continue;
            }
            let before = last.insert(envelope.stream.clone(), envelope.version);
            assert!(
                before.unwrap_or(0) < envelope.version,
                "{before:?} came before {}",
                envelope.version
            );
        }
    }
}

pub(super) fn id(delivery: &Delivery) -> Uuid {
    delivery.envelope().unwrap().id
}

pub(super) fn ids(deliveries: &[Delivery]) -> HashSet<Uuid> {
    deliveries.iter().map(id).collect()
}

pub(super) fn sent_ids(envelopes: &[Arc<Envelope>]) -> HashSet<Uuid> {
    envelopes.iter().map(|envelope| envelope.id).collect()
}
