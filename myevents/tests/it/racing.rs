//! Many clients, one event: never oversold, nothing lost, and an end in good order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Client, Platform, PlatformBuilder, eventually};

use crate::journal::walk_inventory;
use crate::support::{binary, event_with_seats, opera, platform, service};

const CLIENTS: usize = 64;
const SEATS: u32 = 1_000;
const SEATS_OF_MANY: u32 = 1_000_000;

/// Bookings by id with their seats.
type Acknowledged = BTreeMap<String, u32>;

/// One client: books 1 to 4 seats until it is refused, then single seats until none is left.
async fn book_until_sold_out(client: Client, event_id: String, number: usize) -> Acknowledged {
    let path = format!("/events/{event_id}/bookings");
    let mut acknowledged = Acknowledged::new();
    let mut seats = u32::try_from(number % 4).unwrap() + 1;
    loop {
        let reply = client.post(&path, json!({ "seats": seats })).await;
        if reply.status == 201 {
            let booking = reply.json();
            acknowledged.insert(booking["id"].as_str().unwrap().to_owned(), seats);
            assert!(
                acknowledged.values().sum::<u32>() <= SEATS,
                "one client alone has more than all seats"
            );
            continue;
        }
        let left = u32::try_from(reply.expect(409)["seats_left"].as_u64().unwrap()).unwrap();
        assert!(left < seats, "refused {seats} seats with {left} left");
        match seats {
            1 => return acknowledged,
            _ => seats = 1,
        }
    }
}

async fn race(clients: &[Client], event_id: &str) -> Acknowledged {
    let races = (0..CLIENTS).map(|number| {
        let client = clients[number % clients.len()].clone();
        book_until_sold_out(client, event_id.to_owned(), number)
    });
    join_all(races).await.into_iter().flatten().collect()
}

#[tokio::test]
async fn racing_clients_sell_every_seat_exactly_once() {
    let platform = platform().await;
    let client = platform.client();
    let event_id = event_with_seats(&client, SEATS).await;
    let acknowledged = race(std::slice::from_ref(&client), &event_id).await;
    assert_eq!(acknowledged.values().sum::<u32>(), SEATS);

    let journal = walk_inventory(platform.folder(), &event_id).await;
    assert_eq!(journal.bookings, acknowledged);
    eventually("both services see the event sold out", || async {
        let event = client.get(&format!("/events/{event_id}")).await.expect(200);
        let left = client
            .get(&format!("/events/{event_id}/availability"))
            .await
            .expect(200);
        (event["seats_left"] == 0 && left["seats_left"] == 0 && left["status"] == "sold_out").then_some(())
    })
    .await;
    platform.stop().await;
}

#[tokio::test]
async fn two_booking_services_on_one_journal_sell_every_seat_exactly_once() {
    let shared = tempfile::tempdir().unwrap();
    let events = service("eventservice", shared.path()).await;
    let bookings = [
        service("bookingservice", shared.path()).await,
        service("bookingservice", shared.path()).await,
    ];
    let clients = bookings.each_ref().map(|service| service.client_of("booking API"));
    let event_id = event_at(&events, &clients, SEATS).await;

    let acknowledged = race(&clients, &event_id).await;
    assert_eq!(acknowledged.values().sum::<u32>(), SEATS);
    let journal = walk_inventory(shared.path(), &event_id).await;
    assert_eq!(journal.bookings, acknowledged);
    for service in bookings {
        service.stop().await;
    }
    events.stop().await;
}

/// Whichever of the two is served by the broker: one is killed after the other.
#[tokio::test]
async fn replicas_that_are_killed_leave_their_part_to_the_others() {
    let shared = tempfile::tempdir().unwrap();
    let events = service("eventservice", shared.path()).await;
    let mut replicas = VecDeque::from([
        service("bookingservice", shared.path()).await,
        service("bookingservice", shared.path()).await,
    ]);
    let event_id = event_at(&events, &[replicas[0].client_of("booking API")], SEATS_OF_MANY).await;
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        let client = replicas[1].client_of("booking API");
        let answered = Arc::new(AtomicUsize::new(0));
        let loads = [(); 16].map(|()| book_until_cut_off(client.clone(), event_id.clone(), Arc::clone(&answered)));
        let loads = tokio::spawn(join_all(loads));
        let runs = || async { (answered.load(Ordering::Relaxed) > 200).then_some(()) };
        eventually("the load runs", runs).await;
        replicas.pop_front().unwrap().kill().await;
        replicas.push_back(service("bookingservice", shared.path()).await);
        // Those who book are cut off, and go on with the next one.
        replicas[0].terminate();
        acknowledged.extend(loads.await.unwrap().into_iter().flatten());
        let mut gone = replicas.pop_front().unwrap();
        assert!(gone.ended().await.success());
        replicas.push_back(service("bookingservice", shared.path()).await);
    }
    acknowledged.sort();
    let journal = walk_inventory(shared.path(), &event_id).await;
    assert_eq!(journal.bookings.into_keys().collect::<Vec<_>>(), acknowledged);
    let left = SEATS_OF_MANY - u32::try_from(acknowledged.len()).unwrap();
    for client in [events.client_of("event API"), replicas[0].client_of("booking API")] {
        let path = match client.get(&format!("/events/{event_id}")).await.status {
            200 => format!("/events/{event_id}"),
            _ => format!("/events/{event_id}/availability"),
        };
        let counted = || async { (client.get(&path).await.expect(200)["seats_left"] == left).then_some(()) };
        eventually("every booking is counted once", counted).await;
    }
    for service in replicas.into_iter().chain([events]) {
        service.stop().await;
    }
}

/// A new event with so many seats, open for booking at each replica.
pub(crate) async fn event_at(events: &Platform, bookings: &[Client], seats: u32) -> String {
    let mut body = opera();
    body["capacity"] = json!(seats);
    let created = events.client_of("event API").post("/events", body).await;
    let event_id = created.expect(201)["id"].as_str().unwrap().to_owned();
    let token = ("Consistency-Token", created.header("consistency-token").unwrap());
    let path = format!("/events/{event_id}/availability");
    for client in bookings {
        let is_open = || async { (client.get_with(&path, &[token]).await.status == 200).then_some(()) };
        eventually("the inventory is open", is_open).await;
    }
    event_id
}

/// A replica may keep what it has read, but not past a change that another one has made.
#[tokio::test]
async fn what_is_read_again_and_again_is_as_new_at_every_replica() {
    let shared = tempfile::tempdir().unwrap();
    let replicas = [
        service("eventservice", shared.path()).await,
        service("eventservice", shared.path()).await,
    ];
    let clients = replicas.each_ref().map(|service| service.client_of("event API"));
    let created = clients[0].post("/events", opera()).await;
    let path = format!("/events/{}", created.expect(201)["id"].as_str().unwrap());
    let mut token = created.header("consistency-token").unwrap().to_owned();
    for turn in 0..6 {
        for _ in 0..2 {
            for client in &clients {
                client
                    .get_with(&path, &[("Consistency-Token", &token)])
                    .await
                    .expect(200);
            }
        }
        let name = format!("Opera {turn}");
        let changed = clients[turn % 2].patch_with(&path, &[], json!({ "name": name })).await;
        assert_eq!(changed.expect(200)["name"], name);
        token = changed.header("consistency-token").unwrap().to_owned();
        for client in &clients {
            let seen = client
                .get_with(&path, &[("Consistency-Token", &token)])
                .await
                .expect(200);
            assert_eq!(seen["name"], name);
        }
    }
    for service in replicas {
        service.stop().await;
    }
}

#[tokio::test]
async fn sigterm_under_load_answers_what_was_accepted_and_ends_well() {
    let mut platform = platform().await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 1_000_000).await;
    let answered = Arc::new(AtomicUsize::new(0));
    let loads: Vec<_> = (0..32)
        .map(|_| {
            tokio::spawn(book_until_cut_off(
                client.clone(),
                event_id.clone(),
                Arc::clone(&answered),
            ))
        })
        .collect();
    eventually("the load runs", || async {
        (answered.load(Ordering::Relaxed) > 300).then_some(())
    })
    .await;
    platform.terminate();
    assert!(platform.ended().await.success());

    let mut acknowledged = Vec::new();
    for load in loads {
        acknowledged.extend(load.await.unwrap());
    }
    acknowledged.sort();
    let journal = walk_inventory(platform.folder(), &event_id).await;
    let journaled: Vec<String> = journal.bookings.into_keys().collect();
    assert_eq!(journaled, acknowledged, "what is in the journal is what was answered");
}

async fn book_until_cut_off(client: Client, event_id: String, answered: Arc<AtomicUsize>) -> Vec<String> {
    let path = format!("/events/{event_id}/bookings");
    let mut acknowledged = Vec::new();
    while let Ok(reply) = client
        .try_send(Method::POST, &path, &[], Some(json!({"seats": 1})))
        .await
    {
        let booking: Value = reply.expect(201);
        acknowledged.push(booking["id"].as_str().unwrap().to_owned());
        answered.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        PlatformBuilder::new(binary("myevents"), &["serve"])
            .folder(folder.path())
            .start()
    };
    let platform = start().await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 10).await;
    let reply = client
        .post(&format!("/events/{event_id}/bookings"), json!({"seats": 3}))
        .await;
    let booked = reply.expect(201);
    let token = ("Consistency-Token", reply.header("consistency-token").unwrap());
    // Killed, not stopped: nothing may depend on a good end.
    platform.kill().await;

    let platform = start().await;
    let client = platform.client();
    let booking = format!("/bookings/{}", booked["id"].as_str().unwrap());
    let seen = client.get_with(&booking, &[token]).await;
    assert_eq!(seen.expect(200)["seats"], 3);
    eventually("the seats are counted", || async {
        (client.get(&format!("/events/{event_id}")).await.expect(200)["seats_left"] == 7).then_some(())
    })
    .await;
    client
        .post(&format!("/events/{event_id}/bookings"), json!({"seats": 8}))
        .await
        .expect(409);
    platform.stop().await;
}
