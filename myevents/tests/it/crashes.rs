//! kill -9 between any two steps, and at any moment: nothing acknowledged is lost, nothing happens twice, and every view
//! says what its replay says. Each guard that this rests on is taken away once, and then it is seen to go wrong.

use std::time::Duration;

use chassis::faults::POINTS;
use futures::StreamExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use testkit::history::{Findings, Kind, Load, Parts, verify_offline};

use crate::trial::Trial;

/// Platforms at work at the same time.
const SIDE_BY_SIDE: usize = 4;
/// How often a guard that is off may happen to do no harm.
const TRIES: u32 = 8;

/// How often a point is passed before the process dies there: far enough into the load, where it comes by often.
fn nth_of(point: &str) -> u32 {
    match point.split_once('.').unwrap() {
        ("service", _) | (_, "parking" | "parked" | "unparking" | "unparked") => 1,
        ("users" | "events" | "location", _) | (_, "indexed") => 2,
        _ => 12,
    }
}

/// Lets the platform die at a point under load, starts it again, and goes on.
async fn crash_at(trial: &Trial, point: &str, nth: u32) -> Findings {
    let load = trial.load(u64::from(nth));
    if nth_of(point) == 1 && point.starts_with("consumer.") {
        // There is something to park only where messages come in another order.
        fill_the_outbox(trial, &load).await;
        publish_backwards(trial).await;
    }
    trial.die_at(point, nth).await;
    let platform = trial.start().await;
    load.goes_on(20).await;
    let findings = trial.judge(load, &platform).await;
    platform.stop().await;
    findings
}

/// The lease of a relay that was killed is taken over only after three seconds. So long the outbox fills.
async fn fill_the_outbox(trial: &Trial, load: &Load) {
    let platform = trial.start().await;
    load.goes_on(100).await;
    trial.kill(platform).await;
    trial.die_at("relay.leased", 1).await;
}

/// What waits to be published, by a broker that turns its order round. The relay publishes it once more.
async fn publish_backwards(trial: &Trial) {
    let parts = Parts::of_folder(trial.folder());
    let broker = msgqueue::open(&parts.broker).await.unwrap();
    for store in [&parts.event_store, &parts.booking_store] {
        let stores = persistence::open(store).await.unwrap();
        let waiting = stores.journal.unpublished(usize::MAX).await.unwrap();
        let mut envelopes: Vec<_> = waiting.into_iter().flat_map(|commit| commit.envelopes).collect();
        envelopes.reverse();
        broker.emitter.emit(&envelopes).await.unwrap();
    }
}

#[tokio::test]
async fn killed_at_every_point_it_goes_on_where_it_was() {
    let trials = POINTS.iter().map(|point| async move {
        let trial = Trial::new();
        let findings = crash_at(&trial, point, nth_of(point)).await;
        let disordered_by_us = point.contains("park");
        let findings = findings.except(if disordered_by_us { &[Kind::Disordered] } else { &[] });
        assert!(findings.is_empty(), "killed at {point}: {findings}");
    });
    futures::stream::iter(trials)
        .buffer_unordered(SIDE_BY_SIDE)
        .for_each(|()| async {})
        .await;
}

/// Kills it again and again under one load: some lives end while it starts, most soon after, some when it relays.
async fn crash_at_random(trial: &Trial, seed: u64, kills: u32) -> Findings {
    let mut random = StdRng::seed_from_u64(seed);
    let load = trial.load(seed);
    for _ in 0..kills {
        let life = match random.random_range(0..10) {
            0..2 => random.random_range(0..300),
            2..7 => random.random_range(300..1_200),
            // It takes the relay's lease after three seconds.
            _ => random.random_range(3_000..4_500),
        };
        let life = Duration::from_millis(life);
        let born = tokio::time::Instant::now();
        let Some(platform) = trial.builder().start_for(life).await else {
            continue;
        };
        trial.address.set(&platform);
        tokio::time::sleep_until(born + life).await;
        trial.kill(platform).await;
    }
    let platform = trial.start().await;
    load.goes_on(20).await;
    let findings = trial.judge(load, &platform).await;
    platform.stop().await;
    findings
}

#[tokio::test]
async fn killed_at_a_hundred_random_moments_it_loses_and_doubles_nothing() {
    let trials = (0..5).map(|seed| async move {
        let trial = Trial::new();
        let findings = crash_at_random(&trial, seed, 20).await;
        assert!(findings.is_empty(), "seed {seed}: {findings}");
        verify_offline(trial.folder()).await.assert_none();
    });
    futures::stream::iter(trials)
        .buffer_unordered(5)
        .for_each(|()| async {})
        .await;
}

/// Tries until one of `kinds` is found with a guard off.
async fn is_found(guard: &'static str, point: &str, nth: u32, kinds: &[Kind]) {
    for more in 0..TRIES {
        let trial = Trial::without(guard);
        let findings = crash_at(&trial, point, nth + more).await;
        if kinds.iter().any(|kind| findings.has(*kind)) {
            return;
        }
    }
    panic!("without {guard} nothing of {kinds:?} was found");
}

#[tokio::test]
async fn a_reply_before_its_append_is_found_to_lose_bookings() {
    is_found("durable_reply", "desk.answered", 200, &[Kind::Lost]).await;
}

#[tokio::test]
async fn a_mark_before_its_publication_is_found_to_leave_gaps_in_the_log() {
    is_found("mark_after_emit", "relay.read", 12, &[Kind::Unpublished]).await;
}

#[tokio::test]
async fn an_acknowledgement_before_its_effects_is_found_to_lose_messages() {
    is_found("ack_after_apply", "consumer.taken", 12, &[Kind::View, Kind::Parked]).await;
}

/// Everything that is in the journals comes once more, as from a relay that does not know how far it was.
async fn publish_again(trial: &Trial) {
    let parts = Parts::of_folder(trial.folder());
    let broker = msgqueue::open(&parts.broker).await.unwrap();
    for store in [&parts.event_store, &parts.booking_store] {
        let journal = persistence::open(store).await.unwrap().journal;
        let walked = journal.walk(None, usize::MAX).await.unwrap();
        let envelopes: Vec<_> = walked
            .into_iter()
            .flat_map(|found| found.commit.unwrap().envelopes)
            .collect();
        broker.emitter.emit(&envelopes).await.unwrap();
    }
}

async fn repeat_everything(trial: &Trial) -> Findings {
    let platform = trial.start().await;
    let load = trial.load(1);
    load.goes_on(300).await;
    publish_again(trial).await;
    load.goes_on(20).await;
    let findings = trial.judge(load, &platform).await;
    platform.stop().await;
    findings
}

#[tokio::test]
async fn what_is_published_twice_counts_once() {
    repeat_everything(&Trial::new()).await.assert_none();
}

#[tokio::test]
async fn a_repeat_that_is_applied_is_found_to_count_twice() {
    let findings = repeat_everything(&Trial::without("repeat_check")).await;
    assert!(findings.has(Kind::View), "{findings}");
}

#[tokio::test]
async fn a_key_that_is_not_known_again_is_found_to_book_twice() {
    is_found_by_load("idempotency_keys", Kind::Doubled).await;
}

#[tokio::test]
async fn a_reply_before_its_append_does_not_survive_random_moments() {
    for seed in 0..u64::from(TRIES) {
        let findings = crash_at_random(&Trial::without("durable_reply"), seed, 3).await;
        if findings.has(Kind::Lost) {
            return;
        }
    }
    panic!("nothing that was lost was found");
}

/// Without any crash: the load alone has to show it. What each load asks is left to chance, so more than one may be needed.
async fn is_found_by_load(guard: &'static str, kind: Kind) {
    for seed in 1..=u64::from(TRIES) {
        let trial = Trial::without(guard);
        let platform = trial.start().await;
        let load = trial.load(seed);
        load.goes_on(600).await;
        let findings = trial.judge(load, &platform).await;
        platform.stop().await;
        if findings.has(kind) {
            return;
        }
    }
    panic!("without {guard} nothing of {kind:?} was found");
}

#[tokio::test]
async fn selling_without_looking_at_the_capacity_is_found() {
    is_found_by_load("capacity", Kind::Oversold).await;
}

#[tokio::test]
async fn reading_without_waiting_for_the_token_is_found() {
    is_found_by_load("consistency_tokens", Kind::Stale).await;
}

#[tokio::test]
async fn the_load_alone_is_right() {
    let trial = Trial::new();
    let platform = trial.start().await;
    let load = trial.load(1);
    load.goes_on(600).await;
    trial.judge(load, &platform).await.assert_none();
    platform.stop().await;
}
