//! How a group is made and unmade, so that a crash at any moment leaves none that would miss something.

use std::time::Duration;

use lapin::Channel;
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use tokio::time::{Instant, sleep};

use super::errors::{bounded, close, is_locked, is_missing, unavailable};
use super::link::Link;
use super::position::Position;
use super::tail;
use super::topology::{self, DURABLE, GroupQueues, PASSIVE, text};
use super::wire::note_headers;
use crate::BrokerError;

/// The first message of a group's queue: whoever is delivered it has to read the log first.
pub(super) const MARKER: &str = "replay the log";

/// Another process makes the group in less.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(20);

/// What a queue holds and who consumes it; `None` where there is no such queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueueState {
    pub(super) ready: u64,
    pub(super) consumers: u64,
}

pub(super) async fn look_at(link: &Link, queue: &str) -> Result<Option<QueueState>, BrokerError> {
    // A queue that is missing ends the channel it was asked for on.
    let channel = link.channel().await?;
    let asked = bounded(async {
        match channel
            .queue_declare(queue.into(), PASSIVE, FieldTable::default())
            .await
        {
            Ok(queue) => Ok(Some(QueueState {
                ready: queue.message_count().into(),
                consumers: queue.consumer_count().into(),
            })),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    });
    asked.await
}

pub(super) async fn is_made(link: &Link, queues: &GroupQueues) -> Result<bool, BrokerError> {
    Ok(look_at(link, &queues.made).await?.is_some())
}

/// Makes the group where it is missing.
pub(super) async fn ensure(link: &Link, queues: &GroupQueues) -> Result<(), BrokerError> {
    if is_made(link, queues).await? {
        return Ok(());
    }
    let channel = lock(link, queues).await?;
    let outcome = make(link, &channel, queues).await;
    unlock(channel, queues).await;
    outcome
}

/// Removes the group; RabbitMQ tells its members.
pub(super) async fn unmake(link: &Link, queues: &GroupQueues) -> Result<(), BrokerError> {
    let channel = lock(link, queues).await?;
    let outcome = remove(&channel, queues).await;
    unlock(channel, queues).await;
    outcome
}

/// Only one process makes or unmakes a group. Returns the channel that holds the lock.
async fn lock(link: &Link, queues: &GroupQueues) -> Result<Channel, BrokerError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let channel = link.publishing_channel().await?;
        if try_lock(&channel, queues).await? {
            return Ok(channel);
        }
        if Instant::now() >= deadline {
            return Err(unavailable("another process does not finish to make or drop the group"));
        }
        sleep(LOOK).await;
    }
}

/// RabbitMQ opens the lock by itself when our connection ends.
async fn unlock(channel: Channel, queues: &GroupQueues) {
    let _ = delete(&channel, &queues.making).await;
    close(&channel).await;
}

/// An exclusive queue is a lock that RabbitMQ opens when our connection ends. False where another connection has it.
async fn try_lock(channel: &Channel, queues: &GroupQueues) -> Result<bool, BrokerError> {
    let options = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel.queue_declare(queues.making.as_str().into(), options, FieldTable::default());
    bounded(async {
        match declared.await {
            Ok(_) => Ok(true),
            Err(error) if is_locked(&error) => Ok(false),
            Err(error) => Err(error),
        }
    })
    .await
}

async fn make(link: &Link, channel: &Channel, queues: &GroupQueues) -> Result<(), BrokerError> {
    if is_made(link, queues).await? {
        return Ok(());
    }
    // What a process left that died over it.
    remove(channel, queues).await?;
    let alone = ("x-single-active-consumer", AMQPValue::Boolean(true));
    declare(channel, &queues.messages, queues.arguments([alone])).await?;
    topology::note(channel, &queues.messages, note_headers(MARKER), b"").await?;
    topology::bind(channel, &queues.messages, &link.url().exchange).await?;
    // What the queue does not have, the log has by now.
    let notes = topology::count_notes(channel, &link.url().exchange).await?;
    let position = Position::beginning(tail::end_of_log(link).await?, notes);
    let one = [
        ("x-max-length", AMQPValue::LongInt(1)),
        ("x-overflow", text("drop-head")),
    ];
    declare(channel, &queues.position, queues.arguments(one)).await?;
    position.keep(channel, &queues.position).await?;
    declare(channel, &queues.made, queues.arguments([])).await
}

async fn remove(channel: &Channel, queues: &GroupQueues) -> Result<(), BrokerError> {
    delete(channel, &queues.made).await?;
    delete(channel, &queues.position).await?;
    delete(channel, &queues.messages).await
}

async fn declare(channel: &Channel, queue: &str, arguments: FieldTable) -> Result<(), BrokerError> {
    bounded(channel.queue_declare(queue.into(), DURABLE, arguments))
        .await
        .map(drop)
}

/// Fine where there is none.
async fn delete(channel: &Channel, queue: &str) -> Result<(), BrokerError> {
    bounded(channel.queue_delete(queue.into(), QueueDeleteOptions::default()))
        .await
        .map(drop)
}
