//! Builds views from the log by hand, as far as is asked for: to compare them with those that services have built.

use std::collections::HashSet;
use std::time::Duration;

use contracts::StreamId;
use msgqueue::{BrokerError, Delivery, Subscription};
use thiserror::Error;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::Difference;
use super::chain::LogChains;
use crate::consumer::{Consumer, StepError, tags};

/// Messages taken at a time.
const BATCH: usize = 512;
/// How long a message that is in the log may take to come.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Replay {
    /// What the envelopes that it took in are like among themselves.
    pub(super) chains: LogChains,
    consumer: Consumer,
    subscription: Box<dyn Subscription>,
    parked: HashSet<StreamId>,
}

#[derive(Debug, Error)]
pub(crate) enum ReplayError {
    #[error(transparent)]
    Difference(#[from] Difference),
    #[error(transparent)]
    Died(#[from] JoinError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error("the log has {0} more messages, and gives none of them")]
    Silent(u64),
}

impl Replay {
    /// From the beginning of the log: `consumer` has to be of a new group.
    pub(super) async fn open(consumer: Consumer) -> Result<Self, ReplayError> {
        Ok(Self {
            subscription: consumer.listener.subscribe(&consumer.group).await?,
            consumer,
            parked: HashSet::new(),
            chains: LogChains::default(),
        })
    }

    /// How many messages of the log are still to come.
    pub(super) async fn rest(&self) -> Result<u64, ReplayError> {
        Ok(self.consumer.listener.known_lag(&self.consumer.group).await?)
    }

    /// Takes in what the log holds now.
    pub(super) async fn catch_up(&mut self, taken: &(dyn Fn(u64) + Sync)) -> Result<(), ReplayError> {
        let mut rest = self.rest().await?;
        while rest > 0 {
            let batch = self.take(BATCH).await?;
            taken(batch);
            rest = rest.saturating_sub(batch);
        }
        Ok(())
    }

    /// Takes in up to `max` messages, at least one, of a log that has more.
    pub(super) async fn take(&mut self, max: usize) -> Result<u64, ReplayError> {
        let Ok(batch) = timeout(PATIENCE, self.subscription.next_batch(max)).await else {
            return Err(ReplayError::Silent(self.rest().await?));
        };
        let batch = batch?;
        let checking = self.check(&batch);
        self.consumer.step(&batch, &mut self.parked).await?;
        let (chains, checked) = checking.await?;
        self.chains = chains;
        checked?;
        self.subscription.ack(&tags(&batch)).await?;
        Ok(batch.len() as u64)
    }

    /// Beside the replay, because hashing takes its time.
    fn check(&mut self, batch: &[Delivery]) -> JoinHandle<(LogChains, Result<(), Difference>)> {
        let (mut chains, batch) = (std::mem::take(&mut self.chains), batch.to_vec());
        spawn_blocking(move || {
            let checked = chains.take_all(&batch);
            (chains, checked)
        })
    }
}
