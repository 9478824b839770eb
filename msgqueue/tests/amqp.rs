//! RabbitMQ passes the conformance suite, and what it says about everything else that can happen there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail and print like tests"
)]
#![cfg(feature = "amqp")]

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};
use msgqueue::conformance::{self, Harness, Report, envelope, envelopes};
use msgqueue::{Broker, BrokerError, Delivery, OpenError, Subscription};
use testkit::servers::{Kind, shared};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::timeout;
use uuid::Uuid;

/// Only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// An exchange of its own.
struct Place(String);

impl Place {
    async fn new() -> Self {
        let url = shared(Kind::RabbitMq).await;
        Self(Kind::RabbitMq.place(&url, &format!("test-{}", Uuid::now_v7())))
    }
}

#[async_trait]
impl Harness for Place {
    async fn open(&self) -> Broker {
        msgqueue::open(&self.0).await.unwrap()
    }

    async fn reopen(&self) -> Broker {
        self.open().await
    }
}

/// Repeats are possible where a group reads the log while messages come.
fn passes(report: Report) {
    println!("{report}");
    assert_ne!(report.messages, 0, "no check is skipped");
}

#[tokio::test]
async fn every_field_survives() {
    passes(conformance::every_field_survives(&Place::new().await).await);
}

#[tokio::test]
async fn empty_batch_succeeds() {
    passes(conformance::empty_batch_succeeds(&Place::new().await).await);
}

#[tokio::test]
async fn many_groups_get_thousands_of_messages() {
    passes(conformance::many_groups_get_thousands_of_messages(&Place::new().await).await);
}

#[tokio::test]
async fn keys_keep_their_order() {
    passes(conformance::keys_keep_their_order(&Place::new().await).await);
}

#[tokio::test]
async fn several_handles_emit_at_once() {
    passes(conformance::several_handles_emit_at_once(&Place::new().await).await);
}

#[tokio::test]
async fn unacknowledged_is_delivered_again() {
    passes(conformance::unacknowledged_is_delivered_again(&Place::new().await).await);
}

#[tokio::test]
async fn acknowledged_is_never_delivered_again() {
    passes(conformance::acknowledged_is_never_delivered_again(&Place::new().await).await);
}

#[tokio::test]
async fn acknowledged_ahead_stays_acknowledged() {
    passes(conformance::acknowledged_ahead_stays_acknowledged(&Place::new().await).await);
}

#[tokio::test]
async fn unknown_tags_are_ignored() {
    passes(conformance::unknown_tags_are_ignored(&Place::new().await).await);
}

#[tokio::test]
async fn reopening_loses_nothing() {
    passes(conformance::reopening_loses_nothing(&Place::new().await).await);
}

#[tokio::test]
async fn closing_while_messages_flow_loses_nothing() {
    passes(conformance::closing_while_messages_flow_loses_nothing(&Place::new().await).await);
}

#[tokio::test]
async fn cancelled_next_batch_loses_and_repeats_nothing() {
    passes(conformance::cancelled_next_batch_loses_and_repeats_nothing(&Place::new().await).await);
}

#[tokio::test]
async fn aborted_emit_tears_nothing() {
    passes(conformance::aborted_emit_tears_nothing(&Place::new().await).await);
}

#[tokio::test]
async fn late_group_sees_all_of_history() {
    passes(conformance::late_group_sees_all_of_history(&Place::new().await).await);
}

#[tokio::test]
async fn each_group_gets_everything() {
    passes(conformance::each_group_gets_everything(&Place::new().await).await);
}

#[tokio::test]
async fn members_share_and_take_over() {
    passes(conformance::members_share_and_take_over(&Place::new().await).await);
}

#[tokio::test]
async fn dropped_group_ends_and_starts_over() {
    passes(conformance::dropped_group_ends_and_starts_over(&Place::new().await).await);
}

#[tokio::test]
async fn lag_counts_what_waits() {
    passes(conformance::lag_counts_what_waits(&Place::new().await).await);
}

/// Speaks to the same exchange as others would.
struct Stranger {
    channel: Channel,
    exchange: String,
}

impl Stranger {
    async fn at(place: &Place) -> Self {
        let (url, exchange) = place.0.split_once("?exchange=").unwrap();
        let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        Self {
            channel,
            exchange: exchange.to_owned(),
        }
    }

    async fn publish(&self, key: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), AMQPValue::LongString((*value).into()));
        }
        let properties = BasicProperties::default().with_headers(table);
        let options = BasicPublishOptions::default();
        let published =
            self.channel
                .basic_publish(self.exchange.as_str().into(), key.into(), options, body, properties);
        assert!(published.await.unwrap().await.unwrap().is_ack());
    }

    /// A queue that is bound to one event's name, as the original services have theirs.
    async fn listen(&self, key: &str) -> Consumer {
        let options = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = self
            .channel
            .queue_declare("".into(), options, FieldTable::default())
            .await
            .unwrap();
        let (queue, exchange) = (queue.name().clone(), self.exchange.as_str().into());
        let bound = self.channel.queue_bind(
            queue.clone(),
            exchange,
            key.into(),
            Default::default(),
            Default::default(),
        );
        bound.await.unwrap();
        let consumed = self
            .channel
            .basic_consume(queue, "".into(), Default::default(), Default::default());
        consumed.await.unwrap()
    }
}

async fn next(subscription: &mut dyn Subscription) -> Vec<Delivery> {
    let batch = timeout(PATIENCE, subscription.next_batch(100)).await;
    batch.expect("no message came").unwrap()
}

/// Reads until `count` messages have come.
async fn take(subscription: &mut dyn Subscription, count: usize) -> Vec<Delivery> {
    let mut came = Vec::new();
    while came.len() < count {
        came.extend(next(subscription).await);
    }
    came
}

#[tokio::test]
async fn the_originals_messages_are_told_by_their_name() {
    let place = Place::new().await;
    let broker = place.open().await;
    let stranger = Stranger::at(&place).await;
    stranger
        .publish("eventCreated", &[("x-event-name", "eventCreated")], b"{\"id\":\"1\"}")
        .await;
    let mut subscription = broker.listener.subscribe("originals").await.unwrap();
    let message = take(&mut *subscription, 1).await[0].message();
    assert_eq!(
        message.attributes,
        [("type".to_owned(), "eventCreated".to_owned())].into()
    );
    assert_eq!(message.body, b"{\"id\":\"1\"}");
    assert!(!message.is_meant_as_envelope());
}

#[tokio::test]
async fn what_cannot_be_read_comes_between_good_ones() {
    let place = Place::new().await;
    let broker = place.open().await;
    let mut subscription = broker.listener.subscribe("good-and-bad").await.unwrap();
    let stranger = Stranger::at(&place).await;
    broker.emitter.emit(&[envelope("a", 1)]).await.unwrap();
    let stream = ("cloudEvents_stream", "event/a");
    stranger
        .publish("event.booked", &[stream, ("cloudEvents:streamversion", "2")], b"\xff")
        .await;
    stranger.publish("", &[], b"").await;
    broker.emitter.emit(&[envelope("a", 3)]).await.unwrap();
    let came = take(&mut *subscription, 4).await;
    let readable: Vec<bool> = came.iter().map(|delivery| delivery.envelope().is_ok()).collect();
    assert_eq!(readable, [true, false, false, true]);
    assert_eq!(came[1].message().place(), "stream event/a, version 2");
    assert_eq!(came[2].message().place(), "");
}

#[tokio::test]
async fn the_original_services_find_name_and_body() {
    for (names, name) in [("", "event.booked"), ("&names=camel", "eventBooked")] {
        let place = Place::new().await;
        let broker = msgqueue::open(&format!("{}{names}", place.0)).await.unwrap();
        let mut queue = Stranger::at(&place).await.listen(name).await;
        let sent = envelope("a", 1);
        broker.emitter.emit(std::slice::from_ref(&sent)).await.unwrap();
        let came = timeout(PATIENCE, queue.next()).await.unwrap().unwrap().unwrap();
        let headers = came.properties.headers().clone().unwrap();
        assert_eq!(headers.inner()["x-event-name"], AMQPValue::LongString(name.into()));
        assert_eq!(headers.inner()["cloudEvents_type"], AMQPValue::LongString(name.into()));
        assert_eq!(came.data, sent.payload.as_str().as_bytes());
        assert_eq!(came.properties.delivery_mode(), &Some(2), "it is persistent");
    }
}

#[tokio::test]
async fn a_group_goes_on_in_the_log_where_it_was_left() {
    let place = Place::new().await;
    let broker = place.open().await;
    let sent = envelopes("a", 300);
    broker.emitter.emit(&sent[..200]).await.unwrap();
    drop(broker.listener.subscribe("before").await.unwrap());
    let mut first = broker.listener.subscribe("late").await.unwrap();
    assert_eq!(broker.listener.known_lag("late").await.unwrap(), 200);
    let came = take(&mut *first, 200).await;
    broker.emitter.emit(&sent[200..]).await.unwrap();
    // The log may have notes of another group by then.
    drop(broker.listener.subscribe("another").await.unwrap());
    assert_eq!(broker.listener.known_lag("nobody").await.unwrap(), 300);
    // All but every third of the first hundred.
    let tags: Vec<_> = came[..100]
        .iter()
        .enumerate()
        .filter(|(i, _)| i % 3 > 0)
        .map(|(_, d)| d.tag)
        .collect();
    first.ack(&tags).await.unwrap();
    let left = broker.listener.known_lag("late").await.unwrap();
    assert_eq!(left, 300 - tags.len() as u64);
    drop(first);

    let mut second = place.reopen().await.listener.subscribe("late").await.unwrap();
    let came = take(&mut *second, 300 - tags.len()).await;
    let versions: Vec<u64> = came
        .iter()
        .map(|delivery| delivery.envelope().unwrap().version)
        .collect();
    let left = (1..=300).filter(|version| *version > 100 || (version - 1) % 3 == 0);
    assert_eq!(versions, left.collect::<Vec<u64>>());
    let tags: Vec<_> = came.iter().map(|delivery| delivery.tag).collect();
    second.ack(&tags).await.unwrap();
    assert_eq!(broker.listener.known_lag("late").await.unwrap(), 0);
}

#[tokio::test]
async fn what_nobody_keeps_is_not_taken_for_published() {
    let place = Place::new().await;
    let broker = place.open().await;
    broker.emitter.emit(&[envelope("a", 1)]).await.unwrap();
    let stranger = Stranger::at(&place).await;
    let log = format!("{}.log", stranger.exchange);
    stranger
        .channel
        .queue_delete(log.as_str().into(), Default::default())
        .await
        .unwrap();
    let outcome = broker.emitter.emit(&[envelope("a", 2)]).await;
    assert!(matches!(outcome, Err(BrokerError::Unavailable(_))), "{outcome:?}");
    // The next attempt makes the log anew.
    broker.emitter.emit(&[envelope("a", 2)]).await.unwrap();
    assert_eq!(broker.listener.known_lag("nobody").await.unwrap(), 1);
}

async fn refusal(url: &str) -> String {
    match msgqueue::open(url).await {
        Ok(_) => panic!("{url} was opened"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn what_cannot_pass_is_refused_in_one_line() {
    let place = Place::new().await;
    let url = shared(Kind::RabbitMq).await;
    let stranger = Stranger::at(&place).await;
    let (exchange, kind) = (stranger.exchange.as_str(), ExchangeKind::Fanout);
    let declared = stranger
        .channel
        .exchange_declare(exchange.into(), kind, Default::default(), Default::default());
    declared.await.unwrap();
    for (url, part) in [
        (url.replace("guest:guest", "guest:s3cret"), "ACCESS_REFUSED"),
        (url.replace("%2f", "nowhere"), "nowhere"),
        (place.0.clone(), "type"),
        (format!("{url}?cacertfile=/no/such.pem"), "cacertfile"),
        (format!("{url}?cacertfile=Cargo.toml"), "it has no certificate"),
        (format!("{url}?lazy=1"), "lazy"),
    ] {
        let refusal = refusal(&url).await;
        assert!(
            refusal.contains(part) && !refusal.contains("s3cret"),
            "{url}: {refusal}"
        );
        assert_eq!(refusal.lines().count(), 1);
    }
}

#[tokio::test]
async fn where_nobody_listens_it_may_come_up_later() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    let outcome = msgqueue::open(&format!("amqp://{free}")).await;
    assert!(matches!(outcome, Err(OpenError::Broker(BrokerError::Unavailable(_)))));
}

/// A server that is paused takes connections and says nothing.
#[tokio::test]
async fn whoever_waits_no_more_leaves_no_connection_behind() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("amqp://{}", silent.local_addr().unwrap());
    let opening = tokio::spawn(async move { msgqueue::open(&url).await.map(drop) });
    let (mut socket, _) = timeout(PATIENCE, silent.accept()).await.unwrap().unwrap();
    let mut header = [0; 8];
    timeout(PATIENCE, socket.read_exact(&mut header))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&header, b"AMQP\0\0\x09\x01");
    opening.abort();
    let more = timeout(PATIENCE, socket.read(&mut header))
        .await
        .expect("it stays open");
    assert_eq!(more.unwrap(), 0);
}

/// RabbitMQ refuses to declare a queue again in another way.
#[tokio::test]
async fn what_nobody_reads_is_kept_for_ever_unless_it_is_temporary() {
    let place = Place::new().await;
    let broker = place.open().await;
    let temporary = msgqueue::temporary_group("export");
    for (group, expires) in [("views", None), (temporary.as_str(), Some(86_400_000))] {
        let subscription = broker.listener.subscribe(group).await.unwrap();
        let stranger = Stranger::at(&place).await;
        let queue = format!("{}.{group}", stranger.exchange);
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
        arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        if let Some(expires) = expires {
            arguments.insert("x-expires".into(), AMQPValue::LongInt(expires));
        }
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let declared = stranger.channel.queue_declare(queue.into(), options, arguments).await;
        assert!(declared.is_ok(), "{group}: {declared:?}");
        drop(subscription);
        broker.listener.drop_group(group).await.unwrap();
    }
}

#[tokio::test]
async fn no_group_takes_the_logs_name() {
    let broker = Place::new().await.open().await;
    for name in ["log", "", "a b"] {
        assert!(
            matches!(broker.listener.subscribe(name).await, Err(BrokerError::Refused(_))),
            "{name}"
        );
    }
}
