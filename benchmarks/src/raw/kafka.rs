//! rdkafka: a producer with a future for each message, and a consumer that is polled.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contracts::Envelope;
use msgqueue::Message;
use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Header, Headers as _, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{Pace, a_second};
use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(60);
const WAIT: Duration = Duration::from_millis(100);
pub(crate) const COMMITTED_AT_ONCE: usize = 10_000;

pub(crate) struct Parcel {
    key: String,
    value: Vec<u8>,
    /// As texts: librdkafka's own are used up by one sending, so whoever sends has to make them.
    headers: Option<Vec<(String, String)>>,
}

/// What the adapter sends, with or without its headers.
pub(crate) fn parcels(envelopes: &[Arc<Envelope>], with_headers: bool) -> Vec<Parcel> {
    let parcel = |envelope: &Arc<Envelope>| parcel(Message::from_envelope(envelope), with_headers);
    envelopes.iter().map(parcel).collect()
}

fn parcel(message: Message, with_headers: bool) -> Parcel {
    let name = message.attributes.get("type").map_or("", String::as_str);
    let head = format!("{{\"eventName\":\"{name}\",\"payload\":");
    let value = [head.as_bytes(), &message.body, b"}"].concat();
    Parcel {
        headers: with_headers.then(|| headers(&message)),
        key: message.key,
        value,
    }
}

fn headers(message: &Message) -> Vec<(String, String)> {
    let attributes = message.attributes.iter();
    let named = attributes.map(|(name, value)| (format!("ce_{name}"), value.clone()));
    named
        .chain([("content-type".to_owned(), "application/json".to_owned())])
        .collect()
}

fn owned(headers: &[(String, String)]) -> OwnedHeaders {
    let room = OwnedHeaders::new_with_capacity(headers.len());
    headers.iter().fold(room, |headers, (key, value)| {
        headers.insert(Header {
            key,
            value: Some(value),
        })
    })
}

/// Produces all of it to a topic. Returns how many were confirmed a second.
pub(crate) async fn emit(server: &str, topic: &str, parcels: Vec<Parcel>) -> Outcome<f64> {
    let producer: FutureProducer = client(server)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        // As the adapter has them.
        .set("linger.ms", "2")
        .set("queue.buffering.max.kbytes", "65536")
        .create()?;
    let (began, count) = (Instant::now(), parcels.len());
    let mut under_way = VecDeque::new();
    for Parcel { key, value, headers } in parcels {
        let record = FutureRecord::to(topic).key(&key).payload(&value);
        let record = FutureRecord {
            headers: headers.as_deref().map(owned),
            ..record
        };
        send(&producer, record, &mut under_way).await?;
    }
    for report in under_way {
        report.await?.map_err(|(error, _)| error)?;
    }
    Ok(a_second(count, began))
}

/// Where there is no room, waits for the oldest.
async fn send<'a>(
    producer: &FutureProducer,
    mut record: FutureRecord<'a, String, Vec<u8>>,
    under_way: &mut VecDeque<DeliveryFuture>,
) -> Outcome<()> {
    loop {
        match producer.send_result(record) {
            Ok(report) => {
                under_way.push_back(report);
                return Ok(());
            }
            Err((KafkaError::MessageProduction(Code::QueueFull), back)) => record = back,
            Err((error, _)) => return Err(error.into()),
        }
        let oldest = under_way.pop_front().ok_or("the producer's queue is full of nothing")?;
        oldest.await?.map_err(|(error, _)| error)?;
    }
}

/// What is looked at of a message that has come.
pub(crate) type Look = fn(&BorrowedMessage<'_>) -> usize;

/// Nothing but that it is there.
pub(crate) fn at_nothing(_: &BorrowedMessage<'_>) -> usize {
    0
}

/// The headers, which librdkafka takes apart only where somebody asks for them.
pub(crate) fn at_headers(record: &BorrowedMessage<'_>) -> usize {
    let headers = record.headers().into_iter().flat_map(BorrowedHeaders::iter);
    headers.filter_map(|header| header.value).map(<[u8]>::len).sum()
}

/// Reads so many messages from the beginning of a topic, in a group of its own. Returns how many a second.
pub(crate) async fn listen(server: &str, topic: &str, count: usize, look: Look) -> Outcome<f64> {
    let (server, topic) = (server.to_owned(), topic.to_owned());
    spawn_blocking(move || consume(&server, &topic, count, look)).await?
}

fn consume(server: &str, topic: &str, count: usize, look: Look) -> Outcome<f64> {
    let consumer: BaseConsumer = client(server)
        .set("group.id", Uuid::now_v7().to_string())
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()?;
    consumer.subscribe(&[topic])?;
    let mut pace = Pace::default();
    for number in 1..=count {
        black_box(look(&next(&consumer)?));
        pace.add(1);
        if number % COMMITTED_AT_ONCE == 0 {
            consumer.commit_consumer_state(CommitMode::Async)?;
        }
    }
    consumer.commit_consumer_state(CommitMode::Sync)?;
    Ok(pace.a_second())
}

/// The driver also returns with nothing when it has heard something else.
fn next(consumer: &BaseConsumer) -> Outcome<BorrowedMessage<'_>> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(record) = consumer.poll(WAIT) {
            return Ok(record?);
        }
    }
    Err("Kafka has no more messages".into())
}

fn client(server: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", server.trim_start_matches("kafka:"));
    config
}
