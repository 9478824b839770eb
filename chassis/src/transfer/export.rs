//! Writes the log as it stands, by a group of its own that is gone afterwards.
//!
//! What is damaged is told, and keeps nothing else from being written.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::time::Duration;

use contracts::{Envelope, StreamId};
use msgqueue::{Broker, BrokerError, Delivery, Message, temporary_group};
use thiserror::Error;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Outlet;
use crate::causes;
use crate::consumer::tags;

/// Messages taken at a time.
const BATCH: usize = 512;
/// How long a message that is in the log may take to come.
const PATIENCE: Duration = Duration::from_secs(5);
/// Damaged envelopes of which it is noted whether another copy comes.
const MOST_NOTED: usize = 10_000;

/// What is told while it works.
#[derive(Debug)]
pub enum Export {
    /// So many messages are in the log.
    Begins(u64),
    Wrote(u64),
    /// The message of this number in the log, from 1, cannot be exported. So many there were by then.
    Skipped {
        number: u64,
        count: u64,
        why: String,
    },
}

/// What was written.
#[derive(Debug, Default)]
pub struct Exported {
    pub envelopes: u64,
    /// Messages that never were envelopes.
    pub foreign: u64,
    damaged: u64,
    /// Messages that the log has and does not give.
    pub withheld: u64,
    copies: Copies,
}

/// Of which damaged envelopes no other copy was written.
#[derive(Debug, Default)]
struct Copies {
    heads: HashMap<StreamId, u64>,
    missing: BTreeSet<(StreamId, u64)>,
    /// Those of which it cannot be told.
    unknown: u64,
}

#[derive(Debug, Error)]
pub enum ExportError {
    #[error("it was interrupted")]
    Interrupted,
    #[error("the broker fails: {0}")]
    Broker(#[from] BrokerError),
    #[error("the export cannot be written: {0}")]
    Write(#[from] io::Error),
}

type Told<'a> = &'a (dyn Fn(Export) + Sync);

/// Writes each envelope that the log holds when this begins as a line of JSON.
pub async fn export(
    broker: &Broker,
    to: Outlet,
    stop: &CancellationToken,
    told: Told<'_>,
) -> Result<Exported, ExportError> {
    let group = temporary_group(&format!("export.{}", Uuid::now_v7()));
    let outcome = tokio::select! {
        outcome = write_all(broker, &group, to, told) => outcome,
        () = stop.cancelled() => Err(ExportError::Interrupted),
    };
    let dropped = broker.listener.drop_group(&group).await;
    let exported = outcome?;
    dropped?;
    Ok(exported)
}

async fn write_all(broker: &Broker, group: &str, mut to: Outlet, told: Told<'_>) -> Result<Exported, ExportError> {
    let mut subscription = broker.listener.subscribe(group).await?;
    let length = broker.listener.known_lag(group).await?;
    told(Export::Begins(length));
    let mut exported = Exported::default();
    while exported.read() < length {
        let room = usize::try_from(length - exported.read()).unwrap_or(BATCH);
        let Ok(batch) = timeout(PATIENCE, subscription.next_batch(BATCH.min(room))).await else {
            exported.withheld = length - exported.read();
            break;
        };
        let batch = batch?;
        to.write(exported.lines(&batch, told)?).await?;
        // What is not acknowledged would be kept in mind.
        subscription.ack(&tags(&batch)).await?;
        told(Export::Wrote(batch.len() as u64));
    }
    to.finish().await?;
    Ok(exported)
}

impl Exported {
    /// How many envelopes of the log are not in the export.
    pub fn lost(&self) -> u64 {
        self.copies.missing.len() as u64 + self.copies.unknown + self.withheld
    }

    fn read(&self) -> u64 {
        self.envelopes + self.foreign + self.damaged
    }

    fn lines(&mut self, batch: &[Delivery], told: Told<'_>) -> io::Result<Vec<u8>> {
        let mut lines = Vec::new();
        for delivery in batch {
            match delivery.envelope() {
                Ok(envelope) => {
                    serde_json::to_writer(&mut lines, &*envelope)?;
                    lines.push(b'\n');
                    self.envelopes += 1;
                    self.copies.wrote(&envelope);
                }
                Err(error) => self.skip(&delivery.message(), &causes(&error), told),
            }
        }
        Ok(lines)
    }

    fn skip(&mut self, message: &Message, why: &str, told: Told<'_>) {
        let why = if message.is_meant_as_envelope() {
            self.damaged += 1;
            self.copies.lost(message);
            let place = message.place();
            let colon = if place.is_empty() { "" } else { ": " };
            format!("cannot be exported: {place}{colon}{why}")
        } else {
            self.foreign += 1;
            format!("is no envelope: {why}")
        };
        told(Export::Skipped {
            number: self.read(),
            count: self.foreign + self.damaged,
            why,
        });
    }
}

impl Copies {
    fn wrote(&mut self, envelope: &Envelope) {
        match self.heads.get_mut(&envelope.stream) {
            Some(head) => *head = envelope.version.max(*head),
            None => _ = self.heads.insert(envelope.stream.clone(), envelope.version),
        }
        if !self.missing.is_empty() {
            self.missing.remove(&(envelope.stream.clone(), envelope.version));
        }
    }

    /// Streams come in order, so that what is not behind a stream's head was written before, or noted.
    fn lost(&mut self, message: &Message) {
        let (Ok(stream), Ok(version)) = (message.stream(), message.version()) else {
            self.unknown += 1;
            return;
        };
        if self.heads.get(&stream).is_some_and(|head| version <= *head) {
            return;
        }
        if self.missing.len() < MOST_NOTED {
            self.missing.insert((stream, version));
        } else {
            self.unknown += 1;
        }
    }
}
