//! Old payloads are read as new ones wherever they come from: a journal, the log, what is parked. They are never
//! rewritten.
//!
//! `booking.cancelled` says since version 2 who cancelled. Version 1 did not, and means the holder.

use std::sync::Arc;

use chassis::consumer::parking::{Parked, Parking, Reason};
use contracts::{Actor, CommitBounds, DomainEvent, Envelope, EventBooked, EventName, StreamId, StreamKind, Unsealed};
use msgqueue::Broker;
use persistence::{Commit, Stores};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Client, Part, Platform, PlatformBuilder, eventually, lose};
use uuid::Uuid;

use crate::journal::inventory_stream;
use crate::support::{broker, event_with_seats, myevents, stores};

const SEATS: u32 = 10;
const PAIRS_IN_A_COMMIT: usize = 150;

async fn start(folder: &TempDir) -> Platform {
    PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .folder(folder.path())
        .start()
        .await
}

async fn stores_of(folder: &TempDir, service: &str) -> Stores {
    stores(folder.path(), service).await
}

async fn broker_of(folder: &TempDir) -> Broker {
    broker(folder.path()).await
}

/// An event with a journal that this build did not write alone.
struct Event {
    id: String,
    /// The ids of the bookings of 4, 3 and 2 seats.
    bookings: Vec<String>,
}

impl Event {
    /// A platform that has ended, with an event of which nine seats of ten are booked.
    async fn booked(folder: &TempDir) -> Self {
        let platform = start(folder).await;
        let client = platform.client();
        let mut event = Self {
            id: event_with_seats(&client, SEATS).await,
            bookings: Vec::new(),
        };
        for seats in [4, 3, 2] {
            let booking = event.book(&client, seats).await.expect(201);
            event.bookings.push(booking["id"].as_str().unwrap().to_owned());
        }
        platform.stop().await;
        event
    }

    fn stream(&self) -> StreamId {
        StreamId::new(StreamKind::Inventory, &self.id).unwrap()
    }

    async fn book(&self, client: &Client, seats: u32) -> testkit::Reply {
        let path = format!("/events/{}/bookings", self.id);
        client.post(&path, json!({ "seats": seats })).await
    }

    /// Cancels a booking in the name of somebody, or of nobody.
    async fn cancel(&self, client: &Client, booking: &str, user: Option<&str>) {
        let headers: Vec<(&str, &str)> = user.iter().map(|user| ("X-User-Id", *user)).collect();
        let path = format!("/bookings/{booking}");
        let reply = client.send(reqwest::Method::DELETE, &path, &headers, None).await;
        assert_eq!(reply.expect(200)["status"], "cancelled");
    }

    async fn journal(&self, folder: &TempDir) -> Vec<Arc<Envelope>> {
        inventory_stream(folder.path(), &self.id).await
    }

    /// Appends what a build of version 1 wrote when these bookings were cancelled, each as a commit of its own.
    async fn cancel_in_version_1(&self, folder: &TempDir, bookings: &[usize], published: usize) {
        let journal = stores_of(folder, "booking").await.journal;
        for (i, booking) in bookings.iter().enumerate() {
            let envelopes = self.journal(folder).await;
            let last = envelopes.last().unwrap();
            let commit = Commit {
                id: Uuid::now_v7(),
                envelopes: vec![cancelled_in_version_1(&envelopes, &self.bookings[*booking]).into()],
            };
            let key = commit.key().unwrap();
            journal.append(last.hash, &commit).await.unwrap();
            // What is marked and was never published is a gap for all consumers.
            if i < published {
                journal.mark_published(&[key]).await.unwrap();
            }
        }
    }

    /// Appends so many bookings of a seat, each cancelled as version 1 did. Returns the last one's id.
    async fn book_and_cancel_in_version_1(&self, folder: &TempDir, pairs: u64) -> String {
        let stores = stores_of(folder, "booking").await;
        let mut last = self.journal(folder).await.pop().unwrap();
        let mut booking_id = String::new();
        for first in (0..pairs).step_by(PAIRS_IN_A_COMMIT) {
            let count = 2 * (PAIRS_IN_A_COMMIT as u64).min(pairs - first);
            let bounds = CommitBounds {
                first: last.version + 1,
                last: last.version + count,
            };
            let mut envelopes = Vec::new();
            let previous = last.hash;
            for _ in 0..count / 2 {
                booking_id = Uuid::now_v7().to_string();
                let booked = EventBooked {
                    booking_id: booking_id.clone(),
                    event_id: self.id.clone(),
                    event_name: None,
                    user_id: "u".to_owned(),
                    seats: 1,
                };
                let cancelled = payload_of_version_1(&booked);
                for (name, payload) in [
                    (
                        "event.booked",
                        DomainEvent::EventBooked(booked).payload().to_value().unwrap(),
                    ),
                    ("booking.cancelled", cancelled),
                ] {
                    last = following(&last, name, 1, payload, Some(bounds)).into();
                    envelopes.push(last.clone());
                }
            }
            let id = Uuid::now_v7();
            stores
                .journal
                .append(previous, &Commit { id, envelopes })
                .await
                .unwrap();
        }
        booking_id
    }

    /// What the history says of cancellations: version and by whom.
    async fn cancellations(&self, client: &Client) -> Vec<Value> {
        let history = client
            .get(&format!("/events/{}/history?limit=200", self.id))
            .await
            .expect(200);
        let items = history["items"].as_array().unwrap().iter();
        items
            .filter(|entry| entry["name"] == "booking.cancelled")
            .map(|entry| json!([entry["version"], entry["facts"]["cancelled_by"], entry["seats_left"]]))
            .collect()
    }

    /// Everything that views say of it.
    async fn seen(&self, client: &Client) -> Vec<Value> {
        let mut seen = Vec::new();
        for path in [
            "",
            "/availability",
            "/bookings",
            "/history?limit=200",
            "/availability?at=v5",
        ] {
            seen.push(client.get(&format!("/events/{}{path}", self.id)).await.expect(200));
        }
        seen
    }

    /// Waits until the views of both services have come to this version, and tells what is left.
    async fn left_at(&self, client: &Client, version: u64) -> Value {
        let token = format!("{}@{version}", self.stream());
        let token = ("Consistency-Token", token.as_str());
        let event = client
            .get_with(&format!("/events/{}", self.id), &[token])
            .await
            .expect(200);
        let path = format!("/events/{}/availability", self.id);
        let availability = client.get_with(&path, &[token]).await.expect(200);
        assert_eq!(event["seats_left"], availability["seats_left"]);
        availability["seats_left"].clone()
    }
}

fn cancelled_in_version_1(stream: &[Arc<Envelope>], booking: &str) -> Envelope {
    let booked = |envelope: &Arc<Envelope>| match envelope.event().unwrap() {
        DomainEvent::EventBooked(booked) if booked.booking_id == booking => Some(booked),
        _ => None,
    };
    let booked = stream.iter().find_map(booked).unwrap();
    next(stream.last().unwrap(), 1, payload_of_version_1(&booked))
}

fn payload_of_version_1(booked: &EventBooked) -> Value {
    json!({ "booking_id": booked.booking_id, "event_id": booked.event_id, "user_id": booked.user_id, "seats": booked.seats })
}

/// The `booking.cancelled` that follows an envelope, in a commit of its own.
fn next(last: &Envelope, schema_version: u32, payload: Value) -> Envelope {
    following(last, "booking.cancelled", schema_version, payload, None)
}

/// What follows an envelope, in a commit of these bounds or of its own.
fn following(
    last: &Envelope,
    name: &str,
    schema_version: u32,
    payload: Value,
    commit: Option<CommitBounds>,
) -> Envelope {
    let version = last.version + 1;
    let own = CommitBounds {
        first: version,
        last: version,
    };
    let sealed = Unsealed {
        id: Uuid::now_v7(),
        name: EventName::parse(name),
        version,
        commit: commit.unwrap_or(own),
        schema_version,
        actor: Actor::new(payload["user_id"].as_str().unwrap()),
        idempotency: None,
        payload: payload.into(),
        ..Unsealed::clone(last)
    };
    sealed.seal(&last.hash, None)
}

/// Version in the stream, and of the format, of each cancellation.
fn formats(envelopes: &[Arc<Envelope>]) -> Vec<(u64, u32)> {
    let cancelled = envelopes
        .iter()
        .filter(|envelope| envelope.name.as_str() == "booking.cancelled");
    cancelled
        .map(|envelope| (envelope.version, envelope.schema_version))
        .collect()
}

/// Everything in the log, each message once.
async fn logged(folder: &TempDir, stream: &StreamId) -> Vec<Arc<Envelope>> {
    let broker = broker_of(folder).await;
    let mut subscription = broker.listener.subscribe("upcasting.test").await.unwrap();
    let lag = || async { broker.listener.known_lag("upcasting.test").await.unwrap() };
    let mut envelopes = Vec::new();
    while lag().await > 0 {
        let batch = subscription.next_batch(500).await.unwrap();
        let tags: Vec<_> = batch.iter().map(|delivery| delivery.tag).collect();
        envelopes.extend(batch.iter().map(|delivery| delivery.envelope().unwrap()));
        subscription.ack(&tags).await.unwrap();
    }
    envelopes.retain(|envelope| envelope.stream == *stream);
    envelopes
}

#[tokio::test]
async fn a_journal_with_version_1_is_decided_on_and_goes_on_in_version_2() {
    let folder = tempfile::tempdir().unwrap();
    let event = Event::booked(&folder).await;
    event.cancel_in_version_1(&folder, &[0], 0).await;
    let written = event.journal(&folder).await;

    let platform = start(&folder).await;
    let client = platform.client();
    assert_eq!(event.left_at(&client, 5).await, 5);
    // It is known to be cancelled, so nothing happens again.
    event.cancel(&client, &event.bookings[0], None).await;
    event.book(&client, 6).await.expect(409);
    event.book(&client, 5).await.expect(201);
    event.cancel(&client, &event.bookings[1], Some("somebody-else")).await;
    event.cancel(&client, &event.bookings[2], None).await;
    assert_eq!(event.left_at(&client, 8).await, 5);
    assert_eq!(
        json!(event.cancellations(&client).await),
        json!([[5, "holder", 5], [7, "other", 3], [8, "holder", 5]])
    );
    platform.stop().await;

    let journal = event.journal(&folder).await;
    assert_eq!(formats(&journal), [(5, 1), (7, 2), (8, 2)]);
    assert_eq!(journal[..5], written, "what was written is not rewritten");
    assert_eq!(
        logged(&folder, &event.stream()).await,
        journal,
        "the log has it as the journal has"
    );
}

#[tokio::test]
async fn a_guest_who_shows_the_id_and_whoever_shows_none_cancel_as_holders() {
    let folder = tempfile::tempdir().unwrap();
    let event = Event::booked(&folder).await;
    let guest = |envelope: &Arc<Envelope>| {
        envelope.payload.to_value().unwrap()["user_id"]
            .as_str()
            .map(str::to_owned)
    };
    let guests: Vec<String> = event.journal(&folder).await.iter().filter_map(guest).collect();
    let platform = start(&folder).await;
    let client = platform.client();
    event.left_at(&client, 4).await;
    event.cancel(&client, &event.bookings[0], Some(&guests[0])).await;
    event.cancel(&client, &event.bookings[1], Some(&guests[0])).await;
    event.cancel(&client, &event.bookings[2], None).await;
    event.left_at(&client, 7).await;
    let by: Vec<Value> = event
        .cancellations(&client)
        .await
        .iter()
        .map(|told| told[1].clone())
        .collect();
    assert_eq!(by, ["holder", "other", "holder"]);
    platform.stop().await;
}

#[tokio::test]
async fn views_are_built_from_a_log_with_both_versions_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let event = Event::booked(&folder).await;
    event.cancel_in_version_1(&folder, &[0], 0).await;
    let platform = start(&folder).await;
    let client = platform.client();
    event.left_at(&client, 5).await;
    event.cancel(&client, &event.bookings[1], Some("somebody-else")).await;
    assert_eq!(event.left_at(&client, 6).await, 8);
    let seen = event.seen(&client).await;
    platform.stop().await;

    forget_views(&folder).await;
    let platform = start(&folder).await;
    let client = platform.client();
    eventually("the views are built again", || async {
        (client.get(&format!("/events/{}/availability", event.id)).await.status == 200).then_some(())
    })
    .await;
    event.left_at(&client, 6).await;
    assert_eq!(event.seen(&client).await, seen);
    assert_eq!(
        json!(event.cancellations(&client).await),
        json!([[5, "holder", 5], [6, "other", 8]])
    );
    event.book(&client, 9).await.expect(409);
    event.book(&client, 8).await.expect(201);
    platform.stop().await;
}

/// The booking service has never seen the log, so it takes it from its beginning.
async fn forget_views(folder: &TempDir) {
    let broker = broker_of(folder).await;
    for group in ["booking.views.1", "booking.policies"] {
        broker.listener.drop_group(group).await.unwrap();
    }
    lose(folder.path(), "booking", Part::Views);
}

/// Where streams are long a state need not be read from their beginning. However it is come by, it is the same.
#[tokio::test]
async fn a_long_stream_of_version_1_is_decided_on_after_every_start() {
    let folder = tempfile::tempdir().unwrap();
    let event = Event::booked(&folder).await;
    let cancelled = event.book_and_cancel_in_version_1(&folder, 1_500).await;
    let platform = start(&folder).await;
    let client = platform.client();
    assert_eq!(event.left_at(&client, 3_004).await, 1);
    event.book(&client, 2).await.expect(409);
    event.book(&client, 1).await.expect(201);
    platform.stop().await;

    let platform = start(&folder).await;
    let client = platform.client();
    event.cancel(&client, &cancelled, None).await;
    event.cancel(&client, &event.bookings[0], Some("somebody-else")).await;
    assert_eq!(event.left_at(&client, 3_006).await, 4);
    event.book(&client, 5).await.expect(409);
    event.book(&client, 4).await.expect(201);
    platform.stop().await;

    let platform = start(&folder).await;
    event.book(&platform.client(), 1).await.expect(409);
    platform.stop().await;
    let journal = event.journal(&folder).await;
    assert_eq!(journal.len(), 3_007);
    assert_eq!(formats(&journal)[1_499..], [(3_004, 1), (3_006, 2)]);
}

/// With the messages, which are not listed.
async fn parked_by(folder: &TempDir, service: &str) -> Vec<Parked> {
    let documents = stores_of(folder, service).await.documents;
    Parking::open(Arc::clone(&documents)).await.unwrap();
    let found = documents.scan("parked", None, 100).await.unwrap();
    let parked = found.into_iter().map(|document| document.read::<Parked>().unwrap());
    parked
        .filter(|parked| parked.group == format!("{service}.views.1"))
        .collect()
}

/// The one message that each service's views have parked, for this reason.
async fn wait_until_parked(folder: &TempDir, reason: Reason, version: u64) {
    for service in ["event", "booking"] {
        let parked = eventually("it is parked", || async { parked_by(folder, service).await.pop() }).await;
        assert_eq!((parked.reason, parked.version), (reason, version), "{service}");
    }
}

async fn retry(folder: &TempDir) -> bool {
    let data_dir = folder.path().to_str().unwrap();
    myevents(&["parked", "retry", "--data-dir", data_dir])
        .await
        .status
        .success()
}

#[tokio::test]
async fn what_is_parked_in_version_1_is_read_as_version_2_when_its_gap_is_filled() {
    let folder = tempfile::tempdir().unwrap();
    let event = Event::booked(&folder).await;
    event.cancel_in_version_1(&folder, &[0, 1], 1).await;
    let journal = event.journal(&folder).await;
    let platform = start(&folder).await;
    let client = platform.client();
    wait_until_parked(&folder, Reason::Gap, 6).await;
    let parked = parked_by(&folder, "booking").await.pop().unwrap();
    assert_eq!(
        parked.message.to_envelope().unwrap(),
        *journal[5],
        "parked as it was written"
    );
    assert_eq!(event.left_at(&client, 4).await, 1);

    assert!(retry(&folder).await);
    assert_eq!(event.left_at(&client, 6).await, 8);
    assert_eq!(
        json!(event.cancellations(&client).await),
        json!([[5, "holder", 5], [6, "holder", 8]])
    );
    assert_eq!(event.journal(&folder).await, journal);
    platform.stop().await;
}

#[tokio::test]
async fn what_a_newer_build_wrote_stays_parked_as_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let event = Event::booked(&folder).await;
    let last = event.journal(&folder).await.pop().unwrap();
    let newer = next(&last, 3, json!({ "user_id": "u", "who": { "is": "robot" } }));
    broker_of(&folder)
        .await
        .emitter
        .emit(&[Arc::new(newer.clone())])
        .await
        .unwrap();
    let platform = start(&folder).await;
    let client = platform.client();
    wait_until_parked(&folder, Reason::NewerSchema, 5).await;
    assert!(!retry(&folder).await);
    // Other streams go on.
    let other = event_with_seats(&client, 3).await;
    client.get(&format!("/events/{other}/history")).await.expect(200);
    assert_eq!(event.left_at(&client, 4).await, 1);
    platform.stop().await;

    let platform = start(&folder).await;
    wait_until_parked(&folder, Reason::NewerSchema, 5).await;
    let parked = parked_by(&folder, "booking").await.pop().unwrap();
    assert_eq!(parked.message.to_envelope().unwrap(), newer);
    platform.stop().await;
}
