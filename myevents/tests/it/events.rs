//! Events and their locations: created, changed, cancelled, and what follows from that.

use serde_json::{Value, json};
use testkit::{Client, PlatformBuilder, eventually};
use tokio::task::spawn_blocking;

use crate::support::{binary, event_with_seats, opening_night, opera, platform};

async fn location_of(client: &Client, body: Value) -> String {
    client.post("/events", body).await.expect(201)["location_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn an_external_location_is_created_once_and_used_again() {
    let platform = platform().await;
    let client = platform.client();
    let first = location_of(&client, opera()).await;
    assert_eq!(location_of(&client, opera()).await, first);
    let mut elsewhere = opera();
    elsewhere["location"]["name"] = json!("Another opera house");
    assert_ne!(location_of(&client, elsewhere).await, first);

    let known = json!({"name": "x", "start": opening_night(), "duration": 90, "location": {"id": first}});
    let event = client.post("/events", known).await.expect(201);
    assert_eq!(
        (event["location_id"].clone(), event["location"]["external_id"].clone()),
        (json!(first), json!("3"))
    );
    platform.stop().await;
}

#[tokio::test]
async fn many_at_once_with_one_external_location_share_it() {
    let platform = platform().await;
    let client = platform.client();
    let locations = futures::future::join_all((0..16).map(|_| location_of(&client, opera()))).await;
    assert!(locations.iter().all(|location| *location == locations[0]));
    platform.stop().await;
}

#[tokio::test]
async fn coming_events_follow_their_location_up_to_the_seats_on_sale() {
    let platform = platform().await;
    let client = platform.client();
    let created = client.post("/events", opera()).await.expect(201);
    let event = format!("/events/{}", created["id"].as_str().unwrap());
    let location = format!("/locations/{}", created["location_id"].as_str().unwrap());
    let halls = json!([{"name": "Cesar hall", "capacity": 10}, {"name": "New hall", "capacity": 30}]);
    client
        .patch_with(&location, &[], json!({"address": "12 west street", "halls": halls}))
        .await
        .expect(200);
    eventually("the event has followed", || async {
        let event = client.get(&event).await.expect(200);
        (event["seats_left"] == 40 && event["location"]["address"] == "12 west street").then_some(())
    })
    .await;
    client
        .post(&format!("{event}/bookings"), json!({"seats": 25}))
        .await
        .expect(201);
    platform.stop().await;
}

#[tokio::test]
async fn events_created_while_their_location_changes_end_up_at_its_last_version() {
    let platform = platform().await;
    let client = platform.client();
    let location = location_of(&client, opera()).await;
    let create = || async {
        let body = json!({"name": "x", "start": opening_night(), "duration": 90, "location_id": location});
        client.post("/events", body).await.expect(201)["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let change = |capacity: u32| {
        let halls = json!([{"name": "Cesar hall", "capacity": capacity}]);
        let (client, path) = (client.clone(), format!("/locations/{location}"));
        async move { client.patch_with(&path, &[], json!({"halls": halls})).await.expect(200) }
    };
    let (events, _) = futures::future::join(
        futures::future::join_all((0..12).map(|_| create())),
        futures::future::join_all((11..=20).map(change)),
    )
    .await;
    change(77).await;
    for id in events {
        eventually("the event has the last capacity", || async {
            (client.get(&format!("/events/{id}")).await.expect(200)["seats_left"] == 77).then_some(())
        })
        .await;
    }
    platform.stop().await;
}

#[tokio::test]
async fn a_change_is_seen_and_a_cancelled_event_takes_no_more() {
    let platform = platform().await;
    let client = platform.client();
    let id = event_with_seats(&client, 5).await;
    let path = format!("/events/{id}");
    let changed = client
        .patch_with(&path, &[], json!({"name": "Nabucco", "description": null}))
        .await;
    assert_eq!(changed.expect(200)["name"], "Nabucco");
    let token = ("Consistency-Token", changed.header("consistency-token").unwrap());
    assert_eq!(client.get_with(&path, &[token]).await.expect(200)["name"], "Nabucco");

    for _ in 0..2 {
        assert_eq!(
            client.post(&format!("{path}/cancel"), json!({})).await.expect(200)["status"],
            "cancelled"
        );
    }
    let refused = client.patch_with(&path, &[], json!({"name": "Aida"})).await.expect(409);
    assert!(refused["type"].as_str().unwrap().ends_with("/event-cancelled"));
    platform.stop().await;
}

#[tokio::test]
async fn one_store_for_both_services_is_refused_before_either_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let output = std::process::Command::new(binary("myevents"))
        .args(["serve", "--data-dir", folder.path().to_str().unwrap()])
        .env("MYEVENTS_STORE", format!("sqlite:{}", store.display()))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("would be both services'"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(!store.exists());
}

#[tokio::test]
async fn a_store_of_another_service_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_owned();
    let store = spawn_blocking(move || testkit::store_url(&place, "store"))
        .await
        .unwrap();
    let events = PlatformBuilder::new(binary("eventservice"), &[])
        .variable("MYEVENTS_EVENT__STORE", &store)
        .start()
        .await;
    let output = std::process::Command::new(binary("bookingservice"))
        .args(["--data-dir", folder.path().join("bookings").to_str().unwrap()])
        .env("MYEVENTS_STORE", &store)
        .env("MYEVENTS_LISTEN", "127.0.0.1:0")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        text.contains("store") && text.contains("belongs to the event service"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
    events.stop().await;
}
