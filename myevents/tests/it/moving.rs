//! A platform moves from one broker to another, and one that was lost is filled again: nothing is lost, nothing counts
//! twice.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use testkit::servers::{Kind, shared};
use testkit::{Client, Platform, PlatformBuilder, eventually};
use uuid::Uuid;

use crate::support::{Outcome, event_with_seats, myevents_at};

const SEATS: u32 = 100_000;
const CLIENTS: usize = 8;

async fn place(kind: Kind) -> String {
    kind.place(&shared(kind).await, &format!("moving-{}", Uuid::now_v7()))
}

async fn platform_at(broker: &str, folder: &Path) -> Platform {
    PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .folder(folder)
        .variable("MYEVENTS_BROKER", broker)
        .start()
        .await
}

async fn republish(broker: &str, folder: &Path, more: &[&str]) -> Outcome {
    myevents_at(broker, folder, &[&["republish"], more].concat()).await
}

/// Books until the platform is gone. Returns the ids of what was acknowledged.
async fn book_until_it_ends(client: Client, path: String) -> Vec<String> {
    let mut booked = Vec::new();
    loop {
        let sent = client.try_send(reqwest::Method::POST, &path, &[], Some(json!({"seats": 1})));
        match sent.await {
            Ok(reply) if reply.status == 201 => booked.push(reply.json()["id"].as_str().unwrap().to_owned()),
            Ok(reply) if reply.status == 503 => {}
            Ok(reply) => panic!("{}", reply.json()),
            Err(_) => return booked,
        }
    }
}

/// Books for a while, and ends the platform in the middle of it. Returns the ids of all bookings.
async fn ended_under_load(platform: Platform, path: &str) -> Vec<String> {
    let client = platform.client();
    let load: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(book_until_it_ends(client.clone(), path.to_owned())))
        .collect();
    let event = path.trim_end_matches("/bookings");
    eventually("some are booked", || async {
        let event = client.get(event).await.json();
        (event["seats_sold"].as_u64()? > 200).then_some(())
    })
    .await;
    platform.stop().await;
    let mut booked = Vec::new();
    for clients in load {
        booked.extend(clients.await.unwrap());
    }
    booked
}

async fn bookings(client: &Client, path: &str) -> Vec<String> {
    let (mut ids, mut page) = (Vec::new(), format!("{path}?limit=200"));
    loop {
        let listed = client.get(&page).await.expect(200);
        let items = listed["items"].as_array().unwrap();
        ids.extend(items.iter().map(|booking| booking["id"].as_str().unwrap().to_owned()));
        let Value::String(cursor) = &listed["next_cursor"] else {
            return ids;
        };
        page = format!("{path}?limit=200&cursor={cursor}");
    }
}

#[tokio::test]
async fn a_platform_under_load_moves_from_rabbitmq_to_kafka() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (place(Kind::RabbitMq).await, place(Kind::Kafka).await);
    let platform = platform_at(&from, folder.path()).await;
    let event_id = event_with_seats(&platform.client(), SEATS).await;
    let path = format!("/events/{event_id}/bookings");
    let key = [("Idempotency-Key", "before")];
    let first = platform
        .client()
        .post_with(&path, &key, json!({"seats": 1}))
        .await
        .expect(201);
    let mut booked = ended_under_load(platform, &path).await;
    booked.push(first["id"].as_str().unwrap().to_owned());

    republish(&to, folder.path(), &[]).await.succeeded();
    let platform = platform_at(&to, folder.path()).await;
    let client = platform.client();
    let again = client.post_with(&path, &key, json!({"seats": 1})).await.expect(201);
    assert_eq!(again["id"], first["id"]);
    let new = client.post(&path, json!({"seats": 1})).await.expect(201);
    booked.push(new["id"].as_str().unwrap().to_owned());
    let seen = || async {
        let event = client.get(&format!("/events/{event_id}")).await.json();
        let seen = bookings(&client, &path).await;
        let all = booked.iter().all(|id| seen.contains(id));
        (all && event["seats_sold"] == seen.len()).then_some(seen)
    };
    let seen = eventually("both services see all bookings", seen).await;
    let once: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(once.len(), seen.len());
    for command in ["verify", "rebuild", "verify"] {
        for service in ["event", "booking"] {
            myevents_at(&to, folder.path(), &[command, service]).await.succeeded();
        }
    }
    let parked = myevents_at(&to, folder.path(), &["parked", "list"]).await.succeeded();
    assert!(parked.contains("Nothing is parked"), "{parked}");
    platform.stop().await;
}

#[tokio::test]
async fn a_log_that_is_lost_is_published_again_from_the_journals() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("broker");
    let broker = format!("embedded:{}", log.display());
    let nothing = republish(&broker, folder.path(), &[]).await.failed();
    assert!(nothing.contains("there is no store"), "{nothing}");

    let platform = platform_at(&broker, folder.path()).await;
    let event_id = event_with_seats(&platform.client(), 10).await;
    let path = format!("/events/{event_id}/bookings");
    platform.client().post(&path, json!({"seats": 1})).await.expect(201);
    let runs = republish(&broker, folder.path(), &[]).await.failed();
    assert!(runs.contains("is in use by another event service"), "{runs}");
    platform.stop().await;
    let is_there = republish(&broker, folder.path(), &[]).await.failed();
    assert!(
        is_there.contains("already") && is_there.contains("--again"),
        "{is_there}"
    );

    fs::remove_dir_all(&log).unwrap();
    for more in [&[][..], &["--again"][..]] {
        let output = republish(&broker, folder.path(), more).await.succeeded();
        assert!(
            output.contains("event    2") && output.contains("booking  2"),
            "{output}"
        );
    }
    let platform = platform_at(&broker, folder.path()).await;
    platform.client().post(&path, json!({"seats": 2})).await.expect(201);
    eventually("the booking is seen", || async {
        let event = platform.client().get(&format!("/events/{event_id}")).await.json();
        (event["seats_left"] == 7).then_some(())
    })
    .await;
    for command in ["verify", "rebuild", "verify"] {
        for service in ["event", "booking"] {
            myevents_at(&broker, folder.path(), &[command, service])
                .await
                .succeeded();
        }
    }
    platform.stop().await;
}
