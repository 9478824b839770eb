//! What there is at RabbitMQ by which name, and how it is declared. Declaring what is there already changes nothing.

use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, ExchangeKind};

use super::errors::{bounded, unavailable};
use crate::{BrokerError, group_name};

pub(super) const DURABLE: QueueDeclareOptions = QueueDeclareOptions {
    durable: true,
    passive: false,
    exclusive: false,
    auto_delete: false,
    nowait: false,
};
pub(super) const PASSIVE: QueueDeclareOptions = QueueDeclareOptions {
    passive: true,
    ..DURABLE
};
/// Messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;
/// What the log is called; no group can be.
const LOG: &str = "log";

/// The queues of one group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct GroupQueues {
    pub(super) messages: String,
    pub(super) position: String,
    /// Always empty. Where it is there, the group is made as a whole.
    pub(super) made: String,
    /// Held by whoever makes the group.
    pub(super) making: String,
    /// By this key members are asked, through the exchange of the census.
    pub(super) census: String,
}

impl GroupQueues {
    /// # Errors
    /// Where a group cannot be called so.
    pub(super) fn of(exchange: &str, group: &str) -> Result<Self, BrokerError> {
        group_name::check(group)?;
        if group == LOG {
            return Err(BrokerError::Refused(format!(
                "no group can be called `{LOG}`: that is the log's queue"
            )));
        }
        let messages = format!("{exchange}.{group}");
        Ok(Self {
            position: format!("{messages}.position"),
            made: format!("{messages}.made"),
            making: format!("{messages}.making"),
            census: group.to_owned(),
            messages,
        })
    }
}

pub(super) fn log_queue(exchange: &str) -> String {
    format!("{exchange}.{LOG}")
}

pub(super) fn census_exchange(exchange: &str) -> String {
    format!("{exchange}.census")
}

pub(super) fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

pub(super) fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

/// The exchange, and the log bound to it.
pub(super) async fn declare(channel: &Channel, exchange: &str) -> Result<(), BrokerError> {
    declare_exchange(channel, exchange, ExchangeKind::Topic).await?;
    declare_exchange(channel, &census_exchange(exchange), ExchangeKind::Direct).await?;
    let log = log_queue(exchange);
    // No limit of age or size: what the log forgets cannot be built anew.
    let arguments = table([("x-queue-type", text("stream"))]);
    bounded(channel.queue_declare(log.as_str().into(), DURABLE, arguments)).await?;
    bind(channel, &log, exchange).await
}

async fn declare_exchange(channel: &Channel, name: &str, kind: ExchangeKind) -> Result<(), BrokerError> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    bounded(channel.exchange_declare(name.into(), kind, options, FieldTable::default())).await
}

/// To everything.
pub(super) async fn bind(channel: &Channel, queue: &str, exchange: &str) -> Result<(), BrokerError> {
    let options = QueueBindOptions::default();
    bounded(channel.queue_bind(
        queue.into(),
        exchange.into(),
        "#".into(),
        options,
        FieldTable::default(),
    ))
    .await
}

pub(super) async fn confirm_publishes(channel: &Channel) -> Result<(), BrokerError> {
    bounded(channel.confirm_select(ConfirmSelectOptions::default())).await
}

/// Puts one of our own notes into a queue, durably. The channel confirms publishes.
pub(super) async fn note(channel: &Channel, queue: &str, headers: FieldTable, body: &[u8]) -> Result<(), BrokerError> {
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers);
    let options = BasicPublishOptions {
        mandatory: true,
        immediate: false,
    };
    let published = channel.basic_publish("".into(), queue.into(), options, body, properties);
    let confirmation = bounded(async { published.await?.await }).await?;
    match confirmation {
        Confirmation::Ack(None) => Ok(()),
        _ => Err(unavailable("RabbitMQ did not take a note into a queue of ours")),
    }
}

pub(super) fn persistent(properties: BasicProperties) -> BasicProperties {
    properties.with_delivery_mode(PERSISTENT)
}
