//! What became of the messages that were handed to librdkafka.

use std::sync::{Arc, Mutex};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tokio::sync::{Notify, oneshot};

use super::complaints::{Complaints, code};
use super::{lock, wire};
use crate::BrokerError;

const DOING: &str = "sending";

/// Clones are one.
#[derive(Clone, Default)]
pub(super) struct Reports {
    pub(super) complaints: Complaints,
    /// Whoever finds the queue full waits for it.
    pub(super) room: Arc<Notify>,
}

/// The messages of one call. Each message under way holds it; when the last one lets go, the outcome is told.
pub(super) struct Sent {
    failure: Mutex<Option<BrokerError>>,
    outcome: Mutex<Option<oneshot::Sender<Result<(), BrokerError>>>>,
}

impl Sent {
    pub(super) fn new() -> (Arc<Self>, oneshot::Receiver<Result<(), BrokerError>>) {
        let (outcome, receiver) = oneshot::channel();
        let sent = Self {
            failure: Mutex::default(),
            outcome: Mutex::new(Some(outcome)),
        };
        (Arc::new(sent), receiver)
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        let failure = lock(&self.failure).take();
        if let Some(outcome) = lock(&self.outcome).take() {
            // Whoever waited may have gone.
            let _ = outcome.send(failure.map_or(Ok(()), Err));
        }
    }
}

impl Reports {
    /// What it means that a message was not taken. `place` names the message.
    pub(super) fn failure(&self, error: &KafkaError, place: &str) -> BrokerError {
        match code(error) {
            Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => BrokerError::Refused(format!(
                "the message of {place} is too large; `message.max.bytes` sets the limit, in the URL, of the broker and, \
                 as `max.message.bytes`, of the topic"
            )),
            Some(Code::PurgeQueue | Code::PurgeInflight) => BrokerError::Closed,
            _ => self.complaints.fault(DOING, error),
        }
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.complaints.say(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.complaints.complain(&error, reason);
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Arc<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Arc<Sent>) {
        if let Err((error, record)) = result {
            let failure = self.failure(error, &wire::place(record));
            lock(&sent.failure).get_or_insert(failure);
        }
        drop(sent);
        self.room.notify_waiters();
    }
}
