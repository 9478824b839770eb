//! Writes the log as it stands, by a group of its own that is gone afterwards.

use std::io::{self, Write};

use msgqueue::{Broker, BrokerError, Delivery, Subscription};
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Messages taken at a time.
const BATCH: usize = 512;

/// What is told while it works.
#[derive(Debug)]
pub enum Export {
    /// So many messages are in the log.
    Begins(u64),
    Wrote(u64),
    /// The message of this number in the log, from 1, is no envelope. So many there were by then.
    Skipped {
        number: u64,
        count: u64,
        why: String,
    },
}

/// What was written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    pub envelopes: u64,
    /// Messages that are no envelopes.
    pub skipped: u64,
}

#[derive(Debug, Error)]
pub enum ExportError {
    #[error("this broker cannot tell how long its log is, which an export has to know")]
    NoMeasure,
    #[error("it was interrupted")]
    Interrupted,
    #[error("the broker fails: {0}")]
    Broker(#[from] BrokerError),
    #[error("the export cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes each envelope that the log holds when this begins as a line of JSON.
pub async fn export(
    broker: &Broker,
    to: &mut (dyn Write + Send),
    stop: &CancellationToken,
    told: &(dyn Fn(Export) + Sync),
) -> Result<Exported, ExportError> {
    let group = format!("export.{}", Uuid::now_v7());
    let outcome = tokio::select! {
        outcome = write_all(broker, &group, to, told) => outcome,
        () = stop.cancelled() => Err(ExportError::Interrupted),
    };
    let dropped = broker.listener.drop_group(&group).await;
    let exported = outcome?;
    dropped?;
    Ok(exported)
}

async fn write_all(
    broker: &Broker,
    group: &str,
    to: &mut (dyn Write + Send),
    told: &(dyn Fn(Export) + Sync),
) -> Result<Exported, ExportError> {
    let mut subscription = broker.listener.subscribe(group).await?;
    let length = broker.listener.lag(group).await?.ok_or(ExportError::NoMeasure)?;
    told(Export::Begins(length));
    let mut exported = Exported::default();
    while exported.read() < length {
        let room = usize::try_from(length - exported.read()).unwrap_or(BATCH);
        let batch = subscription.next_batch(BATCH.min(room)).await?;
        for delivery in &batch {
            exported.write(delivery, to, told)?;
        }
        acknowledge(&mut *subscription, &batch).await?;
        told(Export::Wrote(batch.len() as u64));
    }
    to.flush()?;
    Ok(exported)
}

/// What is not acknowledged would be kept in mind.
async fn acknowledge(subscription: &mut dyn Subscription, batch: &[Delivery]) -> Result<(), BrokerError> {
    let tags: Vec<_> = batch.iter().map(|delivery| delivery.tag).collect();
    subscription.ack(&tags).await
}

impl Exported {
    fn read(&self) -> u64 {
        self.envelopes + self.skipped
    }

    fn write(
        &mut self,
        delivery: &Delivery,
        to: &mut (dyn Write + Send),
        told: &(dyn Fn(Export) + Sync),
    ) -> Result<(), ExportError> {
        match delivery.envelope() {
            Ok(envelope) => {
                let mut line = serde_json::to_vec(&envelope).map_err(io::Error::from)?;
                line.push(b'\n');
                to.write_all(&line)?;
                self.envelopes += 1;
            }
            Err(error) => {
                self.skipped += 1;
                told(Export::Skipped {
                    number: self.read(),
                    count: self.skipped,
                    why: error.to_string(),
                });
            }
        }
        Ok(())
    }
}
