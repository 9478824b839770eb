//! The original services take part: what they publish opens events for booking, and they find in what we publish what
//! their code reads.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::servers::{Kind, shared};
use testkit::{Client, Platform, PlatformBuilder, eventually};
use uuid::Uuid;

use crate::stranger::Stranger;
use crate::support::{myevents_at, opening_night, opera};

/// As their code declares them: names of fields are these and no others.
#[derive(Deserialize)]
struct TheirEvent {
    id: String,
    name: String,
    location_id: String,
    start_time: Timestamp,
    end_time: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TheirLocation {
    id: String,
    name: String,
    address: String,
    country: String,
    open_time: u8,
    close_time: u8,
    halls: Vec<TheirHall>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct TheirHall {
    name: String,
    location: String,
    capacity: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TheirBooking {
    event_id: String,
    user_id: String,
}

/// A platform and an original service on one broker.
struct Together {
    folder: TempDir,
    url: String,
    platform: Platform,
    client: Client,
    original: Stranger,
}

impl Together {
    async fn at(kind: Kind, more: &str) -> Self {
        let url = kind.place(&shared(kind).await, &format!("originals-{}", Uuid::now_v7()));
        let url = format!("{url}&names=camel{more}");
        let folder = tempfile::tempdir().unwrap();
        let platform = PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
            .folder(folder.path())
            .variable("MYEVENTS_BROKER", &url)
            .start()
            .await;
        Self {
            client: platform.client(),
            original: Stranger::at(&url).await,
            folder,
            url,
            platform,
        }
    }

    /// The event, once it is as it should be.
    async fn event(&self, id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/events/{id}");
        let looked = || async {
            let event = self.client.get(&path).await.json();
            is_so(&event).then_some(event)
        };
        eventually("the event is as it should be", looked).await
    }

    async fn parked(&self) -> String {
        self.run(&["parked", "list"]).await
    }

    async fn run(&self, arguments: &[&str]) -> String {
        let outcome = myevents_at(&self.url, self.folder.path(), arguments).await;
        outcome.succeeded()
    }
}

/// An id as their database makes them.
fn object_id() -> String {
    Uuid::now_v7().simple().to_string()[..24].to_owned()
}

fn concert(id: &str, location_id: &str) -> Value {
    let at = |hours: i64| Timestamp::from_second(opening_night() + hours * 3_600).unwrap();
    json!({"id": id, "name": "Their concert", "location_id": location_id, "start_time": at(0), "end_time": at(2)})
}

fn theatre(id: &str) -> Value {
    json!({
        "id": id, "name": "Their theatre", "address": "1 Road", "country": "Elsewhere", "openTime": 8, "closeTime": 23,
        "halls": [{"name": "Large", "location": "1st floor", "capacity": 20}, {"name": "Small", "capacity": 10}]
    })
}

async fn their_messages_open_events(kind: Kind) {
    let together = Together::at(kind, "").await;
    let (first, second, place) = (object_id(), object_id(), object_id());
    for _ in 0..2 {
        together.original.tell("eventCreated", &concert(&first, &place)).await;
    }
    let waiting = together.event(&first, |event| event["id"] == *first).await;
    assert_eq!(waiting["not_bookable_because"], "location_unknown");
    assert_eq!(
        (&waiting["capacity"], &waiting["bookable"]),
        (&json!(null), &json!(false))
    );
    let listed = together.client.get("/events").await.json();
    assert_eq!(listed["items"][0]["id"], *first, "{listed}");

    for _ in 0..2 {
        together.original.tell("locationCreated", &theatre(&place)).await;
    }
    let opened = together.event(&first, |event| event["bookable"] == true).await;
    assert_eq!((&opened["capacity"], &opened["seats_left"]), (&json!(30), &json!(30)));
    assert_eq!(opened["location"]["close_time"], 23);

    // In the other order.
    for _ in 0..2 {
        together.original.tell("event.created", &concert(&second, &place)).await;
    }
    let opened = together.event(&second, |event| event["bookable"] == true).await;
    assert_eq!((&opened["capacity"], &opened["version"]), (&json!(30), &json!(1)));

    let bookings = format!("/events/{first}/bookings");
    together.client.post(&bookings, json!({"seats": 3})).await.expect(201);
    let booked = together.event(&first, |event| event["seats_left"] == 27).await;
    assert_eq!(booked["version"], 2, "what came twice counts once");
    assert!(together.parked().await.contains("Nothing is parked"));
    for service in ["event", "booking"] {
        together.run(&["verify", service]).await;
    }
    together.platform.stop().await;
}

#[tokio::test]
async fn messages_of_the_original_services_open_events_over_rabbitmq() {
    their_messages_open_events(Kind::RabbitMq).await;
}

#[tokio::test]
async fn messages_of_the_original_services_open_events_over_kafka() {
    their_messages_open_events(Kind::Kafka).await;
}

async fn our_messages_say_what_they_read(kind: Kind) {
    let together = Together::at(kind, "").await;
    let created = together.client.post("/events", opera()).await.expect(201);
    let id = created["id"].as_str().unwrap();
    together.event(id, |event| event["bookable"] == true).await;
    let path = format!("/events/{id}/bookings");
    let booked = together.client.post(&path, json!({"seats": 1})).await.expect(201);

    let place = together.original.hear("locationCreated", |_| true).await;
    let place: TheirLocation = serde_json::from_value(place).unwrap();
    assert_eq!(place.id, created["location_id"].as_str().unwrap());
    assert_eq!(
        (place.name.as_str(), place.country.as_str()),
        ("West Street Opera House", "U.S.A")
    );
    assert_eq!(
        (place.address.as_str(), place.open_time, place.close_time),
        ("11 west street, AZ 73646", 7, 20)
    );
    let hall = TheirHall {
        name: "Cesar hall".to_owned(),
        location: "second floor, room 2210".to_owned(),
        capacity: 10,
    };
    assert_eq!(place.halls, [hall]);
    let event = together.original.hear("eventCreated", |event| event["id"] == id).await;
    let event: TheirEvent = serde_json::from_value(event).unwrap();
    assert_eq!((event.id.as_str(), event.name.as_str()), (id, "opera aida"));
    assert_eq!(event.location_id, place.id);
    assert_eq!((event.end_time - event.start_time).get_hours(), 0);
    assert_eq!(event.start_time.as_second(), opening_night());
    let booking = together.original.hear("eventBooked", |_| true).await;
    let booking: TheirBooking = serde_json::from_value(booking).unwrap();
    assert_eq!(booking.event_id, id);
    assert_eq!(booking.user_id, booked["user_id"].as_str().unwrap());
    together.platform.stop().await;
}

#[tokio::test]
async fn the_original_services_read_what_we_publish_over_rabbitmq() {
    our_messages_say_what_they_read(Kind::RabbitMq).await;
}

#[tokio::test]
async fn the_original_services_read_what_we_publish_over_kafka() {
    our_messages_say_what_they_read(Kind::Kafka).await;
}

#[tokio::test]
async fn what_breaks_a_rule_is_parked_with_it_and_holds_up_nothing() {
    // One partition has one order.
    let together = Together::at(Kind::Kafka, "&partitions=1").await;
    let (backwards, good, place) = (object_id(), object_id(), object_id());
    let mut ends_first = concert(&backwards, &place);
    ends_first["end_time"] = json!("2016-01-01T00:00:00Z");
    let mut huge = concert(&object_id(), &place);
    huge["description"] = json!("long".repeat(100_000));
    let bad = [ends_first, huge, json!({"id": "a,b", "name": 5}), json!("no object")];
    for message in bad.iter().chain([&concert("..", &place)]) {
        together.original.tell("eventCreated", message).await;
    }
    // As the original service spells the bytes of an id.
    together
        .original
        .tell("locationCreated", &theatre("\u{fffd}\u{1}"))
        .await;
    let booked = json!({"eventId": good, "userId": "someUserID"});
    together.original.tell("eventBooked", &booked).await;
    together.original.tell("somethingElse", &json!(1)).await;
    together
        .original
        .tell("eventCreated", &concert(&good, "\u{fffd}\u{1}"))
        .await;
    let good = together.event(&good, |event| event["id"] == *good).await;
    assert_eq!(good["not_bookable_because"], "location_unknown");
    let gone = together.client.get(&format!("/events/{backwards}")).await;
    assert_eq!(gone.status, 404);

    let parked = together.parked().await;
    let lines: Vec<&str> = parked.lines().skip(1).collect();
    assert_eq!(lines.len(), 6, "{parked}");
    let is_refused = |line: &&str| line.contains("event.policies") && line.contains("refused");
    assert!(lines.iter().all(is_refused), "{parked}");
    for rule in [
        "event.created of another program: end_time must be after start_time",
        "event.created of another program: it has more than 262144 bytes",
        "id must be letters, digits, `-` and `_`; name must be text; start_time is required",
        "event.created of another program: it is no JSON object",
        "location.created of another program: id must have 1 to 100 visible ASCII characters",
    ] {
        assert!(parked.contains(rule), "{rule}: {parked}");
    }
    together.platform.stop().await;
}

#[tokio::test]
async fn an_event_that_waits_for_its_location_can_be_changed_opened_and_cancelled() {
    let together = Together::at(Kind::RabbitMq, "").await;
    let (own, given, cancelled, place) = (object_id(), object_id(), object_id(), object_id());
    let mut with_capacity = concert(&own, &place);
    with_capacity["capacity"] = json!(7);
    together.original.tell("eventCreated", &with_capacity).await;
    let opened = together.event(&own, |event| event["seats_left"] == 7).await;
    assert_eq!((&opened["bookable"], &opened["location"]), (&json!(true), &json!(null)));

    for id in [&given, &cancelled] {
        together.original.tell("eventCreated", &concert(id, &place)).await;
        together.event(id, |event| event["id"] == **id).await;
    }
    let (path, none) = (format!("/events/{given}"), &[][..]);
    let renamed = together
        .client
        .patch_with(&path, none, json!({"name": "Renamed"}))
        .await;
    assert_eq!(renamed.expect(200)["not_bookable_because"], "location_unknown");
    let bookings = format!("/events/{given}/bookings");
    together.client.post(&bookings, json!({"seats": 1})).await.expect(404);
    together
        .client
        .patch_with(&path, none, json!({"capacity": 5}))
        .await
        .expect(200);
    together.event(&given, |event| event["seats_left"] == 5).await;
    together.client.post(&bookings, json!({"seats": 1})).await.expect(201);

    let cancel = format!("/events/{cancelled}/cancel");
    together.client.post(&cancel, json!({})).await.expect(200);
    let bookings = format!("/events/{cancelled}/bookings");
    let refused = || async {
        let booked = together.client.post(&bookings, json!({"seats": 1})).await;
        (booked.status == 409).then(|| booked.json())
    };
    let refused = eventually("the booking service knows that it is cancelled", refused).await;
    assert!(
        refused["type"].as_str().unwrap().ends_with("/event-cancelled"),
        "{refused}"
    );
    together.original.tell("locationCreated", &theatre(&place)).await;
    let placed = together.event(&own, |event| event["location"]["id"] == *place).await;
    assert_eq!(placed["capacity"], 7, "its own goes before its location's");
    together.platform.stop().await;
}
