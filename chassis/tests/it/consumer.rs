//! Whatever the broker does, an envelope is applied once and in order, or parked with its reason.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chassis::Recorded;
use chassis::consumer::parking::Reason;
use chassis::consumer::{Adoption, ForeignMessage, Handler, HandlerError};
use chassis::health::{Health, State};
use contracts::{Envelope, Hash, StreamId, Unsealed};
use msgqueue::Message;
use persistence::{DocumentStore, Expect, Write};
use serde_json::json;
use testkit::eventually;

use crate::support::{GROUP, Parts, Witness, bookings, with_attribute};

const A: &str = "inventory/a";
const B: &str = "inventory/b";

async fn applied(witness: &Witness, stream: &str, versions: &[u64]) {
    eventually(&format!("{stream} is at {versions:?}"), || async {
        (witness.versions(stream) == versions).then_some(())
    })
    .await;
}

/// Everything emitted so far has been consumed once this stream of one has.
async fn all_consumed(parts: &Parts, witness: &Witness, mark: &str) {
    parts.emit(&bookings(mark, 1)).await;
    applied(witness, mark, &[1]).await;
    // Its progress is written behind everything else that the batch led to.
    let stream = StreamId::parse(mark).unwrap();
    let progress = parts.progress().await;
    assert!(progress.wait_for(&stream, 1, Duration::from_secs(30)).await.unwrap());
}

#[tokio::test]
async fn an_envelope_delivered_twice_is_applied_once() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    let consumer = parts.consume(&witness).await;
    let envelopes = bookings(A, 3);
    for _ in 0..3 {
        parts.emit(&envelopes).await;
    }
    all_consumed(&parts, &witness, "inventory/mark").await;
    assert_eq!(witness.versions(A), [1, 2, 3]);
    assert_eq!(parts.counted(&outcome("repeat")), 6);
    consumer.stop().await;
}

#[tokio::test]
async fn an_envelope_delivered_late_is_skipped_even_after_a_restart() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    let consumer = parts.consume(&witness).await;
    let envelopes = bookings(A, 5);
    parts.emit(&envelopes).await;
    applied(&witness, A, &[1, 2, 3, 4, 5]).await;
    consumer.stop().await;

    parts.emit(&envelopes[1..3]).await;
    let consumer = parts.consume(&witness).await;
    all_consumed(&parts, &witness, "inventory/mark").await;
    assert_eq!(witness.versions(A), [1, 2, 3, 4, 5]);
    consumer.stop().await;
}

#[tokio::test]
async fn a_gap_parks_its_stream_while_others_go_on_and_filling_it_heals() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    let consumer = parts.consume(&witness).await;
    let envelopes = bookings(A, 4);
    parts.emit(&envelopes[..1]).await;
    parts.emit(&envelopes[2..]).await;
    all_consumed(&parts, &witness, B).await;
    assert_eq!(witness.versions(A), [1]);
    let parked = parts.parked().await;
    assert_eq!(
        parked.iter().map(|p| (p.version, p.reason)).collect::<Vec<_>>(),
        [(3, Reason::Gap), (4, Reason::Gap)]
    );
    assert_eq!(parts.counted(&parked_total("gap")), 2);

    parts.emit(&envelopes[1..2]).await;
    applied(&witness, A, &[1, 2, 3, 4]).await;
    eventually("nothing is parked", || async {
        parts.parked().await.is_empty().then_some(())
    })
    .await;
    consumer.stop().await;
}

#[tokio::test]
async fn envelopes_out_of_order_in_one_batch_are_applied_in_order() {
    let parts = Parts::open().await;
    let mut envelopes = bookings(A, 50);
    envelopes.reverse();
    parts.emit(&envelopes).await;
    let witness = Arc::new(Witness::default());
    let consumer = parts.consume(&witness).await;
    let all: Vec<u64> = (1..=50).collect();
    applied(&witness, A, &all).await;
    eventually("nothing is parked", || async {
        parts.parked().await.is_empty().then_some(())
    })
    .await;
    consumer.stop().await;
}

#[tokio::test]
async fn an_undecodable_message_between_good_ones_holds_up_its_stream_only() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    let consumer = parts.consume(&witness).await;
    let envelopes = bookings(A, 3);
    let mut broken = Message::from_envelope(&envelopes[1]);
    broken.body = b"{not json".to_vec();
    let nonsense = Message {
        key: "?".to_owned(),
        attributes: Default::default(),
        body: b"hello".to_vec(),
    };
    parts.emit(&envelopes[..1]).await;
    parts.log.emit_raw(&[nonsense, broken]).await.unwrap();
    parts.emit(&envelopes[2..]).await;
    all_consumed(&parts, &witness, B).await;
    assert_eq!(witness.versions(A), [1]);
    let mut reasons: Vec<(u64, Reason)> = parts.parked().await.iter().map(|p| (p.version, p.reason)).collect();
    reasons.sort_by_key(|(version, _)| *version);
    assert_eq!(
        reasons,
        [(0, Reason::Undecodable), (2, Reason::Undecodable), (3, Reason::Gap)]
    );
    assert_eq!(parts.counted(&parked_total("undecodable")), 2);

    // The same version in good shape fills the gap.
    parts.emit(&envelopes[1..2]).await;
    applied(&witness, A, &[1, 2, 3]).await;
    consumer.stop().await;
}

#[tokio::test]
async fn of_nonsense_without_end_only_some_is_kept() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    let consumer = parts.consume(&witness).await;
    let nonsense = |number: usize| Message {
        key: String::new(),
        attributes: Default::default(),
        body: number.to_string().into_bytes(),
    };
    let mut kept = Vec::new();
    for (mark, numbers) in [(A, 0..300), (B, 300..600)] {
        let messages: Vec<Message> = numbers.map(nonsense).collect();
        parts.log.emit_raw(&messages).await.unwrap();
        all_consumed(&parts, &witness, mark).await;
        kept.push(parts.parked().await.len());
    }
    assert!((200..=300).contains(&kept[0]) && kept[1] == kept[0], "{kept:?}");
    assert_eq!(parts.counted(&parked_total("undecodable")), 600);
    consumer.stop().await;
}

#[tokio::test]
async fn a_foreign_message_is_adopted_or_parked_and_never_in_the_way() {
    let parts = Parts::open().await;
    let adopting = Arc::new(Adopting::default());
    let consumer = parts.consume_by(adopting.clone(), Health::default()).await;
    let foreign = |name: &str| Message {
        key: String::new(),
        attributes: [("type".to_owned(), name.to_owned())].into(),
        body: name.as_bytes().to_vec(),
    };
    let messages = ["taken", "unknown", "refused", "later", "taken"].map(foreign);
    parts.log.emit_raw(&messages).await.unwrap();
    parts.emit(&bookings(A, 1)).await;
    let stream = StreamId::parse(A).unwrap();
    let progress = parts.progress().await;
    assert!(progress.wait_for(&stream, 1, Duration::from_secs(30)).await.unwrap());
    let seen = adopting.0.lock().unwrap().clone();
    assert!(seen.iter().filter(|name| *name == "later").count() > 1, "{seen:?}");
    let parked = parts.parked().await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert_eq!((parked[0].reason, parked[0].version), (Reason::Refused, 0));
    assert_eq!(parked[0].detail, "refused of another program: told to refuse");
    consumer.stop().await;
}

/// Notes the names of foreign messages. `later` is not possible at first.
#[derive(Default)]
struct Adopting(Mutex<Vec<String>>);

#[async_trait]
impl Handler for Adopting {
    async fn handle(&self, _: &Arc<[Recorded]>, _: &Arc<dyn DocumentStore>) -> Result<Vec<Write>, HandlerError> {
        Ok(Vec::new())
    }

    async fn adopt(&self, foreign: &ForeignMessage) -> Result<Adoption, HandlerError> {
        let name = foreign.name.to_string();
        let mut seen = self.0.lock().unwrap();
        let is_first = !seen.contains(&name);
        seen.push(name.clone());
        match name.as_str() {
            "taken" => Ok(Adoption::Adopted),
            "refused" => Ok(Adoption::Refused("told to refuse".to_owned())),
            "later" if is_first => Err(HandlerError::NotYet("told to wait".to_owned())),
            "later" => Ok(Adoption::Adopted),
            _ => Ok(Adoption::Ignored),
        }
    }
}

#[tokio::test]
async fn a_payload_that_breaks_its_format_is_parked() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    let consumer = parts.consume(&witness).await;
    let mut message = Message::from_envelope(&bookings(A, 1)[0]);
    message.body = br#"{"seats": "many"}"#.to_vec();
    parts.log.emit_raw(&[message]).await.unwrap();
    all_consumed(&parts, &witness, B).await;
    assert_eq!(parts.parked().await[0].reason, Reason::Undecodable);
    consumer.stop().await;
}

#[tokio::test]
async fn a_newer_schema_is_parked_and_survives_a_restart() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    let consumer = parts.consume(&witness).await;
    let envelopes = bookings(A, 3);
    let mut newer = Unsealed::clone(&envelopes[1]);
    newer.schema_version = 99;
    let newer = newer.seal(&envelopes[0].hash, None);
    parts.emit(&[envelopes[0].clone(), newer, envelopes[2].clone()]).await;
    all_consumed(&parts, &witness, B).await;
    consumer.stop().await;

    let consumer = parts.consume(&witness).await;
    all_consumed(&parts, &witness, "inventory/mark").await;
    let parked: Vec<(u64, Reason)> = parts.parked().await.iter().map(|p| (p.version, p.reason)).collect();
    assert_eq!(parked, [(2, Reason::NewerSchema), (3, Reason::Gap)]);
    assert_eq!(witness.versions(A), [1]);
    assert_eq!(parts.counted(&parked_total("newer_schema")), 1);
    consumer.stop().await;
}

#[tokio::test]
async fn a_name_that_nobody_knows_only_advances_progress() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    let consumer = parts.consume(&witness).await;
    let envelopes = bookings(A, 3);
    parts.emit(&envelopes[..1]).await;
    parts
        .log
        .emit_raw(&[with_attribute(&envelopes[1], "type", "seat.polished")])
        .await
        .unwrap();
    parts.emit(&envelopes[2..]).await;
    applied(&witness, A, &[1, 3]).await;
    assert!(parts.parked().await.is_empty());
    consumer.stop().await;
}

#[tokio::test]
async fn another_envelope_of_an_applied_version_is_an_alarm() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    let consumer = parts.consume(&witness).await;
    parts.emit(&bookings(A, 1)).await;
    parts.emit(&bookings(A, 1)).await;
    all_consumed(&parts, &witness, B).await;
    assert_eq!(witness.versions(A), [1]);
    assert_eq!(parts.counted(&outcome("impostor")), 1);
    consumer.stop().await;
}

#[tokio::test]
async fn a_failing_handler_is_tried_again_until_it_works() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    *witness.failures.lock().unwrap() = 3;
    let consumer = parts.consume(&witness).await;
    parts.emit(&bookings(A, 2)).await;
    applied(&witness, A, &[1, 2]).await;
    consumer.stop().await;
}

/// A handler whose writes the store refuses, and what health said each time before.
struct Unstorable {
    health: Health,
    heard: Mutex<Vec<State>>,
}

#[async_trait]
impl Handler for Unstorable {
    async fn handle(&self, _: &Arc<[Recorded]>, _: &Arc<dyn DocumentStore>) -> Result<Vec<Write>, HandlerError> {
        self.heard.lock().unwrap().push(self.health.parts()["views"].state);
        Ok(vec![Write {
            collection: "g1_progress".to_owned(),
            id: "none".to_owned(),
            expect: Expect::Revision(7),
            body: Some(json!({}).into()),
        }])
    }
}

#[tokio::test]
async fn what_is_taken_and_cannot_be_stored_is_no_recovery() {
    let parts = Parts::open().await;
    // Two batches, so that one is computed on another that cannot be stored.
    parts.emit(&bookings(A, 3_000)).await;
    let health = Health::default();
    let handler = Arc::new(Unstorable {
        health: health.clone(),
        heard: Mutex::default(),
    });
    let consumer = parts.consume_by(handler.clone(), health).await;
    let heard = eventually("it was tried several times", || async {
        let heard = handler.heard.lock().unwrap().clone();
        (heard.len() > 8).then_some(heard)
    })
    .await;
    let mut since = heard.iter().skip_while(|state| **state != State::Degraded);
    assert!(since.all(|state| *state == State::Degraded), "{heard:?}");
    consumer.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_parked_while_all_others_go_on_and_is_applied_when_it_is_not_refused_any_more() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    *witness.refuses.lock().unwrap() = vec![(A.to_owned(), 2), (B.to_owned(), 1)];
    parts.emit(&bookings(A, 4)).await;
    parts.emit(&bookings(B, 2)).await;
    parts.emit(&bookings("inventory/c", 2)).await;
    let consumer = parts.consume(&witness).await;
    all_consumed(&parts, &witness, "inventory/mark").await;
    assert_eq!((witness.versions(A), witness.versions(B)), (vec![1], vec![]));
    assert_eq!(witness.versions("inventory/c"), [1, 2]);
    let expected = [
        (2, Reason::Refused),
        (3, Reason::Gap),
        (4, Reason::Gap),
        (1, Reason::Refused),
        (2, Reason::Gap),
    ];
    assert_eq!(reasons(&parts).await, expected);
    assert_eq!(parts.parked().await[0].detail, "told to refuse");
    assert_eq!(parts.counted(&parked_total("refused")), 2);

    witness.refuses.lock().unwrap().clear();
    applied(&witness, A, &[1, 2, 3, 4]).await;
    applied(&witness, B, &[1, 2]).await;
    eventually("nothing is parked", || async {
        parts.parked().await.is_empty().then_some(())
    })
    .await;
    consumer.stop().await;
}

#[tokio::test]
async fn what_waited_for_a_gap_and_is_refused_then_says_so_and_stays_parked() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    *witness.refuses.lock().unwrap() = vec![(A.to_owned(), 3)];
    let envelopes = bookings(A, 4);
    parts.emit(&envelopes[1..]).await;
    let consumer = parts.consume(&witness).await;
    all_consumed(&parts, &witness, B).await;
    assert_eq!(
        reasons(&parts).await,
        [(2, Reason::Gap), (3, Reason::Gap), (4, Reason::Gap)]
    );
    parts.emit(&envelopes[..1]).await;
    all_consumed(&parts, &witness, "inventory/c").await;
    eventually("it says that it is refused", || async {
        (reasons(&parts).await == [(3, Reason::Refused), (4, Reason::Gap)]).then_some(())
    })
    .await;
    assert_eq!(witness.versions(A), [1, 2]);
    // It is looked at again and again, and told once; delivered again it stays what it is.
    consumer.stop().await;
    let consumer = parts.consume(&witness).await;
    all_consumed(&parts, &witness, "inventory/d").await;
    assert_eq!(parts.counted(&parked_total("refused")), 1);
    parts.emit(&envelopes).await;
    all_consumed(&parts, &witness, "inventory/mark").await;
    assert_eq!(reasons(&parts).await, [(3, Reason::Refused), (4, Reason::Gap)]);
    assert_eq!(witness.versions(A), [1, 2]);
    consumer.stop().await;
}

/// What is parked, by stream and version.
async fn reasons(parts: &Parts) -> Vec<(u64, Reason)> {
    let parked = parts.parked().await;
    parked.iter().map(|parked| (parked.version, parked.reason)).collect()
}

#[tokio::test]
async fn progress_tells_waiting_readers() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    let consumer = parts.consume(&witness).await;
    let progress = parts.progress().await;
    let stream = StreamId::parse(A).unwrap();
    assert!(!progress.wait_for(&stream, 1, Duration::ZERO).await.unwrap());
    let waiting = tokio::spawn(async move { progress.wait_for(&stream, 2, Duration::from_secs(30)).await.unwrap() });
    parts.emit(&bookings(A, 2)).await;
    assert!(waiting.await.unwrap());
    consumer.stop().await;
}

fn outcome(outcome: &str) -> String {
    format!("myevents_consumer_envelopes_total{{group=\"{GROUP}\",outcome=\"{outcome}\"}}")
}

fn parked_total(reason: &str) -> String {
    format!("myevents_parked_total{{group=\"{GROUP}\",reason=\"{reason}\"}}")
}

#[tokio::test]
async fn a_long_queue_behind_a_gap_heals_at_once() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    let consumer = parts.consume(&witness).await;
    let envelopes = bookings(A, 1_200);
    parts.emit(&envelopes[1..]).await;
    all_consumed(&parts, &witness, B).await;
    assert_eq!(parts.parked().await.len(), 1_199);
    parts.emit(&envelopes[..1]).await;
    let all: Vec<u64> = (1..=1_200).collect();
    applied(&witness, A, &all).await;
    consumer.stop().await;
}

/// Changed by somebody, with a hash of its own.
fn forged(envelope: &Envelope) -> Envelope {
    let mut forged = Unsealed::clone(envelope);
    let mut payload = forged.payload.to_value().unwrap();
    payload["seats"] = json!(99);
    forged.payload = payload.into();
    forged.seal(&Hash::GENESIS, None)
}

#[tokio::test]
async fn of_several_that_wait_for_a_gap_the_one_is_applied_that_follows() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    let consumer = parts.consume(&witness).await;
    let envelopes = bookings(A, 4);
    parts
        .emit(&[forged(&envelopes[2]), envelopes[2].clone(), forged(&envelopes[3])])
        .await;
    all_consumed(&parts, &witness, B).await;
    assert_eq!(
        reasons(&parts).await,
        [(3, Reason::Gap), (3, Reason::Gap), (4, Reason::Gap)]
    );
    parts.emit(&envelopes[..2]).await;
    applied(&witness, A, &[1, 2, 3]).await;
    assert_eq!(witness.seats(A), [1, 1, 1]);
    // It has nobody to give way to, and waits for the right one.
    eventually("the other one is set aside", || async {
        (reasons(&parts).await == [(4, Reason::Impostor)]).then_some(())
    })
    .await;
    parts.emit(&envelopes[3..]).await;
    applied(&witness, A, &[1, 2, 3, 4]).await;
    eventually("nothing is parked", || async {
        parts.parked().await.is_empty().then_some(())
    })
    .await;
    assert_eq!(witness.seats(A), [1, 1, 1, 1]);
    consumer.stop().await;
}

#[tokio::test]
async fn what_is_only_owed_holds_nothing_up_and_is_tried_again() {
    let parts = Parts::open().await;
    let witness = Arc::new(Witness::default());
    witness.lets_pass.store(true, Ordering::Relaxed);
    *witness.refuses.lock().unwrap() = vec![(A.to_owned(), 2), (A.to_owned(), 4)];
    let envelopes = bookings(A, 5);
    let consumer = parts.consume(&witness).await;
    // The last two wait for a gap, so that one of them is owed when it is taken out of what is parked.
    parts.emit(&envelopes[..2]).await;
    parts.emit(&envelopes[3..]).await;
    all_consumed(&parts, &witness, B).await;
    parts.emit(&envelopes[2..3]).await;
    applied(&witness, A, &[1, 3, 5]).await;
    eventually("what is owed is parked", || async {
        (reasons(&parts).await == [(2, Reason::Owed), (4, Reason::Owed)]).then_some(())
    })
    .await;
    consumer.stop().await;

    let consumer = parts.consume(&witness).await;
    all_consumed(&parts, &witness, "inventory/mark").await;
    assert_eq!(reasons(&parts).await, [(2, Reason::Owed), (4, Reason::Owed)]);
    witness.refuses.lock().unwrap().clear();
    applied(&witness, A, &[1, 3, 5, 2, 4]).await;
    eventually("nothing is parked", || async {
        parts.parked().await.is_empty().then_some(())
    })
    .await;
    consumer.stop().await;
}
