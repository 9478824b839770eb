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
/// In milliseconds, as RabbitMQ wants it.
const DAY: i32 = 24 * 60 * 60 * 1_000;
/// What the log is called; no group may be.
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
    /// Whether RabbitMQ removes them when nobody uses them.
    is_temporary: bool,
}

impl GroupQueues {
    /// # Errors
    /// Where a group cannot be called so.
    pub(super) fn of(exchange: &str, group: &str) -> Result<Self, BrokerError> {
        group_name::check(group)?;
        let messages = format!("{exchange}.{group}");
        // No group's name has a colon.
        Ok(Self {
            position: format!("{messages}:position"),
            made: format!("{messages}:made"),
            making: format!("{messages}:making"),
            census: group.to_owned(),
            is_temporary: group_name::is_temporary(group),
            messages,
        })
    }

    /// What each of them is declared with.
    pub(super) fn arguments<const N: usize>(&self, beside: [(&str, AMQPValue); N]) -> FieldTable {
        let mut arguments = table(beside);
        let (kind, classic) = classic();
        arguments.insert(kind.into(), classic);
        if self.is_temporary {
            arguments.insert("x-expires".into(), AMQPValue::LongInt(DAY));
        }
        arguments
    }
}

pub(super) fn log_queue(exchange: &str) -> String {
    format!("{exchange}.{LOG}")
}

pub(super) fn census_exchange(exchange: &str) -> String {
    format!("{exchange}:census")
}

/// Whatever is published there gets into the log and nowhere else, and is counted.
fn notes_exchange(exchange: &str) -> String {
    format!("{exchange}:notes")
}

/// As many messages as the log has notes.
fn notes_queue(exchange: &str) -> String {
    format!("{exchange}.{LOG}:notes")
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

/// The kind of queue that ours are, whatever a virtual host makes by default: one that counts deliveries could drop
/// what was looked at often.
fn classic() -> (&'static str, AMQPValue) {
    ("x-queue-type", text("classic"))
}

/// The exchange, the log bound to it, and what we need beside them.
pub(super) async fn declare(channel: &Channel, exchange: &str) -> Result<(), BrokerError> {
    declare_exchange(channel, exchange, ExchangeKind::Topic).await?;
    declare_exchange(channel, &census_exchange(exchange), ExchangeKind::Direct).await?;
    let log = log_queue(exchange);
    // No limit of age or size: what the log forgets cannot be built anew.
    let arguments = table([("x-queue-type", text("stream"))]);
    bounded(channel.queue_declare(log.as_str().into(), DURABLE, arguments)).await?;
    bind(channel, &log, exchange).await?;
    declare_notes(channel, exchange, &log).await
}

async fn declare_notes(channel: &Channel, exchange: &str, log: &str) -> Result<(), BrokerError> {
    let (notes, count) = (notes_exchange(exchange), notes_queue(exchange));
    declare_exchange(channel, &notes, ExchangeKind::Fanout).await?;
    bounded(channel.queue_declare(count.as_str().into(), DURABLE, table([classic()]))).await?;
    bind(channel, &count, &notes).await?;
    bind(channel, log, &notes).await
}

/// Puts a note into the log. The channel confirms publishes.
pub(super) async fn note_in_log(channel: &Channel, exchange: &str, headers: FieldTable) -> Result<(), BrokerError> {
    publish_note(channel, &notes_exchange(exchange), "", headers, b"").await
}

/// How many notes the log has.
pub(super) async fn count_notes(channel: &Channel, exchange: &str) -> Result<u64, BrokerError> {
    let queue = notes_queue(exchange);
    let counted = bounded(channel.queue_declare(queue.as_str().into(), PASSIVE, FieldTable::default())).await?;
    Ok(counted.message_count().into())
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

/// Puts a note into a queue, durably. The channel confirms publishes.
pub(super) async fn note(channel: &Channel, queue: &str, headers: FieldTable, body: &[u8]) -> Result<(), BrokerError> {
    publish_note(channel, "", queue, headers, body).await
}

async fn publish_note(
    channel: &Channel,
    exchange: &str,
    key: &str,
    headers: FieldTable,
    body: &[u8],
) -> Result<(), BrokerError> {
    let properties = persistent(BasicProperties::default().with_headers(headers));
    let options = BasicPublishOptions {
        mandatory: true,
        immediate: false,
    };
    let published = channel.basic_publish(exchange.into(), key.into(), options, body, properties);
    let confirmation = bounded(async { published.await?.await }).await?;
    match confirmation {
        Confirmation::Ack(None) => Ok(()),
        _ => Err(unavailable("RabbitMQ did not take a note into a queue of ours")),
    }
}

pub(super) fn persistent(properties: BasicProperties) -> BasicProperties {
    properties.with_delivery_mode(PERSISTENT)
}
