//! One subscription's life: batches are taken, computed while the one before is written, and acknowledged when they are
//! stored.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use contracts::StreamId;
use msgqueue::{Delivery, DeliveryTag, Subscription};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::write_behind::WriteBehind;
use super::{Consumer, StepError, tags};
use crate::background::{Stage, pressure};
use crate::faults;
use crate::spans::Spans;

/// Deliveries taken at a time.
const BATCH: usize = 2_048;
/// How often parked messages are looked at again, and the lag is measured.
const SWEEP: Duration = Duration::from_secs(2);
/// How often the lag is measured while there is more than is taken at a time.
const MEASURE: Duration = Duration::from_millis(100);

pub(super) struct Session<'a> {
    consumer: &'a Consumer,
    behind: &'a WriteBehind,
    stage: &'a Stage,
    subscription: Box<dyn Subscription>,
    parked: HashSet<StreamId>,
    computed: VecDeque<Computed>,
    measured: Instant,
}

/// Deliveries that are not acknowledged yet.
struct Computed {
    /// How many batches have to be stored before.
    batches: u64,
    tags: Vec<DeliveryTag>,
    /// They end when it is acknowledged.
    _spans: Spans,
}

impl<'a> Session<'a> {
    /// Ends well only by `stop`.
    pub(super) async fn run(
        consumer: &'a Consumer,
        behind: &'a WriteBehind,
        stage: &'a Stage,
        stop: &CancellationToken,
        failures: &mut u32,
    ) -> Result<(), StepError> {
        let mut session = Self {
            consumer,
            behind,
            stage,
            subscription: consumer.listener.subscribe(&consumer.group).await?,
            parked: consumer.parking.waiting(&consumer.group).await?.streams,
            computed: VecDeque::new(),
            measured: Instant::now(),
        };
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let works = tokio::select! {
                () = stop.cancelled() => return session.flush().await,
                _ = sweep.tick() => session.sweep().await?,
                stored = behind.flush(), if !session.computed.is_empty() => {
                    stored?;
                    session.acknowledge().await?
                }
                batch = session.subscription.next_batch(pressure().portion(BATCH)) => session.take(&batch?).await?,
            };
            if works {
                consumer.recovered(failures);
            }
        }
    }

    /// Returns whether something was acknowledged: what is only computed does not show that it can be stored.
    async fn take(&mut self, batch: &[Delivery]) -> Result<bool, StepError> {
        if faults::unguarded("ack_after_apply") {
            self.subscription.ack(&tags(batch)).await?;
        }
        faults::point("consumer.taken");
        faults::tarry(&self.consumer.group).await;
        let spans = self.consumer.step(batch, &mut self.parked).await?;
        self.computed.push_back(Computed {
            batches: self.behind.batches_put(),
            tags: tags(batch),
            _spans: spans,
        });
        let works = self.acknowledge().await?;
        if batch.len() >= pressure().portion(BATCH) && self.measured.elapsed() >= MEASURE {
            self.measured = Instant::now();
            self.consumer.measure(self.stage).await?;
        }
        pressure().give_way().await;
        Ok(works)
    }

    /// Acknowledges what is stored. Returns whether that was anything.
    async fn acknowledge(&mut self) -> Result<bool, StepError> {
        let stored = self.behind.batches_stored();
        let mut works = false;
        while let Some(computed) = self.computed.pop_front_if(|computed| computed.batches <= stored) {
            self.subscription.ack(&computed.tags).await?;
            faults::point("consumer.acknowledged");
            works = true;
        }
        Ok(works)
    }

    async fn flush(&mut self) -> Result<(), StepError> {
        self.behind.flush().await?;
        self.acknowledge().await?;
        Ok(())
    }

    async fn sweep(&mut self) -> Result<bool, StepError> {
        self.flush().await?;
        self.consumer.sweep(&mut self.parked, self.stage).await
    }
}
