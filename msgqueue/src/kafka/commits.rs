//! Positions on their way to Kafka, one commit at a time, so that messages are fetched meanwhile.
//!
//! rdkafka tells nobody how a commit went that it made without waiting, so a thread of its own waits.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::book::Place;
use super::exchange::{Exchange, Waiter};
use super::rebalances::Rebalances;
use crate::BrokerError;

/// A member looks more often than this while it runs.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

pub(super) struct Commits {
    topic: String,
    requests: SyncSender<TopicPartitionList>,
    outcomes: Receiver<Result<(), KafkaError>>,
    under_way: Option<UnderWay>,
}

/// What a commit tells Kafka, and who waits for it.
pub(super) struct UnderWay {
    pub(super) due: Vec<Place>,
    pub(super) waiters: Vec<Waiter>,
    /// For how long it was waited for, and when that was counted last.
    waited: Duration,
    looked: Instant,
}

impl Commits {
    /// Rings the bell with each outcome. The thread ends when this is dropped and its last commit has come back.
    pub(super) fn start(
        consumer: Arc<BaseConsumer<Rebalances>>,
        topic: String,
        exchange: Arc<Exchange>,
    ) -> Result<Self, BrokerError> {
        let (requests, todo) = sync_channel::<TopicPartitionList>(1);
        let (told, outcomes) = sync_channel(1);
        let thread = thread::Builder::new().name("kafka commits".to_owned());
        let spawned = thread.spawn(move || {
            for positions in todo {
                if told.send(consumer.commit(&positions, CommitMode::Sync)).is_err() {
                    return;
                }
                exchange.bell.ring();
            }
        });
        spawned.map_err(|error| BrokerError::Unavailable(error.into()))?;
        Ok(Self {
            topic,
            requests,
            outcomes,
            under_way: None,
        })
    }

    /// For how long one is waited for. Time in which this process stood still does not count.
    pub(super) fn pending(&mut self) -> Option<Duration> {
        let commit = self.under_way.as_mut()?;
        commit.waited += commit.looked.elapsed().min(LONGEST_LOOK);
        commit.looked = Instant::now();
        Some(commit.waited)
    }

    /// Only while none is under way.
    pub(super) fn begin(&mut self, due: Vec<Place>, waiters: Vec<Waiter>) -> Result<(), KafkaError> {
        let mut positions = TopicPartitionList::with_capacity(due.len());
        for place in &due {
            positions.add_partition_offset(&self.topic, place.partition, Offset::Offset(place.offset))?;
        }
        self.under_way = Some(UnderWay {
            due,
            waiters,
            waited: Duration::ZERO,
            looked: Instant::now(),
        });
        match self.requests.try_send(positions) {
            Ok(()) => Ok(()),
            // Its thread has panicked.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(KafkaError::Canceled),
        }
    }

    /// The one that was under way and has come back.
    pub(super) fn settled(&mut self) -> Option<(UnderWay, Result<(), KafkaError>)> {
        let outcome = self.outcomes.try_recv().ok()?;
        Some((self.under_way.take()?, outcome))
    }

    /// Those who wait for one that nobody will see come back.
    pub(super) fn give_up(&mut self) -> Vec<Waiter> {
        self.under_way.take().map_or(vec![], |commit| commit.waiters)
    }
}
