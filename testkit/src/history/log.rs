//! The log: everything in it is in a journal, and everything in a journal is in it, in the order of each stream.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contracts::{Hash, StreamId};
use tokio::time::timeout;
use uuid::Uuid;

use super::facts::Journals;
use super::parts::Opened;
use super::{Findings, Kind};

/// How long the broker may take to show what it has.
const PATIENCE: Duration = Duration::from_secs(120);
const BATCH: usize = 1_000;

/// What was published, in order.
pub(super) struct Log {
    messages: Vec<(StreamId, u64, Uuid, Hash)>,
}

impl Log {
    /// Reads all of it by a group of its own, which is forgotten afterwards.
    pub(super) async fn read(parts: &Opened) -> Self {
        let group = format!("history.{}", Uuid::now_v7());
        let count = usize::try_from(parts.lag(&group).await).unwrap();
        let mut subscription = parts.broker.listener.subscribe(&group).await.unwrap();
        let mut messages = Vec::with_capacity(count);
        while messages.len() < count {
            let batch = timeout(PATIENCE, subscription.next_batch(BATCH)).await;
            for delivery in batch.expect("the log has less than it says").unwrap() {
                let envelope = delivery.envelope().unwrap();
                messages.push((envelope.stream.clone(), envelope.version, envelope.id, envelope.hash));
            }
        }
        drop(subscription);
        parts.broker.listener.drop_group(&group).await.unwrap();
        Self { messages }
    }

    pub(super) fn streams(&self) -> BTreeSet<StreamId> {
        self.messages.iter().map(|(stream, ..)| stream.clone()).collect()
    }

    /// Everything in the log is what a journal has, in the order of each stream.
    pub(super) fn check_is_known(&self, journals: &Journals, findings: &mut Findings) {
        let mut reached: BTreeMap<&StreamId, u64> = BTreeMap::new();
        for (stream, version, id, hash) in &self.messages {
            let at = reached.entry(stream).or_default();
            if *version > *at + 1 {
                findings.add(Kind::Disordered, format!("{stream}@{version} comes behind {at}"));
            }
            *at = (*at).max(*version);
            let facts = journals.streams.get(stream).map_or(&[][..], Vec::as_slice);
            let known = facts
                .iter()
                .any(|fact| (fact.version, fact.id, fact.hash) == (*version, *id, *hash));
            if !known {
                findings.add(
                    Kind::Unpublished,
                    format!("the log has a {stream}@{version} that no journal has"),
                );
            }
        }
    }

    /// Everything that the journals have is in the log.
    pub(super) fn check_is_whole(&self, journals: &Journals, findings: &mut Findings) {
        let published: BTreeSet<(&StreamId, u64)> = self
            .messages
            .iter()
            .map(|(stream, version, ..)| (stream, *version))
            .collect();
        for (stream, facts) in &journals.streams {
            let missing = facts.iter().find(|fact| !published.contains(&(stream, fact.version)));
            if let Some(fact) = missing {
                findings.add(Kind::Unpublished, format!("the log has no {stream}@{}", fact.version));
            }
        }
    }
}
