//! Another program at the platform's broker: it knows what the original services know, and nothing of ours.

use std::sync::Mutex;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use serde_json::{Value, json};
use testkit::eventually;
use tokio::task::spawn_blocking;

const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) enum Stranger {
    Rabbit {
        channel: Channel,
        exchange: String,
        queue: String,
        /// What was taken out of the queue.
        heard: Mutex<Vec<Value>>,
    },
    Kafka {
        config: ClientConfig,
        topic: String,
    },
}

impl Stranger {
    /// At the place that a broker's URL names. What is published from now on can be heard.
    pub(crate) async fn at(url: &str) -> Self {
        let (server, place) = url.split_once('?').unwrap();
        let place = place.split('&').next().unwrap().split_once('=').unwrap().1.to_owned();
        match server.strip_prefix("kafka:") {
            Some(servers) => {
                let mut config = ClientConfig::new();
                config.set("bootstrap.servers", servers);
                Self::Kafka { config, topic: place }
            }
            None => Self::at_rabbit(server, place).await,
        }
    }

    async fn at_rabbit(server: &str, exchange: String) -> Self {
        let connection = Connection::connect(server, ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let name = exchange.as_str();
        let declared = channel.exchange_declare(name.into(), ExchangeKind::Topic, durable, FieldTable::default());
        declared.await.unwrap();
        let exclusive = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel.queue_declare("".into(), exclusive, FieldTable::default());
        let queue = queue.await.unwrap().name().to_string();
        let (of, to) = (queue.as_str().into(), exchange.as_str().into());
        let bound = channel.queue_bind(of, to, "#".into(), Default::default(), Default::default());
        bound.await.unwrap();
        Self::Rabbit {
            channel,
            exchange,
            queue,
            heard: Mutex::default(),
        }
    }

    pub(crate) async fn tell(&self, name: &str, payload: &Value) {
        match self {
            Self::Rabbit { channel, exchange, .. } => {
                let mut headers = FieldTable::default();
                headers.insert("x-event-name".into(), AMQPValue::LongString(name.into()));
                let (body, properties) = (payload.to_string(), BasicProperties::default().with_headers(headers));
                let (to, options) = (exchange.as_str().into(), BasicPublishOptions::default());
                let published = channel.basic_publish(to, name.into(), options, body.as_bytes(), properties);
                assert!(published.await.unwrap().await.unwrap().is_ack());
            }
            Self::Kafka { config, topic } => {
                let producer: FutureProducer = config.create().unwrap();
                let value = json!({"eventName": name, "payload": payload}).to_string();
                let record = FutureRecord::to(topic).key("").payload(&value);
                producer.send(record, PATIENCE).await.unwrap();
            }
        }
    }

    /// The payload of the first message by this name for which `is_it`, as soon as it is published.
    pub(crate) async fn hear(&self, name: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let heard = || async {
            let named = self.said().await.into_iter().filter(|said| said["eventName"] == name);
            named.map(|mut said| said["payload"].take()).find(&is_it)
        };
        eventually("it is published", heard).await
    }

    /// All that was published so far, as `{eventName, payload}`.
    async fn said(&self) -> Vec<Value> {
        match self {
            Self::Rabbit {
                channel, queue, heard, ..
            } => {
                let new = said_at_rabbit(channel, queue).await;
                let mut heard = heard.lock().unwrap();
                heard.extend(new);
                heard.clone()
            }
            Self::Kafka { config, topic } => said_at_kafka(config.clone(), topic.clone()).await,
        }
    }
}

/// What is in the queue, which is taken out.
async fn said_at_rabbit(channel: &Channel, queue: &str) -> Vec<Value> {
    let mut said = Vec::new();
    while let Some(got) = channel.basic_get(queue.into(), Default::default()).await.unwrap() {
        let headers = got.delivery.properties.headers().clone().unwrap_or_default();
        let name = headers.inner().get("x-event-name").and_then(AMQPValue::as_long_string);
        let name = name.map(ToString::to_string).unwrap_or_default();
        let payload: Value = serde_json::from_slice(&got.delivery.data).unwrap_or_default();
        said.push(json!({"eventName": name, "payload": payload}));
    }
    said
}

/// Everything in the topic.
async fn said_at_kafka(mut config: ClientConfig, topic: String) -> Vec<Value> {
    let reading = move || {
        let consumer: BaseConsumer = config.set("group.id", format!("{topic}-stranger")).create().unwrap();
        let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE).unwrap();
        let (mut list, mut count) = (TopicPartitionList::new(), 0);
        for partition in metadata.topics()[0].partitions() {
            count += consumer.fetch_watermarks(&topic, partition.id(), PATIENCE).unwrap().1;
            let added = list.add_partition_offset(&topic, partition.id(), Offset::Beginning);
            added.unwrap();
        }
        consumer.assign(&list).unwrap();
        let records = (0..count).map(|_| consumer.poll(PATIENCE).unwrap().unwrap());
        records
            .map(|record| serde_json::from_slice(record.payload().unwrap()).unwrap_or_default())
            .collect()
    };
    spawn_blocking(reading).await.unwrap()
}
