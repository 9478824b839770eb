//! Where the log ends. RabbitMQ tells a stream's length only some seconds late, so it is read there.

use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::AMQPValue;
use lapin::{Channel, Consumer};
use uuid::Uuid;

use super::errors::{bounded, broker_error, unavailable};
use super::link::Link;
use super::topology::{self, log_queue};
use super::wire::{note_headers, note_of, offset_of};
use crate::BrokerError;

const PREFETCH: u16 = 1_024;

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

/// The offset behind everything that the log has by now. Puts a note there to find it again: the readers of the log
/// pass over it.
pub(super) async fn end_of_log(link: &Link) -> Result<u64, BrokerError> {
    let exchange = &link.url().exchange;
    let (channel, writing) = (link.channel().await?, link.channel().await?);
    // Before the note is there, or else the last part of the log might begin behind it.
    let mut log = read_log(&channel, exchange, topology::text("last"), PREFETCH).await?;
    let note = format!("end {}", Uuid::now_v7());
    topology::confirm_publishes(&writing).await?;
    topology::note(&writing, &log_queue(exchange), note_headers(&note), b"").await?;
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
    .ok_or_else(|| unavailable("RabbitMQ ended the reading of its log"))
}

/// What comes next in the log.
pub(super) async fn next(log: &mut Consumer) -> Result<lapin::message::Delivery, BrokerError> {
    match log.next().await {
        Some(delivery) => delivery.map_err(broker_error),
        None => Err(unavailable("RabbitMQ ended the reading of its log")),
    }
}
