//! What happens to brokers that are servers: restarts, kills, pauses, cuts. Nothing that was confirmed is lost.
//!
//! Each test hurts a server of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests fail and print like tests"
)]
#![cfg(all(feature = "amqp", feature = "kafka"))]

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use contracts::Envelope;
use futures::future::join_all;
use msgqueue::conformance::envelopes;
use msgqueue::{Broker, Subscription};
use testkit::eventually;
use testkit::servers::{Kind, Server};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

const EMITTERS: usize = 100;
const MESSAGES: usize = 10_000;
/// What a relay pauses after a failure.
const PAUSE: Duration = Duration::from_millis(100);
/// Longer than any broker takes to come back.
const PATIENCE: Duration = Duration::from_secs(120);

/// Emitters at work, and how much was confirmed to them.
struct Emitting {
    confirmed: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<usize>>,
}

impl Emitting {
    /// Each emits one entity's envelopes in batches of 1 to 10, and each batch again until it is confirmed.
    fn start(broker: &Broker) -> Self {
        let confirmed = Arc::new(AtomicUsize::new(0));
        let tasks = (0..EMITTERS).map(|number| {
            let (broker, confirmed) = (broker.clone(), Arc::clone(&confirmed));
            tokio::spawn(async move { emit_all(&broker, &envelopes_of(number), 1 + number % 10, &confirmed).await })
        });
        Self {
            tasks: tasks.collect(),
            confirmed,
        }
    }

    async fn reaches(&self, count: usize) {
        let confirmed = &self.confirmed;
        let reached = || async { (confirmed.load(Ordering::Relaxed) >= count).then_some(()) };
        eventually("so much is confirmed", reached).await;
    }

    /// Returns how many batches failed and were emitted again.
    async fn finish(self) -> usize {
        let all = timeout(PATIENCE, join_all(self.tasks))
            .await
            .expect("an emitter is stuck");
        all.into_iter().map(Result::unwrap).sum()
    }
}

fn envelopes_of(number: usize) -> Vec<Arc<Envelope>> {
    envelopes(&format!("entity-{number}"), (MESSAGES / EMITTERS) as u64)
}

async fn emit_all(broker: &Broker, envelopes: &[Arc<Envelope>], size: usize, confirmed: &AtomicUsize) -> usize {
    let mut failures = 0;
    for batch in envelopes.chunks(size) {
        while broker.emitter.emit(batch).await.is_err() {
            failures += 1;
            sleep(PAUSE).await;
        }
        confirmed.fetch_add(batch.len(), Ordering::Relaxed);
    }
    failures
}

async fn open(url: &str) -> Broker {
    let opened = || async { msgqueue::open(url).await.ok() };
    eventually("the broker comes back", opened).await
}

/// What came to a consumer that subscribes anew whenever its subscription ends.
struct Consumed {
    ids: HashSet<(String, u64)>,
    repeats: usize,
    ended: usize,
}

/// Consumes and acknowledges until everything that is emitted has come.
async fn consume_all(broker: Broker, group: &'static str) -> Consumed {
    let mut consumed = Consumed {
        ids: HashSet::new(),
        repeats: 0,
        ended: 0,
    };
    let reading = async {
        while consumed.ids.len() < MESSAGES {
            if let Ok(mut subscription) = broker.listener.subscribe(group).await {
                consumed.read(&mut *subscription).await;
            }
            consumed.ended += 1;
            sleep(PAUSE).await;
        }
    };
    let outcome = timeout(PATIENCE, reading).await;
    assert!(
        outcome.is_ok(),
        "only {} of {MESSAGES} messages came",
        consumed.ids.len()
    );
    consumed
}

impl Consumed {
    /// Until all has come, or the subscription ends.
    async fn read(&mut self, subscription: &mut dyn Subscription) {
        while self.ids.len() < MESSAGES {
            let Ok(batch) = subscription.next_batch(500).await else {
                return;
            };
            let tags: Vec<_> = batch.iter().map(|delivery| delivery.tag).collect();
            for envelope in batch.iter().map(|delivery| delivery.envelope().unwrap()) {
                let is_new = self.ids.insert((envelope.stream.to_string(), envelope.version));
                self.repeats += usize::from(!is_new);
            }
            if subscription.ack(&tags).await.is_err() {
                return;
            }
        }
    }
}

/// Emits and consumes while `hurt` is done to the server at a third and at half, and then reads everything once more.
async fn survives(kind: Kind, hurt: fn(&mut Server)) {
    let mut server = Server::start(kind).await;
    let url = kind.place(&server.url(), &format!("test-{}", Uuid::now_v7()));
    let broker = open(&url).await;
    // One that is killed in its first seconds may forget that it has a stream (seen with RabbitMQ 3.10).
    server = server.after(restart).await;
    let consuming = tokio::spawn(consume_all(open(&url).await, "during"));
    let emitting = Emitting::start(&broker);
    for part in [MESSAGES / 3, MESSAGES / 2] {
        emitting.reaches(part).await;
        server = server.after(hurt).await;
    }
    let failures = emitting.finish().await;
    let during = consuming.await.unwrap();
    let after = consume_all(open(&url).await, "after").await;
    println!(
        "{kind:?}: {failures} batches emitted again, {} repeats in the log; the consumer began {} times and had {} repeats",
        after.repeats, during.ended, during.repeats
    );
    server.end_for_good().await;
}

fn restart(server: &mut Server) {
    server.stop();
    server.begin();
}

fn kill(server: &mut Server) {
    server.kill();
    server.begin();
}

/// So long that whoever waits must notice by itself.
fn pause(server: &mut Server) {
    server.pause();
    std::thread::sleep(Duration::from_secs(10));
    server.resume();
}

fn cut(server: &mut Server) {
    server.cut();
    std::thread::sleep(Duration::from_secs(1));
    server.mend();
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_restarted() {
    survives(Kind::RabbitMq, restart).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_killed() {
    survives(Kind::RabbitMq, kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_paused() {
    survives(Kind::RabbitMq, pause).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_cut_off() {
    survives(Kind::RabbitMq, cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_restarted() {
    survives(Kind::Kafka, restart).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_killed() {
    survives(Kind::Kafka, kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_paused() {
    survives(Kind::Kafka, pause).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_cut_off() {
    survives(Kind::Kafka, cut).await;
}
