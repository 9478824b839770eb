//! How much the members of a group have not acknowledged, by asking each of them: RabbitMQ tells nobody.
//!
//! Members listen to an exchange by their group's name. Whoever asks is answered through RabbitMQ's direct replies.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::errors::{bounded, close, ended_by, unavailable};
use super::link::Link;
use super::topology::{GroupQueues, census_exchange};
use crate::BrokerError;

/// How long members may take to answer; one that is paused never does.
const PATIENCE: Duration = Duration::from_secs(2);
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
    link: Arc<Link>,
    requests: Consumer,
}

impl Requests {
    pub(super) async fn listen(link: &Arc<Link>, channel: &Channel, queues: &GroupQueues) -> Result<Self, BrokerError> {
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let queue = bounded(channel.queue_declare("".into(), options, FieldTable::default())).await?;
        let name = queue.name().clone();
        let (exchange, key) = (census_exchange(&link.url().exchange), queues.census.as_str());
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
            link: Arc::clone(link),
            requests,
        })
    }

    /// The next request, as the place to put the answer. Safe to cancel.
    pub(super) async fn next(&mut self) -> Result<oneshot::Sender<u64>, BrokerError> {
        let request = self.requests.next().await;
        let request = request
            .ok_or_else(|| unavailable("RabbitMQ ended the census"))?
            .map_err(ended_by)?;
        let (answer, count) = oneshot::channel();
        if let Some(reply_to) = request.properties.reply_to().clone() {
            tokio::spawn(reply(Arc::clone(&self.link), reply_to, count));
        }
        Ok(answer)
    }
}

async fn reply(link: Arc<Link>, reply_to: ShortString, count: oneshot::Receiver<u64>) {
    let Ok(count) = count.await else { return };
    // Whoever asked asks again.
    let Ok(channel) = link.publishing_channel().await else {
        return;
    };
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let text = count.to_string();
    let sent = channel.basic_publish("".into(), reply_to, options, text.as_bytes(), properties);
    let _ = bounded(async { sent.await?.await }).await;
    close(&channel).await;
}

/// The sum over `members` members; `None` where one of them does not answer: it is paused, or has gone.
pub(super) async fn ask(link: &Link, queues: &GroupQueues, members: u64) -> Result<Option<u64>, BrokerError> {
    let channel = link.publishing_channel().await?;
    let outcome = ask_on(&channel, link, queues, members).await;
    close(&channel).await;
    outcome
}

async fn ask_on(
    channel: &Channel,
    link: &Link,
    queues: &GroupQueues,
    members: u64,
) -> Result<Option<u64>, BrokerError> {
    let consumed = channel.basic_consume(REPLY_TO.into(), "".into(), UNACKNOWLEDGED, FieldTable::default());
    let answers = bounded(consumed).await?;
    let exchange = census_exchange(&link.url().exchange);
    let properties = BasicProperties::default().with_reply_to(REPLY_TO.into());
    let options = BasicPublishOptions::default();
    let asked = channel.basic_publish(exchange.into(), queues.census.as_str().into(), options, b"", properties);
    bounded(async { asked.await?.await }).await?;
    match timeout(PATIENCE, sum(answers, members)).await {
        Ok(sum) => sum.map(Some),
        Err(_) => Ok(None),
    }
}

async fn sum(mut answers: Consumer, members: u64) -> Result<u64, BrokerError> {
    let mut sum = 0;
    for _ in 0..members {
        let answer = answers.next().await;
        let answer = answer
            .ok_or_else(|| unavailable("RabbitMQ ended the census"))?
            .map_err(ended_by)?;
        let count = std::str::from_utf8(&answer.data)
            .ok()
            .and_then(|text| text.parse::<u64>().ok());
        sum += count.ok_or_else(|| unavailable("a member's answer cannot be read"))?;
    }
    Ok(sum)
}
