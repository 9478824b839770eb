//! The consumer loop: takes every envelope of the log once, in order, whatever the broker does.
//!
//! The next version of a stream is applied; an earlier one is skipped; one that is too early or cannot be read is
//! parked with its reason while other streams go on, and applied when the gap is filled. So is one that the handler
//! refuses. Everything an envelope leads
//! to is durable before the progress record, and the progress record before the acknowledgement. A failing store is
//! tried again in place. What is done with an envelope is the [`Handler`]'s business.

mod foreign;
pub mod parking;
mod plan;
pub(crate) mod progress;
mod session;
mod step;
mod write_behind;

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use contracts::StreamId;
use msgqueue::{BrokerError, Delivery, DeliveryTag, EventListener};
use persistence::{DocumentStore, PutError, StoreError, Write};
use thiserror::Error;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

pub use foreign::{Adoption, ForeignMessage};
pub(crate) use progress::Kept;
pub use progress::Progress;

use crate::background::{Stage, pressure};
use crate::causes;
use crate::clock::Clock;
use crate::health::Part;
use crate::metrics::ConsumerMetrics;
use crate::recorded::Recorded;
use crate::relay::backoff;
use parking::Parking;
use session::Session;
use write_behind::WriteBehind;

/// What is done with envelopes: views build documents, policies append commands.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Whether it cares for a stream. What it does not care for is acknowledged unread, and no progress is kept of it.
    fn concerns(&self, _stream: &StreamId) -> bool {
        true
    }

    /// Handles envelopes that come next in their streams, in this order. Returns the document writes that belong to
    /// them; the caller carries these out before it notes the progress. `documents` are as the batches before have left
    /// them, though the last one may not be stored yet.
    ///
    /// May be called again with the same envelopes after an error or a crash, so it has to recognise repeats.
    async fn handle(
        &self,
        batch: &Arc<[Recorded]>,
        documents: &Arc<dyn DocumentStore>,
    ) -> Result<Vec<Write>, HandlerError>;

    /// Makes something of a message of another program, which is of no stream. What it leads to is durable when this
    /// returns.
    ///
    /// May be called again with the same message, so it has to recognise repeats.
    async fn adopt(&self, _foreign: &ForeignMessage) -> Result<Adoption, HandlerError> {
        Ok(Adoption::Ignored)
    }
}

#[derive(Debug, Error)]
pub enum HandlerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something else has to happen first. The same envelopes come again.
    #[error("not possible yet: {0}")]
    NotYet(String),
    /// As things are, trying again does not help. These envelopes are parked, and the rest of the batch comes again
    /// without them.
    #[error("what is reacted to cannot be carried out")]
    Refused(Vec<Refusal>),
}

/// An envelope that a handler cannot do anything with, though it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub stream: StreamId,
    pub version: u64,
    pub detail: String,
    /// Whether those behind it in its stream wait. If not, it is tried again beside them, as what is still owed.
    pub holds_up: bool,
}

#[derive(Debug, Error)]
pub(crate) enum StepError {
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Put(#[from] PutError),
    #[error(transparent)]
    Handler(#[from] HandlerError),
}

/// One group's consumer.
pub struct Consumer {
    pub group: String,
    pub listener: Arc<dyn EventListener>,
    pub documents: Arc<dyn DocumentStore>,
    pub progress: Progress,
    pub parking: Parking,
    pub handler: Arc<dyn Handler>,
    pub clock: Arc<dyn Clock>,
    pub metrics: ConsumerMetrics,
    pub health: Part,
}

impl Consumer {
    /// Consumes until `stop`. What was taken and not acknowledged by then comes again at the next start.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut failures = 0;
        let stage = pressure().consuming();
        let behind = self.write_behind();
        while !stop.is_cancelled() {
            let Err(error) = Session::run(&self, &behind, &stage, &stop, &mut failures).await else {
                return;
            };
            behind.abandon().await;
            failures += 1;
            self.metrics.reconnects(&self.group);
            if failures == 1 {
                error!(group = self.group, %error, cause = ?std::error::Error::source(&error), "consuming fails; it is tried again");
            }
            self.health.degraded(causes(&error));
            stage.report(None);
            let pause = async {
                // Where the store fails what is behind still grows. What the broker has to say against it comes up again.
                if !matches!(error, StepError::Broker(_)) {
                    let _ = self.lag().await;
                }
                sleep(backoff(failures)).await;
            };
            stop.run_until_cancelled(pause).await;
        }
    }

    /// Reads and writes through documents that are written while the next batch is computed.
    fn write_behind(&mut self) -> Arc<WriteBehind> {
        let behind = Arc::new(WriteBehind::over(Arc::clone(&self.documents), self.progress.advanced()));
        let documents: Arc<dyn DocumentStore> = behind.clone();
        self.progress = self.progress.through(Arc::clone(&documents));
        self.parking = Parking::through(Arc::clone(&documents));
        self.documents = documents;
        behind
    }

    fn recovered(&self, failures: &mut u32) {
        if std::mem::take(failures) > 0 {
            info!(group = self.group, "consuming works again");
        }
        self.health.ok();
    }

    /// Tries parked messages again and measures. Whether that shows that consuming works: only where nothing waits.
    async fn sweep(&self, parked: &mut HashSet<StreamId>, stage: &Stage) -> Result<bool, StepError> {
        for stream in self.parking.waiting(&self.group).await?.streams {
            self.heal(&stream).await?;
        }
        let lag = self.measure(stage).await?;
        let left = self.parking.waiting(&self.group).await?;
        self.metrics.set_parked(&self.group, left.count);
        *parked = left.streams;
        Ok(lag.is_none_or(|lag| lag == 0))
    }

    async fn measure(&self, stage: &Stage) -> Result<Option<u64>, StepError> {
        let lag = self.lag().await?;
        if lag.is_some() {
            stage.report(lag);
        }
        Ok(lag)
    }

    /// Shown by the metrics as well.
    async fn lag(&self) -> Result<Option<u64>, BrokerError> {
        let lag = self.listener.lag(&self.group).await?;
        if let Some(lag) = lag {
            self.metrics.set_lag(&self.group, lag);
        }
        Ok(lag)
    }
}

pub(crate) fn tags(batch: &[Delivery]) -> Vec<DeliveryTag> {
    batch.iter().map(|delivery| delivery.tag).collect()
}
