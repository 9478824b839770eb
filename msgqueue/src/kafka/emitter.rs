use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use contracts::Envelope;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use tokio::time::{Instant, timeout, timeout_at};

use super::client::{DELIVERY, LOST, create};
use super::reports::{Reports, Sent};
use super::url::KafkaUrl;
use super::{drop_aside, lock, wire};
use crate::spelled::Spelled;
use crate::{BrokerError, EventEmitter, Message};

/// librdkafka reports every message in time; this is for the day when it does not.
const REPORTS: Duration = DELIVERY.saturating_add(Duration::from_secs(10));

pub(super) struct KafkaEmitter {
    url: Arc<KafkaUrl>,
    /// Replaced when it is broken or lost for good. `None` only while this is dropped.
    line: Mutex<Option<Arc<Line>>>,
}

struct Line {
    producer: ThreadedProducer<Reports>,
    reports: Reports,
}

impl KafkaEmitter {
    pub(super) fn open(url: Arc<KafkaUrl>) -> Result<Self, BrokerError> {
        let line = Mutex::new(Some(Line::open(&url)?));
        Ok(Self { url, line })
    }

    fn line(&self) -> Result<Arc<Line>, BrokerError> {
        lock(&self.line).clone().ok_or(BrokerError::Closed)
    }

    /// A producer that has lost count of its messages refuses all others, so that none comes twice; consumers
    /// recognise repeats, so another producer may go on. So may one in place of one that finds no broker any more.
    fn replace_where_broken(&self, line: Arc<Line>, error: &BrokerError) -> Result<(), BrokerError> {
        let fatal = line.producer.client().fatal_error();
        let is_lost = matches!(error, BrokerError::Unavailable(_)) && line.reports.complaints.is_lost(LOST);
        if fatal.is_none() && !is_lost {
            return Ok(());
        }
        let mut current = lock(&self.line);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &line)) {
            match fatal {
                Some((code, reason)) => tracing::warn!(%code, reason, "the producer is broken and made anew"),
                None => tracing::debug!("the producer finds no broker and is made anew"),
            }
            *current = Some(Line::open(&self.url)?);
        }
        drop_aside(line);
        Ok(())
    }
}

impl Line {
    fn open(url: &KafkaUrl) -> Result<Arc<Self>, BrokerError> {
        let reports = Reports::default();
        let producer = create(&url.producer(), reports.clone())?;
        Ok(Arc::new(Self { producer, reports }))
    }

    async fn send_all(&self, url: &KafkaUrl, batch: &[Arc<Envelope>]) -> Result<(), BrokerError> {
        let (sent, outcome) = Sent::new();
        let deadline = Instant::now() + DELIVERY;
        for envelope in batch {
            self.send(url, envelope, &sent, deadline).await?;
        }
        drop(sent);
        match timeout(REPORTS, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(BrokerError::Closed),
            Err(_) => Err(self.reports.complaints.unavailable("sending", "no report came")),
        }
    }

    /// Hands one message in, as soon as there is room.
    async fn send(
        &self,
        url: &KafkaUrl,
        envelope: &Envelope,
        sent: &Arc<Sent>,
        deadline: Instant,
    ) -> Result<(), BrokerError> {
        let spelled = Spelled::of(envelope, url.names);
        let value = wire::value(&spelled);
        let mut record = BaseRecord::with_opaque_to(&url.topic, Arc::clone(sent))
            .key(spelled.key())
            .payload(&value)
            .headers(wire::headers(&spelled));
        loop {
            // Before the attempt, so that no room is missed.
            let room = self.reports.room.notified();
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), back)) => record = back,
                Err((error, _)) => return Err(self.reports.failure(&error, &Message::from_envelope(envelope).place())),
            }
            let waited = timeout_at(deadline, room).await;
            waited.map_err(|_| self.reports.complaints.unavailable("sending", "the queue stays full"))?;
        }
    }
}

#[async_trait]
impl EventEmitter for KafkaEmitter {
    async fn emit(&self, batch: &[Arc<Envelope>]) -> Result<(), BrokerError> {
        if batch.is_empty() {
            return Ok(());
        }
        let line = self.line()?;
        let begun = std::time::Instant::now();
        let outcome = line.send_all(&self.url, batch).await;
        match &outcome {
            Ok(()) => line.reports.complaints.answered(begun),
            Err(error) => self.replace_where_broken(line, error)?,
        }
        outcome
    }
}

impl Drop for KafkaEmitter {
    fn drop(&mut self) {
        if let Some(line) = lock(&self.line).take() {
            drop_aside(line);
        }
    }
}
