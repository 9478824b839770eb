//! Builds views from the log by hand, as far as is asked for: to compare them with those that services have built.

use std::collections::HashSet;

use contracts::StreamId;
use msgqueue::Subscription;

use crate::consumer::{Consumer, StepError};

/// Messages taken at a time.
const BATCH: usize = 512;

pub(crate) struct Replay {
    consumer: Consumer,
    subscription: Box<dyn Subscription>,
    parked: HashSet<StreamId>,
}

impl Replay {
    /// From the beginning of the log: `consumer` has to be of a new group.
    pub(crate) async fn open(consumer: Consumer) -> Result<Self, StepError> {
        Ok(Self {
            subscription: consumer.listener.subscribe(&consumer.group).await?,
            consumer,
            parked: HashSet::new(),
        })
    }

    /// How many messages of the log are still to come; 0 where the broker cannot tell.
    pub(crate) async fn rest(&self) -> Result<u64, StepError> {
        let lag = self.consumer.listener.lag(&self.consumer.group).await?;
        Ok(lag.unwrap_or(0))
    }

    /// Takes in what the log holds now.
    pub(crate) async fn catch_up(&mut self, taken: &(dyn Fn(u64) + Sync)) -> Result<(), StepError> {
        let mut rest = self.rest().await?;
        while rest > 0 {
            let batch = self.take(BATCH).await?;
            taken(batch);
            rest = rest.saturating_sub(batch);
        }
        Ok(())
    }

    /// Takes in up to `max` messages, at least one: waits for it where there is none.
    pub(crate) async fn take(&mut self, max: usize) -> Result<u64, StepError> {
        let taken = self
            .consumer
            .take(&mut *self.subscription, &mut self.parked, max)
            .await?;
        Ok(taken as u64)
    }
}
