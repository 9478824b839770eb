//! Publishes with confirms: many under way, none counted as published before RabbitMQ has said so.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::Envelope;
use lapin::options::BasicPublishOptions;
use lapin::{Channel, Confirmation, PublisherConfirm};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::errors::{broker_error, silent, unavailable};
use super::link::Link;
use super::topology;
use super::wire::Outgoing;
use crate::{BrokerError, EventEmitter};

/// Messages that wait for their confirmation at most, of all emits together.
const WINDOW: usize = 4_096;
/// How long one confirmation may take: RabbitMQ confirms what is on disk, and holds publishers up when it has no room.
const PATIENCE: Duration = Duration::from_secs(30);
const MANDATORY: BasicPublishOptions = BasicPublishOptions {
    mandatory: true,
    immediate: false,
};

pub(super) struct AmqpEmitter {
    link: Arc<Link>,
    channel: Mutex<Option<Arc<Channel>>>,
    window: Arc<Semaphore>,
}

/// What an emit has published and not yet seen confirmed, in order.
struct Unconfirmed {
    confirms: VecDeque<(PublisherConfirm, OwnedSemaphorePermit)>,
    window: Arc<Semaphore>,
}

impl AmqpEmitter {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self {
            link,
            channel: Mutex::new(None),
            window: Arc::new(Semaphore::new(WINDOW)),
        }
    }

    /// The channel that all emits share, so that those of one task keep their order.
    async fn channel(&self) -> Result<Arc<Channel>, BrokerError> {
        let mut current = self.channel.lock().await;
        if let Some(channel) = current.as_ref().filter(|it| it.status().connected()) {
            return Ok(Arc::clone(channel));
        }
        let channel = Arc::new(self.link.publishing_channel().await?);
        topology::declare(&channel, &self.link.url().exchange).await?;
        *current = Some(Arc::clone(&channel));
        Ok(channel)
    }

    /// The next emit takes another channel: what is under way on this one may never be confirmed.
    async fn give_up(&self, channel: &Arc<Channel>, error: &BrokerError) {
        let mut current = self.channel.lock().await;
        let is_current = current.take_if(|current| Arc::ptr_eq(current, channel)).is_some();
        if is_current && matches!(error, BrokerError::Unavailable(_)) {
            self.link.abandon_publishing().await;
        }
    }

    async fn publish(&self, channel: &Channel, batch: &[Arc<Envelope>]) -> Result<(), BrokerError> {
        let mut unconfirmed = Unconfirmed {
            confirms: VecDeque::with_capacity(batch.len().min(WINDOW)),
            window: Arc::clone(&self.window),
        };
        for envelope in batch {
            let room = unconfirmed.room().await?;
            let outgoing = Outgoing::of(envelope, self.link.url().names);
            let confirm = self.send(channel, outgoing).await?;
            unconfirmed.confirms.push_back((confirm, room));
        }
        while unconfirmed.settle_oldest().await? {}
        Ok(())
    }

    async fn send(&self, channel: &Channel, outgoing: Outgoing) -> Result<PublisherConfirm, BrokerError> {
        let Outgoing {
            routing_key,
            properties,
            body,
        } = outgoing;
        let exchange = self.link.url().exchange.as_str();
        let sent = channel.basic_publish(exchange.into(), routing_key.into(), MANDATORY, &body, properties);
        match timeout(PATIENCE, sent).await {
            Ok(sent) => sent.map_err(broker_error),
            Err(_) => Err(silent()),
        }
    }
}

#[async_trait]
impl EventEmitter for AmqpEmitter {
    async fn emit(&self, batch: &[Arc<Envelope>]) -> Result<(), BrokerError> {
        if batch.is_empty() {
            return Ok(());
        }
        let channel = self.channel().await?;
        let outcome = self.publish(&channel, batch).await;
        if let Err(error) = &outcome {
            self.give_up(&channel, error).await;
        }
        outcome
    }
}

impl Unconfirmed {
    /// Room for one more. Where there is none this emit's own oldest messages are settled first, so that no two wait for
    /// each other.
    async fn room(&mut self) -> Result<OwnedSemaphorePermit, BrokerError> {
        loop {
            if let Ok(room) = Arc::clone(&self.window).try_acquire_owned() {
                return Ok(room);
            }
            if !self.settle_oldest().await? {
                let room = timeout(PATIENCE, Arc::clone(&self.window).acquire_owned()).await;
                return room.map_err(|_| silent())?.map_err(|_| BrokerError::Closed);
            }
        }
    }

    /// False where nothing is left.
    async fn settle_oldest(&mut self) -> Result<bool, BrokerError> {
        let Some((confirm, _room)) = self.confirms.pop_front() else {
            return Ok(false);
        };
        let confirmation = timeout(PATIENCE, confirm).await.map_err(|_| silent())?;
        match confirmation.map_err(broker_error)? {
            Confirmation::Ack(None) => Ok(true),
            Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
                Err(unavailable("RabbitMQ has no queue for a message, not even the log"))
            }
            Confirmation::Nack(None) => Err(unavailable("RabbitMQ could not store a message")),
            Confirmation::NotRequested => Err(unavailable("RabbitMQ does not confirm on this channel")),
        }
    }
}
