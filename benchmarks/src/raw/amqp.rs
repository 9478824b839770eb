//! lapin, with many confirms under way and acknowledgements of many messages at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use contracts::Envelope;
use futures::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, DefaultConnectionBuilder, PublisherConfirm};
use msgqueue::Message;

use super::{Pace, a_second};
use crate::Outcome;

/// As the adapter has it: confirmations under way, and deliveries.
const WINDOW: usize = 4_096;
const PREFETCH: u16 = 4_096;
const ACKNOWLEDGED_AT_ONCE: usize = 1_024;
const PERSISTENT: u8 = 2;

pub(crate) struct Parcel {
    routing_key: String,
    properties: BasicProperties,
    body: Vec<u8>,
}

/// The connection ends with it.
pub(crate) struct Client {
    channel: Channel,
    _connection: Connection,
}

/// What the adapter sends, with or without its headers.
pub(crate) fn parcels(envelopes: &[Arc<Envelope>], with_headers: bool) -> Vec<Parcel> {
    let parcel = |envelope: &Arc<Envelope>| parcel(Message::from_envelope(envelope), with_headers);
    envelopes.iter().map(parcel).collect()
}

fn parcel(message: Message, with_headers: bool) -> Parcel {
    let text = |value: &str| AMQPValue::LongString(value.into());
    let name = message.attributes.get("type").cloned().unwrap_or_default();
    let mut headers = FieldTable::default();
    for (attribute, value) in &message.attributes {
        headers.insert(format!("cloudEvents_{attribute}").into(), text(value));
    }
    headers.insert("x-event-name".into(), text(&name));
    let bare = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT);
    Parcel {
        routing_key: name,
        properties: if with_headers { bare.with_headers(headers) } else { bare },
        body: message.body,
    }
}

impl Client {
    pub(crate) async fn open(server: &str) -> Outcome<Self> {
        let connection = DefaultConnectionBuilder::new()?
            .with_uri(server.parse()?)
            .connect()
            .await?;
        Ok(Self {
            channel: connection.create_channel().await?,
            _connection: connection,
        })
    }

    /// Publishes all of it to an exchange. Returns how many were confirmed a second.
    pub(crate) async fn emit(&self, exchange: &str, parcels: Vec<Parcel>) -> Outcome<f64> {
        self.channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let (began, count) = (Instant::now(), parcels.len());
        let mut unconfirmed = VecDeque::with_capacity(WINDOW);
        for parcel in parcels {
            if unconfirmed.len() == WINDOW {
                settle(unconfirmed.pop_front()).await?;
            }
            unconfirmed.push_back(self.publish(exchange, parcel).await?);
        }
        while !unconfirmed.is_empty() {
            settle(unconfirmed.pop_front()).await?;
        }
        Ok(a_second(count, began))
    }

    async fn publish(&self, exchange: &str, parcel: Parcel) -> Outcome<PublisherConfirm> {
        let options = BasicPublishOptions {
            mandatory: true,
            immediate: false,
        };
        let (key, properties) = (parcel.routing_key.into(), parcel.properties);
        let sent = self
            .channel
            .basic_publish(exchange.into(), key, options, &parcel.body, properties);
        Ok(sent.await?)
    }

    /// A classic durable queue that gets everything from now on, as a group's does.
    pub(crate) async fn make_queue(&self, queue: &str, exchange: &str) -> Outcome<()> {
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
        self.channel.queue_declare(queue.into(), durable, arguments).await?;
        let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
        let bound = self
            .channel
            .queue_bind(queue.into(), exchange.into(), "#".into(), options, arguments);
        Ok(bound.await?)
    }

    /// Reads and acknowledges so many messages. Returns how many a second.
    pub(crate) async fn listen(&self, queue: &str, count: usize) -> Outcome<f64> {
        self.channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consuming = self.channel.basic_consume(queue.into(), "".into(), options, arguments);
        let mut consumer = consuming.await?;
        let mut pace = Pace::default();
        for number in 1..=count {
            let delivery = consumer.next().await.ok_or("RabbitMQ ended the consumer")??;
            pace.add(1);
            if number % ACKNOWLEDGED_AT_ONCE == 0 || number == count {
                let options = BasicAckOptions { multiple: true };
                self.channel.basic_ack(delivery.delivery_tag, options).await?;
            }
        }
        Ok(pace.a_second())
    }
}

async fn settle(confirm: Option<PublisherConfirm>) -> Outcome<()> {
    let Some(confirm) = confirm else { return Ok(()) };
    match confirm.await? {
        Confirmation::Ack(None) => Ok(()),
        _ => Err("RabbitMQ did not take a message".into()),
    }
}
