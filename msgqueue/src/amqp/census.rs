//! How much the members of a group have not acknowledged, by asking each of them: RabbitMQ tells nobody.
//!
//! Members listen to an exchange by their group's name. Whoever asks is answered through RabbitMQ's direct replies.

use std::time::Duration;

use futures::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::errors::{bounded, broker_error, unavailable};
use super::link::Link;
use super::topology::{GroupQueues, census_exchange};
use crate::BrokerError;

/// How long members may take to answer; one that is paused never does.
const PATIENCE: Duration = Duration::from_secs(5);
/// RabbitMQ's word for "answer on this channel".
const REPLY_TO: &str = "amq.rabbitmq.reply-to";
const UNACKNOWLEDGED: BasicConsumeOptions = BasicConsumeOptions {
    no_ack: true,
    no_local: false,
    exclusive: false,
    nowait: false,
};

/// The requests that come to one member.
pub(super) struct Requests {
    channel: Channel,
    requests: Consumer,
}

impl Requests {
    pub(super) async fn listen(channel: &Channel, exchange: &str, queues: &GroupQueues) -> Result<Self, BrokerError> {
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let queue = bounded(channel.queue_declare("".into(), options, FieldTable::default())).await?;
        let name = queue.name().clone();
        let (exchange, key) = (census_exchange(exchange), queues.census.as_str());
        let bound = channel.queue_bind(
            name.clone(),
            exchange.into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        bounded(bound).await?;
        let requests = bounded(channel.basic_consume(name, "".into(), UNACKNOWLEDGED, FieldTable::default())).await?;
        Ok(Self {
            channel: channel.clone(),
            requests,
        })
    }

    /// The next request, as the place to put the answer. Safe to cancel.
    pub(super) async fn next(&mut self) -> Result<oneshot::Sender<u64>, BrokerError> {
        let request = self.requests.next().await;
        let request = request
            .ok_or_else(|| unavailable("RabbitMQ ended the census"))?
            .map_err(broker_error)?;
        let (answer, count) = oneshot::channel();
        if let Some(reply_to) = request.properties.reply_to().clone() {
            tokio::spawn(reply(self.channel.clone(), reply_to, count));
        }
        Ok(answer)
    }
}

async fn reply(channel: Channel, reply_to: ShortString, count: oneshot::Receiver<u64>) {
    let Ok(count) = count.await else { return };
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let text = count.to_string();
    let sent = channel.basic_publish("".into(), reply_to, options, text.as_bytes(), properties);
    // Whoever asked asks again.
    let _ = bounded(sent).await;
}

/// The sum over `members` members.
///
/// # Errors
/// [`BrokerError::Unavailable`] where one of them does not answer: it may have gone.
pub(super) async fn ask(link: &Link, queues: &GroupQueues, members: u64) -> Result<u64, BrokerError> {
    let channel = link.channel().await?;
    let consumed = channel.basic_consume(REPLY_TO.into(), "".into(), UNACKNOWLEDGED, FieldTable::default());
    let answers = bounded(consumed).await?;
    let exchange = census_exchange(&link.url().exchange);
    let properties = BasicProperties::default().with_reply_to(REPLY_TO.into());
    let options = BasicPublishOptions::default();
    let key = queues.census.as_str();
    bounded(channel.basic_publish(exchange.into(), key.into(), options, b"", properties)).await?;
    match timeout(PATIENCE, sum(answers, members)).await {
        Ok(sum) => sum,
        Err(_) => Err(unavailable("a member of the group does not tell how far it is")),
    }
}

async fn sum(mut answers: Consumer, members: u64) -> Result<u64, BrokerError> {
    let mut sum = 0;
    for _ in 0..members {
        let answer = answers.next().await;
        let answer = answer
            .ok_or_else(|| unavailable("RabbitMQ ended the census"))?
            .map_err(broker_error)?;
        let count = std::str::from_utf8(&answer.data)
            .ok()
            .and_then(|text| text.parse().ok());
        sum += count.unwrap_or(0);
    }
    Ok(sum)
}
