//! The part of the log that a new group has to read before its queue.

use lapin::types::AMQPValue;
use lapin::{Channel, Consumer, message};

use super::link::Link;
use super::position::Position;
use super::tags::Unacknowledged;
use super::topology::GroupQueues;
use super::wire::{note_of, offset_of};
use super::{errors, tail};
use crate::BrokerError;

pub(super) struct Replay {
    /// Of the marker in the group's queue.
    pub(super) marker: u64,
    channel: Channel,
    /// For keeping the position.
    publishing: Channel,
    log: Consumer,
    /// The offset behind the last one that was read.
    read: u64,
    position: Position,
    position_queue: String,
    unacknowledged: Unacknowledged,
}

/// A message of the log.
pub(super) struct Logged {
    pub(super) offset: u64,
    pub(super) tag: u64,
    pub(super) message: message::Delivery,
}

impl Replay {
    pub(super) async fn begin(
        link: &Link,
        queues: &GroupQueues,
        marker: u64,
        prefetch: u16,
    ) -> Result<Self, BrokerError> {
        let channel = link.channel().await?;
        let publishing = link.publishing_channel().await?;
        let position = Position::read(&channel, &queues.position).await?;
        let from = i64::try_from(position.next).unwrap_or(i64::MAX);
        let log = tail::read_log(&channel, &link.url().exchange, AMQPValue::LongLongInt(from), prefetch).await?;
        Ok(Self {
            marker,
            channel,
            publishing,
            log,
            read: position.next,
            position,
            position_queue: queues.position.clone(),
            unacknowledged: Unacknowledged::default(),
        })
    }

    /// What comes next in the log. Safe to cancel.
    pub(super) async fn next(&mut self) -> Result<message::Delivery, BrokerError> {
        tail::next(&mut self.log).await
    }

    /// Takes note of what came; `None` where the group need not be told of it.
    pub(super) async fn take(&mut self, message: message::Delivery) -> Result<Option<Logged>, BrokerError> {
        let offset = offset_of(&message).ok_or_else(|| errors::unavailable("RabbitMQ's log does not tell offsets"))?;
        self.read = offset + 1;
        let tag = message.delivery_tag;
        self.unacknowledged.add(tag);
        let is_note = note_of(&message).is_some();
        let is_new = offset < self.position.end && !self.position.has(offset);
        if is_new && !is_note {
            return Ok(Some(Logged { offset, tag, message }));
        }
        if is_note {
            self.position.pass_note(offset);
        }
        // Else what nobody acknowledges would use up what may be under way.
        self.unacknowledged.acknowledge(&self.channel, &[tag]).await?;
        Ok(None)
    }

    /// Whether all of it was read.
    pub(super) fn is_read(&self) -> bool {
        self.read >= self.position.end
    }

    /// Whether all of it is acknowledged.
    pub(super) fn is_done(&self) -> bool {
        self.position.is_done()
    }

    /// How many messages of it are not acknowledged.
    pub(super) fn left(&self) -> u64 {
        self.position.left()
    }

    /// Durable when this returns.
    pub(super) async fn acknowledge(&mut self, offsets: &[u64], tags: &[u64]) -> Result<(), BrokerError> {
        for offset in offsets {
            self.position.add(*offset);
        }
        self.position.keep(&self.publishing, &self.position_queue).await?;
        self.unacknowledged.acknowledge(&self.channel, tags).await
    }

    /// Before the marker is acknowledged.
    pub(super) async fn end(mut self) -> Result<(), BrokerError> {
        self.position.is_past = true;
        self.position.keep(&self.publishing, &self.position_queue).await?;
        errors::close(&self.channel).await;
        errors::close(&self.publishing).await;
        Ok(())
    }
}
