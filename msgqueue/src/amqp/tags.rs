//! What was delivered on one channel and not acknowledged, by the broker's numbers.

use std::collections::BTreeSet;

use lapin::Channel;
use lapin::options::BasicAckOptions;

use super::errors::bounded;
use crate::BrokerError;

/// Numbers on the channel, which ascend.
#[derive(Default)]
pub(super) struct Unacknowledged(BTreeSet<u64>);

impl Unacknowledged {
    pub(super) fn add(&mut self, tag: u64) {
        self.0.insert(tag);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Acknowledges in as few steps as possible: everything up to the first gap at once, the rest one by one.
    pub(super) async fn acknowledge(&mut self, channel: &Channel, tags: &[u64]) -> Result<(), BrokerError> {
        let mut done: BTreeSet<u64> = tags.iter().copied().filter(|tag| self.0.remove(tag)).collect();
        let first_left = self.0.first().copied().unwrap_or(u64::MAX);
        if let Some(last) = done.range(..first_left).next_back().copied() {
            ack(channel, last, true).await?;
            done = done.split_off(&first_left);
        }
        for tag in done {
            ack(channel, tag, false).await?;
        }
        Ok(())
    }
}

async fn ack(channel: &Channel, tag: u64, multiple: bool) -> Result<(), BrokerError> {
    bounded(channel.basic_ack(tag, BasicAckOptions { multiple })).await
}
