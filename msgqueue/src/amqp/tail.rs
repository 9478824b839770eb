//! Where the log ends. RabbitMQ tells a stream's length only some seconds late, so its end is read.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::AMQPValue;
use lapin::{Channel, Consumer, message};
use tokio::time::timeout;
use uuid::Uuid;

use super::errors::{PATIENCE, bounded, close, ended_by, silent, unavailable};
use super::link::Link;
use super::topology::{self, log_queue};
use super::wire::{note_headers, note_of, offset_of};
use crate::BrokerError;

const PREFETCH: u16 = 1_024;
/// After so long a log from which nothing has come is taken for empty.
const SILENCE: Duration = Duration::from_millis(500);

/// Reads the log from an offset, or what the broker has as a word for one.
pub(super) async fn read_log(
    channel: &Channel,
    exchange: &str,
    from: AMQPValue,
    prefetch: u16,
) -> Result<Consumer, BrokerError> {
    bounded(channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
    let log = log_queue(exchange);
    let arguments = topology::table([("x-stream-offset", from)]);
    bounded(channel.basic_consume(
        log.as_str().into(),
        "".into(),
        BasicConsumeOptions::default(),
        arguments,
    ))
    .await
}

/// The offset behind everything that was routed to the log before this was called, be it stored yet or not. Puts a note
/// there to find it again: the readers of the log pass over it.
pub(super) async fn end_of_log(link: &Link) -> Result<u64, BrokerError> {
    let channel = link.channel().await?;
    let outcome = find_end(link, &channel).await;
    close(&channel).await;
    outcome
}

async fn find_end(link: &Link, channel: &Channel) -> Result<u64, BrokerError> {
    // Before the note is there, or else the last part of the log might begin behind it.
    let mut log = read_log(channel, &link.url().exchange, topology::text("last"), PREFETCH).await?;
    let note = put_note(link).await?;
    bounded(async {
        while let Some(delivery) = log.next().await {
            let delivery = delivery?;
            delivery.acker.ack(BasicAckOptions::default()).await?;
            if note_of(&delivery).as_deref() == Some(&note) {
                return Ok(offset_of(&delivery));
            }
        }
        Ok(None)
    })
    .await?
    .ok_or_else(ended)
}

/// How many messages are stored in the log.
pub(super) async fn length(link: &Link) -> Result<u64, BrokerError> {
    let channel = link.channel().await?;
    let outcome = measure(link, &channel).await;
    close(&channel).await;
    outcome
}

async fn measure(link: &Link, channel: &Channel) -> Result<u64, BrokerError> {
    // Before the end: a note that comes meanwhile counts as a message then, and none is left out.
    let mut notes = topology::count_notes(channel, &link.url().exchange).await?;
    let mut log = read_log(channel, &link.url().exchange, topology::text("last"), PREFETCH).await?;
    let mut last = match timeout(SILENCE, next(&mut log)).await {
        Ok(first) => first?,
        Err(_) => {
            // RabbitMQ says nothing of a log that is empty; one that is slow tells the same either way.
            put_note(link).await?;
            notes += 1;
            timeout(PATIENCE, next(&mut log)).await.map_err(|_| silent())??
        }
    };
    loop {
        bounded(channel.basic_ack(last.delivery_tag, BasicAckOptions { multiple: true })).await?;
        // What it has it sends at once, and answers this behind it.
        bounded(channel.basic_qos(PREFETCH, BasicQosOptions::default())).await?;
        let (came, latest) = drain(&mut log)?;
        last = latest.unwrap_or(last);
        // It would have sent more, had it had more when it was asked. Under load there is always something new.
        if came < usize::from(PREFETCH) / 2 {
            return Ok((offset_of(&last).ok_or_else(ended)? + 1).saturating_sub(notes));
        }
    }
}

/// How much has come by now, and the last of it.
fn drain(log: &mut Consumer) -> Result<(usize, Option<message::Delivery>), BrokerError> {
    let (mut count, mut last) = (0, None);
    while let Some(came) = log.next().now_or_never() {
        last = Some(came.ok_or_else(ended)?.map_err(ended_by)?);
        count += 1;
    }
    Ok((count, last))
}

async fn put_note(link: &Link) -> Result<String, BrokerError> {
    let channel = link.publishing_channel().await?;
    let note = format!("end {}", Uuid::now_v7());
    let outcome = topology::note_in_log(&channel, &link.url().exchange, note_headers(&note)).await;
    close(&channel).await;
    outcome.map(|()| note)
}

fn ended() -> BrokerError {
    unavailable("RabbitMQ ended the reading of its log")
}

/// What comes next in the log.
pub(super) async fn next(log: &mut Consumer) -> Result<message::Delivery, BrokerError> {
    match log.next().await {
        Some(delivery) => delivery.map_err(ended_by),
        None => Err(ended()),
    }
}
