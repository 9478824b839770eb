//! A platform moves from one broker to another, and one that was lost is filled again: nothing is lost, nothing counts
//! twice.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use testkit::servers::{Kind, shared};
use testkit::{Client, Platform, PlatformBuilder, eventually};
use uuid::Uuid;

use crate::support::{event_with_seats, myevents_at};

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
    let file = folder.path().join("log.jsonl");
    let file = file.to_str().unwrap();
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

    myevents_at(&from, folder.path(), &["export", "--to", file])
        .await
        .succeeded();
    for _ in 0..2 {
        myevents_at(&to, folder.path(), &["import", "--from", file])
            .await
            .succeeded();
    }
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
async fn a_file_that_is_damaged_or_cut_off_is_not_imported() {
    let folder = tempfile::tempdir().unwrap();
    let broker = format!("embedded:{}", folder.path().join("broker").display());
    let platform = platform_at(&broker, folder.path()).await;
    let event_id = event_with_seats(&platform.client(), 10).await;
    let path = format!("/events/{event_id}/bookings");
    platform.client().post(&path, json!({"seats": 1})).await.expect(201);
    platform.stop().await;
    let whole = folder.path().join("log.jsonl");
    let exported = ["export", "--to", whole.to_str().unwrap()];
    myevents_at(&broker, folder.path(), &exported).await.succeeded();

    let lines = fs::read_to_string(&whole).unwrap();
    let fresh = format!("embedded:{}", folder.path().join("fresh").display());
    for (spoilt, said) in [
        (lines.replacen("opera aida", "opera aidA", 1), "line 2: stream event/"),
        (lines.replacen("{", "[", 1), "line 1: "),
        (format!("{lines}nonsense\n"), "it is no envelope"),
    ] {
        let file = folder.path().join("spoilt.jsonl");
        fs::write(&file, spoilt).unwrap();
        let import = ["import", "--from", file.to_str().unwrap()];
        let refused = myevents_at(&fresh, folder.path(), &import).await.failed();
        assert!(
            refused.contains(said) && refused.contains("nothing is published"),
            "{refused}"
        );
    }
    assert!(!folder.path().join("fresh").exists(), "it is not even opened");
    let import = ["import", "--from", whole.to_str().unwrap()];
    let output = myevents_at(&fresh, folder.path(), &import).await.succeeded();
    assert!(output.contains("PUBLISHED"), "{output}");
    let again = folder.path().join("again.jsonl");
    let export = ["export", "--to", again.to_str().unwrap()];
    myevents_at(&fresh, folder.path(), &export).await.succeeded();
    assert_eq!(fs::read_to_string(again).unwrap(), lines);
}
