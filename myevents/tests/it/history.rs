//! The past of an event: what happened, and what was left at any moment.

use std::collections::BTreeMap;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Client, Platform, PlatformBuilder, Reply, eventually};

use crate::support::{event_with_seats, opera, platform};

/// So many that some are looked at while their views are being written.
const YOUNG: usize = 100;

async fn start(folder: &TempDir) -> Platform {
    PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .folder(folder.path())
        .start()
        .await
}

/// An event with a past, and what was answered while it came about.
struct Past {
    event: String,
    user: String,
    /// Every text that must stay secret.
    secrets: Vec<String>,
    /// Availability as it was told after each version.
    told: BTreeMap<u64, Value>,
}

impl Past {
    /// Two bookings by others, one of them cancelled, two changes of the capacity, and the end.
    async fn of(client: &Client) -> Self {
        let user = client
            .post("/users", json!({"first": "Ada", "last": "Lovelace"}))
            .await
            .expect(201);
        let mut past = Self {
            event: event_with_seats(client, 10).await,
            user: user["id"].as_str().unwrap().to_owned(),
            secrets: Vec::new(),
            told: BTreeMap::new(),
        };
        past.note(client, 1).await;
        let booked = past.book(client, json!({"seats": 4})).await;
        past.note(client, 2).await;
        past.book(client, json!({"seats": 3, "user_id": past.user})).await;
        past.note(client, 3).await;
        let path = format!("/bookings/{}", booked["id"].as_str().unwrap());
        client.delete(&path).await.expect(200);
        past.note(client, 4).await;
        past.change(client, json!({"capacity": 12, "max_seats_per_booking": 5}))
            .await;
        past.note(client, 5).await;
        past.change(client, json!({"capacity": 2})).await;
        past.note(client, 6).await;
        let path = format!("/events/{}/cancel", past.event);
        client.post(&path, json!({})).await.expect(200);
        past.note(client, 7).await;
        past
    }

    async fn book(&mut self, client: &Client, body: Value) -> Value {
        let path = format!("/events/{}/bookings", self.event);
        let booking = client.post(&path, body).await.expect(201);
        self.secrets.push(booking["id"].as_str().unwrap().to_owned());
        if booking["user_id"] != self.user {
            self.secrets.push(booking["user_id"].as_str().unwrap().to_owned());
        }
        booking
    }

    async fn change(&self, client: &Client, change: Value) {
        let path = format!("/events/{}", self.event);
        client.patch_with(&path, &[], change).await.expect(200);
    }

    /// Waits for this version of the inventory, and keeps what is told of it.
    async fn note(&mut self, client: &Client, version: u64) {
        let token = format!("inventory/{}@{version}", self.event);
        let path = format!("/events/{}/availability", self.event);
        let told = client
            .get_with(&path, &[("Consistency-Token", &token)])
            .await
            .expect(200);
        assert_eq!(told["version"], version);
        self.told.insert(version, told);
    }

    async fn history(&self, client: &Client) -> Vec<Value> {
        let path = format!("/events/{}/history?limit=200", self.event);
        items(&client.get(&path).await.expect(200))
    }

    /// Availability at a moment, without saying that it is the past.
    async fn at(&self, client: &Client, moment: &str) -> Value {
        let path = format!("/events/{}/availability?at={moment}", self.event);
        let mut told = client.get(&path).await.expect(200);
        assert!(told.as_object_mut().unwrap().remove("at").is_some());
        told
    }
}

fn items(page: &Value) -> Vec<Value> {
    page["items"].as_array().unwrap().clone()
}

fn time_of(entry: &Value) -> Timestamp {
    entry["time"].as_str().unwrap().parse().unwrap()
}

fn is_of_inventory(entry: &Value) -> bool {
    entry["stream"].as_str().unwrap().starts_with("inventory/")
}

/// Name, version, actor, and what stood after it: capacity, sold, left.
fn told(entry: &Value) -> Value {
    let seats = ["capacity", "seats_sold", "seats_left"].map(|field| entry[field].clone());
    json!([entry["name"], entry["version"], entry["actor"], seats])
}

#[tokio::test]
async fn the_history_tells_who_did_what_and_what_was_left_and_keeps_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let platform = start(&folder).await;
    let past = Past::of(&platform.client()).await;
    let history = past.history(&platform.client()).await;

    let of_inventory: Vec<Value> = history
        .iter()
        .filter(|entry| is_of_inventory(entry))
        .map(told)
        .collect();
    let expected = json!([
        ["inventory.opened", 1, "system", [10, 0, 10]],
        ["event.booked", 2, "guest", [10, 4, 6]],
        ["event.booked", 3, past.user, [10, 7, 3]],
        ["booking.cancelled", 4, "guest", [10, 3, 7]],
        ["inventory.changed", 5, "system", [12, 3, 9]],
        ["inventory.changed", 6, "system", [2, 3, 0]],
        ["inventory.closed", 7, "system", [2, 3, 0]],
    ]);
    assert_eq!(json!(of_inventory), expected);
    let of_event: Vec<&Value> = history.iter().filter(|entry| !is_of_inventory(entry)).collect();
    let names: Vec<&str> = of_event.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["event.created", "event.changed", "event.changed", "event.cancelled"]
    );
    assert!(of_event.iter().all(|entry| entry.get("seats_left").is_none()));
    assert_eq!(of_event[1]["facts"]["capacity"], 12);
    assert!(history.is_sorted_by_key(time_of), "{history:?}");
    // What happened to the event comes before what that led to.
    assert_eq!(
        (history[0]["name"].clone(), history[1]["name"].clone()),
        (json!("event.created"), json!("inventory.opened"))
    );
    assert_eq!(history.last().unwrap()["name"], "inventory.closed");

    let text = json!(history).to_string();
    for secret in &past.secrets {
        assert!(!text.contains(secret), "{secret} is told: {text}");
    }
    platform.kill().await;
    let platform = start(&folder).await;
    assert_eq!(past.history(&platform.client()).await, history);
    platform.stop().await;
}

#[tokio::test]
async fn availability_is_told_as_it_was_answered_then_by_version_and_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let platform = start(&folder).await;
    let past = Past::of(&platform.client()).await;
    platform.stop().await;
    let platform = start(&folder).await;
    let client = platform.client();
    for (version, told) in &past.told {
        assert_eq!(past.at(&client, &format!("v{version}")).await, *told);
    }
    let history = past.history(&client).await;
    let inventory: Vec<&Value> = history.iter().filter(|entry| is_of_inventory(entry)).collect();
    for pair in inventory.windows(2) {
        let (version, from, to) = (pair[0]["version"].as_u64().unwrap(), time_of(pair[0]), time_of(pair[1]));
        let last = to.checked_sub(SignedDuration::from_millis(1)).unwrap();
        // Of several at one time only the newest is that time's.
        if last >= from {
            assert_eq!(past.at(&client, &from.to_string()).await, past.told[&version]);
            assert_eq!(past.at(&client, &last.to_string()).await, past.told[&version]);
        }
        let seconds = to.as_second();
        let newest = inventory
            .iter()
            .rev()
            .find(|entry| time_of(entry).as_millisecond() <= seconds * 1_000);
        if let Some(newest) = newest {
            let told = &past.told[&newest["version"].as_u64().unwrap()];
            assert_eq!(past.at(&client, &seconds.to_string()).await, *told);
        }
    }
    let path = format!("/events/{}/availability", past.event);
    assert_eq!(
        past.at(&client, &Timestamp::now().to_string()).await,
        client.get(&path).await.expect(200)
    );
    platform.stop().await;
}

#[tokio::test]
async fn the_past_is_never_changed_so_it_is_not_sent_again() {
    let platform = platform().await;
    let client = platform.client();
    let id = event_with_seats(&client, 10).await;
    let path = format!("/events/{id}/availability?at=v1");
    let first = client.get(&path).await;
    assert_eq!(
        first.expect(200)["at"],
        items(&client.get(&format!("/events/{id}/history")).await.expect(200))[1]["time"]
    );
    let reply = client
        .post(&format!("/events/{id}/bookings"), json!({"seats": 1}))
        .await;
    let token = reply.header("consistency-token").unwrap();
    let again = [
        ("If-None-Match", first.header("etag").unwrap()),
        ("Consistency-Token", token),
    ];
    assert_eq!(client.get_with(&path, &again).await.status, 304);
    let newer = client.get_with(&format!("/events/{id}/availability"), &again).await;
    assert_eq!(newer.expect(200).get("at"), None);
    platform.stop().await;
}

/// The document of what is left and the entry of how it came about need not be seen in one moment in every store.
#[tokio::test]
async fn whatever_availability_is_told_its_version_is_known_in_the_past() {
    let platform = platform().await;
    let client = platform.client();
    let events = (0..YOUNG).map(|_| async {
        let event = client.post("/events", opera()).await.expect(201);
        let path = format!("/events/{}/availability", event["id"].as_str().unwrap());
        eventually("the event opens for booking", || async {
            (client.get(&path).await.status == 200).then_some(())
        })
        .await;
        client.get(&format!("{path}?at=v1")).await.expect(200);
    });
    join_all(events).await;
    platform.stop().await;
}

#[tokio::test]
async fn the_status_is_that_of_the_moment_and_not_of_now() {
    let platform = platform().await;
    let client = platform.client();
    let (id, start) = opened_before_its_sales_start(&client).await;
    let availability = format!("/events/{id}/availability");
    eventually("sales start", || async {
        (client.get(&availability).await.expect(200)["status"] == "on_sale").then_some(())
    })
    .await;
    let almost = start.checked_sub(SignedDuration::from_millis(1)).unwrap();
    for (at, status) in [
        ("v1", "not_started"),
        (&almost.to_string(), "not_started"),
        (&start.to_string(), "on_sale"),
    ] {
        let told = client.get(&format!("{availability}?at={at}")).await.expect(200);
        assert_eq!(told["status"], status, "{at}");
    }
    platform.stop().await;
}

/// However slow the machine is just now. Returns the event and when its sales start.
async fn opened_before_its_sales_start(client: &Client) -> (String, Timestamp) {
    for lead in [1, 5, 25] {
        let start = Timestamp::now().checked_add(SignedDuration::from_secs(lead)).unwrap();
        let start = Timestamp::from_millisecond(start.as_millisecond()).unwrap();
        let mut body = opera();
        body["sales_start"] = json!(start.to_string());
        let id = client.post("/events", body).await.expect(201)["id"].clone();
        let path = format!("/events/{}/availability?at=v1", id.as_str().unwrap());
        let opened = eventually("it opens", || async {
            let reply = client.get(&path).await;
            (reply.status == 200).then(|| reply.json()["at"].clone())
        })
        .await;
        let opened: Timestamp = opened.as_str().unwrap().parse().unwrap();
        if opened.checked_add(SignedDuration::from_millis(1)).unwrap() < start {
            return (id.as_str().unwrap().to_owned(), start);
        }
    }
    panic!("no event opens within 25 seconds");
}

/// All pages by their links.
async fn follow(client: &Client, path: String) -> Vec<Value> {
    let mut found = Vec::new();
    let mut next = Some(path);
    while let Some(path) = next {
        let reply = client.get(&path).await;
        let page = reply.expect(200);
        next = linked(&reply);
        assert_eq!(next.is_some(), page["next_cursor"].is_string());
        found.extend(items(&page));
        assert!(found.len() < 100, "the links lead round in circles: {path}");
    }
    found
}

fn linked(reply: &Reply) -> Option<String> {
    let link = reply.header("link")?.strip_suffix(">; rel=\"next\"").unwrap();
    Some(link.strip_prefix('<').unwrap().to_owned())
}

#[tokio::test]
async fn the_history_is_paged_to_its_end_in_both_orders() {
    let platform = platform().await;
    let client = platform.client();
    let past = Past::of(&client).await;
    let mut history = past.history(&client).await;
    assert_eq!(history.len(), 11);
    for order in ["asc", "desc"] {
        for limit in [1, 2, 3, 10, 11, 12] {
            let path = format!("/events/{}/history?order={order}&limit={limit}", past.event);
            assert_eq!(follow(&client, path).await, history, "{order} by {limit}");
        }
        history.reverse();
    }
    platform.stop().await;
}

#[tokio::test]
async fn what_breaks_a_rule_is_named() {
    let platform = platform().await;
    let client = platform.client();
    let id = event_with_seats(&client, 10).await;
    let other = event_with_seats(&client, 10).await;
    let soon = Timestamp::now().checked_add(SignedDuration::from_hours(1)).unwrap();
    let number = (1_u64 << 63).to_string();
    for at in [
        "",
        "v",
        "v0",
        "v-1",
        "v+1",
        "v1.5",
        "vv1",
        "1v",
        "v1x",
        &format!("v{number}"),
        "v99999999999999999999",
        "0",
        "1",
        "17",
        "-5",
        "999999999",
        "99999999999999",
        &number,
        "soon",
        "now",
        "2026-13-01T00:00:00Z",
        "2026-01-01",
        "12:00",
        "1969-12-31T23:59:59Z",
        "true",
        &soon.to_string(),
        &soon.as_second().to_string(),
        "253402300800",
    ] {
        let reply = client.get(&format!("/events/{id}/availability?at={at}")).await;
        assert_eq!(reply.faulty_fields(), ["at"], "{at}");
    }
    let history = format!("/events/{id}/history");
    let cursor = client
        .get(&format!("/events/{other}/history?limit=1"))
        .await
        .expect(200)["next_cursor"]
        .clone();
    for (query, field) in [
        ("order=up", "order"),
        ("order=", "order"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=x", "cursor"),
        (&format!("cursor={}", cursor.as_str().unwrap()), "cursor"),
    ] {
        let reply = client.get(&format!("{history}?{query}")).await;
        assert_eq!(reply.faulty_fields(), [field], "{query}");
    }
    platform.stop().await;
}

#[tokio::test]
async fn moments_that_never_were_are_not_found() {
    let platform = platform().await;
    let client = platform.client();
    let id = event_with_seats(&client, 10).await;
    let availability = format!("/events/{id}/availability");
    let created = items(&client.get(&format!("/events/{id}/history")).await.expect(200))[0].clone();
    let before = time_of(&created).checked_sub(SignedDuration::from_millis(1)).unwrap();
    client.get(&format!("{availability}?at=v1")).await.expect(200);
    for at in ["v2", &format!("v{}", i64::MAX)] {
        let refused = client.get(&format!("{availability}?at={at}")).await.expect(404);
        assert_eq!(refused["current_version"], 1, "{at}");
    }
    for at in [
        &before.to_string(),
        "2001-09-09T01:46:40Z",
        "1000000000",
        "1970-01-01T00:00:00Z",
    ] {
        let refused = client.get(&format!("{availability}?at={at}")).await.expect(404);
        assert_eq!(refused["detail"], "The event was not open for booking yet.", "{at}");
    }
    platform.stop().await;
}
