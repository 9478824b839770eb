//! The Kafka adapter passes the conformance suite on a real Kafka, and keeps to what it says of topics, the wire,
//! members and faults.

#![cfg(feature = "kafka")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail and print like tests"
)]

mod kafka_raw;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use contracts::Envelope;
use msgqueue::conformance::{self, Harness, Report, envelope, envelopes};
use msgqueue::{Broker, BrokerError, Delivery, OpenError, Subscription};
use serde_json::json;
use testkit::eventually;
use testkit::servers::{Kind, Server, shared};
use tokio::task::block_in_place;
use tokio::time::timeout;
use uuid::Uuid;

use kafka_raw::{Record, Topic, Warnings};

/// Only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A topic that no other test knows.
struct Place {
    server: String,
    topic: String,
}

impl Place {
    async fn new() -> Self {
        Self::at(shared(Kind::Kafka).await)
    }

    fn at(server: String) -> Self {
        Self {
            server,
            topic: format!("t-{}", Uuid::now_v7()),
        }
    }

    fn url(&self) -> String {
        format!("{}?topic={}&partitions=3", self.server, self.topic)
    }

    /// As other programs see it.
    fn raw(&self) -> Topic<'_> {
        Topic {
            servers: self.server.strip_prefix("kafka:").unwrap(),
            name: &self.topic,
        }
    }

    async fn open_with(&self, more: &str) -> Broker {
        msgqueue::open(&format!("{}{more}", self.url())).await.unwrap()
    }
}

#[async_trait]
impl Harness for Place {
    async fn open(&self) -> Broker {
        self.open_with("").await
    }

    async fn reopen(&self) -> Broker {
        self.open().await
    }
}

/// Repeats are allowed, so they are only told.
fn passes(report: Report) {
    println!("{report}");
    assert_ne!(report.messages, 0, "no check is skipped");
}

async fn next(subscription: &mut dyn Subscription, max: usize) -> Vec<Delivery> {
    let batch = timeout(PATIENCE, subscription.next_batch(max)).await;
    batch.expect("no message came").unwrap()
}

async fn take(subscription: &mut dyn Subscription, count: usize) -> Vec<Delivery> {
    let mut came = Vec::new();
    while came.len() < count {
        came.extend(next(subscription, count - came.len()).await);
    }
    came
}

async fn ack(subscription: &mut dyn Subscription, deliveries: &[Delivery]) {
    let tags: Vec<_> = deliveries.iter().map(|delivery| delivery.tag).collect();
    timeout(PATIENCE, subscription.ack(&tags)).await.unwrap().unwrap();
}

fn ids(deliveries: &[Delivery]) -> HashSet<Uuid> {
    deliveries
        .iter()
        .map(|delivery| delivery.envelope().unwrap().id)
        .collect()
}

fn sent_ids(sent: &[Arc<Envelope>]) -> HashSet<Uuid> {
    sent.iter().map(|envelope| envelope.id).collect()
}

/// `count` envelopes of each of 30 keys, which are in all partitions.
fn of_many_keys(count: u64) -> Vec<Arc<Envelope>> {
    (0..30)
        .flat_map(|key| envelopes(&format!("key-{key}"), count))
        .collect()
}

fn large(key: &str, bytes: usize) -> Arc<Envelope> {
    let mut large = Arc::unwrap_or_clone(envelope(key, 1));
    large.payload = json!({ "text": "x".repeat(bytes) }).into();
    Arc::new(large)
}

async fn fault(url: &str) -> OpenError {
    match msgqueue::open(url).await {
        Err(error) => error,
        Ok(_) => panic!("{url} was opened"),
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn closing_while_messages_flow_loses_nothing() {
    passes(conformance::closing_while_messages_flow_loses_nothing(&Place::new().await).await);
}

#[tokio::test]
async fn cancelled_next_batch_loses_and_repeats_nothing() {
    passes(conformance::cancelled_next_batch_loses_and_repeats_nothing(&Place::new().await).await);
}

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test]
async fn messages_of_other_programs_are_read() {
    let place = Place::new().await;
    let broker = place.open().await;
    let value = r#"{"eventName":"eventCreated","payload":{"id":"e","name":"Jazz"}}"#;
    place.raw().send("e", value).await;
    let mut subscription = broker.listener.subscribe("foreign").await.unwrap();
    let message = next(&mut *subscription, 10).await[0].message();
    assert_eq!(message.key, "e");
    assert_eq!(
        message.attributes,
        [("type".to_owned(), "eventCreated".to_owned())].into()
    );
    assert_eq!(message.body, br#"{"id":"e","name":"Jazz"}"#);
}

#[tokio::test]
async fn other_programs_find_what_is_documented() {
    for (names, name) in [("", "event.booked"), ("&names=camel", "eventBooked")] {
        let place = Place::new().await;
        let broker = place.open_with(names).await;
        let sent = envelope("e", 7);
        broker.emitter.emit(std::slice::from_ref(&sent)).await.unwrap();
        let Record { key, value, headers } = place.raw().first().await;
        assert_eq!(key, "e");
        assert_eq!(
            value,
            format!(r#"{{"eventName":"{name}","payload":{{"booking_id":"7"}}}}"#)
        );
        let mut expected = msgqueue::Message::from_envelope(&sent).attributes;
        expected.insert("type".to_owned(), name.to_owned());
        let mut expected: Vec<_> = expected
            .into_iter()
            .map(|(key, value)| (format!("ce_{key}"), value))
            .collect();
        expected.push(("content-type".to_owned(), "application/json".to_owned()));
        assert_eq!(headers, expected);
        let mut subscription = broker.listener.subscribe("own").await.unwrap();
        assert_eq!(next(&mut *subscription, 1).await[0].envelope().unwrap(), sent);
    }
}

#[tokio::test]
async fn undecodable_messages_come_between_good_ones() {
    let place = Place::new().await;
    let broker = place.open().await;
    let good = envelopes("a", 2);
    broker.emitter.emit(&good[..1]).await.unwrap();
    for spoilt in ["no json", "", "\u{1f3ab}"] {
        place.raw().send("a", spoilt).await;
    }
    broker.emitter.emit(&good[1..]).await.unwrap();
    let mut subscription = broker.listener.subscribe("raw").await.unwrap();
    let came = take(&mut *subscription, 5).await;
    assert_eq!(came[0].envelope().unwrap(), good[0]);
    assert!(came[1..4].iter().all(|delivery| delivery.envelope().is_err()));
    assert_eq!(came[1].message().body, b"no json");
    assert_eq!(came[4].envelope().unwrap(), good[1]);
    ack(&mut *subscription, &came).await;
    assert_eq!(broker.listener.known_lag("raw").await.unwrap(), 0);
}

#[tokio::test]
async fn pinned_subscriptions_get_their_partitions_only() {
    let place = Place::new().await;
    let all = place.open().await;
    let sent = of_many_keys(2);
    all.emitter.emit(&sent).await.unwrap();
    let mut rest = sent_ids(&sent);
    for (pins, partitions) in [("&assign=1", vec![1]), ("&assign=0,2", vec![0, 2])] {
        let broker = place.open_with(pins).await;
        let expected = place.raw().ids(&partitions).await;
        assert!(!expected.is_empty(), "the keys are in all partitions");
        let mut subscription = broker.listener.subscribe("pinned").await.unwrap();
        let came = take(&mut *subscription, expected.len()).await;
        assert_eq!(ids(&came).iter().map(Uuid::to_string).collect::<HashSet<_>>(), expected);
        ack(&mut *subscription, &came).await;
        for id in ids(&came) {
            assert!(rest.remove(&id), "it came to another one, too");
        }
        let lag = all.listener.known_lag("pinned").await.unwrap();
        assert_eq!(lag, u64::try_from(rest.len()).unwrap());
        assert_eq!(
            broker.listener.known_lag("pinned").await.unwrap(),
            0,
            "of its own partitions"
        );
    }
    assert!(rest.is_empty());
    let outside = fault(&format!("{}&assign=3", place.url())).await.to_string();
    assert!(outside.contains("partition 3"), "{outside}");
}

#[tokio::test]
async fn a_dropped_group_is_dropped_for_pinned_members_too() {
    let place = Place::new().await;
    let broker = place.open_with("&assign=0,1,2").await;
    broker.emitter.emit(&envelopes("a", 3)).await.unwrap();
    let mut subscription = broker.listener.subscribe("pinned").await.unwrap();
    let came = take(&mut *subscription, 3).await;
    ack(&mut *subscription, &came).await;
    broker.listener.drop_group("pinned").await.unwrap();
    let ended = timeout(PATIENCE, subscription.next_batch(1)).await.unwrap();
    assert!(matches!(ended, Err(BrokerError::Refused(_))), "{ended:?}");
    assert_eq!(broker.listener.known_lag("pinned").await.unwrap(), 3);
}

#[tokio::test]
async fn topics_that_forget_are_warned_about() {
    for (settings, named) in [
        (&[("retention.ms", "600000")][..], "retention.ms=600000"),
        (
            &[("retention.bytes", "1000000"), ("retention.ms", "-1")],
            "retention.bytes=1000000",
        ),
        (
            &[("cleanup.policy", "compact"), ("retention.ms", "-1")],
            "cleanup.policy=compact",
        ),
    ] {
        let warnings = Warnings::capture();
        let place = Place::new().await;
        place.raw().make(settings).await;
        place.open().await;
        let told = warnings.about(&place.topic);
        assert_eq!(told.len(), 1, "{told:?}");
        let remedy = format!(
            "kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {} --add-config \
             retention.ms=-1,retention.bytes=-1,cleanup.policy=delete",
            place.raw().servers,
            place.topic
        );
        assert!(told[0].contains(named) && told[0].contains(&remedy), "{}", told[0]);
    }
}

#[tokio::test]
async fn topics_of_our_own_keep_everything() {
    let warnings = Warnings::capture();
    let place = Place::new().await;
    let opened = futures::future::join_all((0..5).map(|_| place.open())).await;
    place.open().await;
    assert_eq!(warnings.about(&place.topic), [""; 0]);
    assert_eq!(place.raw().partitions().await, 3);
    drop(opened);
}

#[tokio::test]
async fn nobody_there_is_told_in_time() {
    let start = Instant::now();
    let error = fault("kafka:127.0.0.1:1").await;
    assert!(start.elapsed() < Duration::from_secs(15));
    let OpenError::Broker(BrokerError::Unavailable(cause)) = error else {
        panic!("{error:?}");
    };
    assert!(cause.to_string().contains("refused"), "{cause}");
}

#[tokio::test]
async fn urls_that_cannot_be_are_told_in_one_line() {
    let server = shared(Kind::Kafka).await;
    for (url, named) in [
        ("kafak:a:1?sasl.password=geheim".to_owned(), "kafak:"),
        ("kafka:nowhere".to_owned(), "nowhere"),
        (format!("{server}?partitions=many"), "partitions"),
        (format!("{server}?acks=1"), "acks"),
        (format!("{server}?no.such.property=1"), "no.such.property"),
        (
            format!("{server}?security.protocol=pigeon&sasl.password=geheim"),
            "security.protocol",
        ),
        (
            format!("{server}?ssl.key.pem=geheim&security.protocol=ssl"),
            "ssl.key.pem",
        ),
        (format!("{server}?session.timeout.ms=soon"), "session.timeout.ms"),
    ] {
        let told = fault(&url).await;
        let text = format!("{told} {told:?}");
        assert!(text.contains(named), "{url}: {text}");
        assert!(
            !text.contains("geheim") && !told.to_string().contains('\n'),
            "{url}: {text}"
        );
    }
}

#[tokio::test]
async fn messages_that_are_too_large_are_named() {
    let place = Place::new().await;
    place
        .raw()
        .make(&[("max.message.bytes", "20000"), ("retention.ms", "-1")])
        .await;
    for limited_here in ["", "&message.max.bytes=20000"] {
        let broker = place.open_with(limited_here).await;
        let outcome = broker.emitter.emit(&[envelope("b", 1), large("a", 50_000)]).await;
        let Err(BrokerError::Refused(reason)) = outcome else {
            panic!("{outcome:?}");
        };
        for part in ["event/a", "version 1", "message.max.bytes"] {
            assert!(reason.contains(part), "{reason}");
        }
        broker.emitter.emit(&[envelope("a", 2)]).await.unwrap();
    }
}

#[tokio::test]
async fn names_of_groups_are_checked() {
    let broker = Place::new().await.open().await;
    for name in ["", "a/b", "a:b", "log", &"x".repeat(201)] {
        let subscribed = broker.listener.subscribe(name).await.map(drop);
        let dropped = broker.listener.drop_group(name).await;
        let lag = broker.listener.lag(name).await.map(drop);
        for outcome in [subscribed, dropped, lag] {
            assert!(matches!(outcome, Err(BrokerError::Refused(_))), "{name:?}");
        }
    }
}

/// One who holds all of it and acknowledges nothing loses a part to one who comes.
#[tokio::test]
async fn a_rebalance_with_work_in_flight_loses_nothing() {
    let place = Place::new().await;
    let (first, second) = (place.open().await, place.reopen().await);
    let sent = of_many_keys(10);
    first.emitter.emit(&sent).await.unwrap();
    let mut one = first.listener.subscribe("shared").await.unwrap();
    let held = take(&mut *one, sent.len()).await;
    let mut two = second.listener.subscribe("shared").await.unwrap();
    let moved = next(&mut *two, 1_000).await;

    ack(&mut *one, &held).await;
    let lag = first.listener.known_lag("shared").await.unwrap();
    assert!(
        lag >= u64::try_from(moved.len()).unwrap(),
        "an acknowledgement from before counts: {lag}"
    );
    assert!(lag < 300, "what was kept is not acknowledged");
    drop(two);

    let again = take(&mut *one, usize::try_from(lag).unwrap()).await;
    assert!(ids(&again).is_superset(&ids(&moved)), "a message is lost");
    ack(&mut *one, &again).await;
    assert_eq!(first.listener.known_lag("shared").await.unwrap(), 0);
    let all: HashSet<Uuid> = ids(&held).union(&ids(&again)).copied().collect();
    assert_eq!(all, sent_ids(&sent));
}

/// Who acknowledges in time loses nothing to one who comes: nothing comes twice.
#[tokio::test]
async fn work_in_flight_is_finished_before_partitions_move() {
    let place = Place::new().await;
    let (first, second) = (place.open().await, place.reopen().await);
    let sent = of_many_keys(10);
    first.emitter.emit(&sent).await.unwrap();
    let mut one = first.listener.subscribe("shared").await.unwrap();
    // Of all partitions.
    let mut came = take(&mut *one, 290).await;
    let mut two = second.listener.subscribe("shared").await.unwrap();
    let raw = place.raw();
    eventually("both are members", || async {
        raw.has_members("shared", 2).await.then_some(())
    })
    .await;
    let mut acknowledged = ids(&came);
    ack(&mut *one, &came).await;
    let mut seen_by: [BTreeSet<String>; 2] = Default::default();
    while acknowledged.len() < sent.len() {
        let (who, batch) = tokio::select! {
            batch = next(&mut *one, 7) => (0, batch),
            batch = next(&mut *two, 7) => (1, batch),
        };
        let subscription = if who == 0 { &mut one } else { &mut two };
        ack(&mut **subscription, &batch).await;
        seen_by[who].extend(batch.iter().map(|delivery| delivery.message().key));
        for id in ids(&batch) {
            assert!(acknowledged.insert(id), "it came after it was acknowledged");
        }
        came.extend(batch);
    }
    assert_eq!(came.len(), sent.len());
    println!(
        "{} keys came to one, {} to the other",
        seen_by[0].len(),
        seen_by[1].len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_comes_back_with_everything() {
    let mut server = Server::start(Kind::Kafka).await;
    let place = Place::at(server.url());
    let broker = place.open().await;
    let sent = envelopes("a", 20);
    broker.emitter.emit(&sent[..10]).await.unwrap();
    let mut subscription = broker.listener.subscribe("group").await.unwrap();
    let came = take(&mut *subscription, 10).await;
    ack(&mut *subscription, &came[..5]).await;
    block_in_place(|| server.kill());
    let emitter = Arc::clone(&broker.emitter);
    let while_down = sent.clone();
    let emitting = tokio::spawn(async move { emitter.emit(&while_down[10..]).await });
    block_in_place(|| server.begin());
    if emitting.await.unwrap().is_err() {
        broker.emitter.emit(&sent[10..]).await.unwrap();
    }
    drop(subscription);
    let mut again = eventually("the group is joined", || async {
        broker.listener.subscribe("group").await.ok()
    })
    .await;
    let mut missing = sent_ids(&sent[5..]);
    while !missing.is_empty() {
        for id in ids(&next(&mut *again, 100).await) {
            missing.remove(&id);
        }
    }
}

/// Nobody waits for ever, and everybody is told why.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stays_away_ends_what_waits_for_it() {
    let mut server = Server::start(Kind::Kafka).await;
    let place = Place::at(server.url());
    let broker = place.open().await;
    let mut subscription = broker.listener.subscribe("group").await.unwrap();
    broker.emitter.emit(&[envelope("a", 1)]).await.unwrap();
    let came = take(&mut *subscription, 1).await;
    block_in_place(|| server.kill());
    let ended = timeout(PATIENCE, subscription.next_batch(1))
        .await
        .expect("it waits on");
    assert!(matches!(ended, Err(BrokerError::Unavailable(_))), "{ended:?}");
    let acknowledged = subscription.ack(&[came[0].tag]).await;
    assert!(
        matches!(acknowledged, Err(BrokerError::Unavailable(_))),
        "{acknowledged:?}"
    );
    let joined = broker.listener.subscribe("group").await.map(drop);
    assert!(matches!(joined, Err(BrokerError::Unavailable(_))), "{joined:?}");
    let emitted = timeout(PATIENCE, broker.emitter.emit(&[envelope("a", 2)]))
        .await
        .expect("it waits on");
    assert!(matches!(emitted, Err(BrokerError::Unavailable(_))), "{emitted:?}");
}

/// `cargo test --release -p msgqueue --test kafka -- --ignored --nocapture`: against the driver by itself.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures"]
async fn how_fast_it_is() {
    const COUNT: usize = 100_000;
    let place = Place::new().await;
    let broker = place.open().await;
    let sent: Vec<_> = (0..100)
        .flat_map(|key| envelopes(&format!("key-{key}"), 1_000))
        .collect();
    let per_second = |start: Instant| COUNT as f64 / start.elapsed().as_secs_f64();

    let start = Instant::now();
    place.raw().send_many(COUNT, sent[0].payload.as_str()).await;
    println!("raw producer: {:.0}/s", per_second(start));
    let emitted = Place::at(place.server.clone());
    let broker_of_emitted = emitted.open().await;
    let start = Instant::now();
    for batch in sent.chunks(1_000) {
        broker_of_emitted.emitter.emit(batch).await.unwrap();
    }
    println!(
        "emitter, batches of 1000, one after the other: {:.0}/s",
        per_second(start)
    );
    let together = Place::at(place.server.clone()).open().await;
    let start = Instant::now();
    let emits = sent.chunks(1_000).map(|batch| together.emitter.emit(batch));
    futures::future::join_all(emits)
        .await
        .into_iter()
        .for_each(Result::unwrap);
    println!("emitter, batches of 1000, all at once: {:.0}/s", per_second(start));
    let start = Instant::now();
    for one in sent[..500].chunks(1) {
        broker.emitter.emit(one).await.unwrap();
    }
    println!("one by one: {:?} each", start.elapsed() / 500);

    let start = Instant::now();
    emitted.raw().read_many(COUNT).await;
    println!("raw consumer: {:.0}/s", per_second(start));
    let start = Instant::now();
    let mut subscription = broker_of_emitted.listener.subscribe("fast").await.unwrap();
    println!("subscribed in {:?}", start.elapsed());
    let mut came = next(&mut *subscription, 200).await.len();
    println!("first batch after {:?}", start.elapsed());
    let start = Instant::now();
    let mut acks = 0;
    while came < COUNT {
        let batch = next(&mut *subscription, 500).await;
        ack(&mut *subscription, &batch).await;
        acks += 1;
        came += batch.len();
    }
    println!("listener, {acks} acknowledgements: {:.0}/s", per_second(start));
    let start = Instant::now();
    for _ in 0..50 {
        broker_of_emitted.listener.lag("fast").await.unwrap();
    }
    println!("lag: {:?} each", start.elapsed() / 50);
}
