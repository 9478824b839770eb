//! `myevents parked`: what cannot be applied is shown, and what the journals hold of it is applied after all.

use std::path::Path;
use std::sync::Arc;

use contracts::{CommitBounds, Envelope, EventName, StreamId, StreamKind, Unsealed};
use persistence::Commit;
use serde_json::json;
use tempfile::TempDir;
use testkit::{Platform, PlatformBuilder, eventually};
use uuid::Uuid;

use crate::support::{Outcome, broker, event_with_seats, myevents, opening_night, operate, stores};

async fn start(folder: &TempDir) -> Platform {
    PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .folder(folder.path())
        .start()
        .await
}

async fn parked(action: &str, folder: &TempDir) -> Outcome {
    myevents(&["parked", action, "--data-dir", folder.path().to_str().unwrap()]).await
}

/// A platform that has ended, with one event.
async fn ended_platform(folder: &TempDir) -> String {
    let platform = start(folder).await;
    let event_id = event_with_seats(&platform.client(), 10).await;
    platform.stop().await;
    event_id
}

/// Appends two changes of an event to the journal, of which the broker is never told the first.
async fn append_behind_the_brokers_back(folder: &Path, event_id: &str) {
    let stores = stores(folder, "event").await;
    let stream = StreamId::new(StreamKind::Event, event_id).unwrap();
    let commits = stores.journal.read(&stream, 0, 9).await.unwrap();
    let mut last = commits.last().unwrap().envelopes.last().unwrap().clone();
    for (name, is_published) in [("lost on the way", true), ("behind the gap", false)] {
        let next = Arc::new(renamed(&last, name));
        let commit = Commit {
            id: Uuid::now_v7(),
            envelopes: vec![next.clone()],
        };
        let key = commit.key().unwrap();
        stores.journal.append(last.hash, &commit).await.unwrap();
        if is_published {
            stores.journal.mark_published(&[key]).await.unwrap();
        }
        last = next;
    }
}

fn renamed(last: &Envelope, name: &str) -> Envelope {
    let mut next = Unsealed::clone(last);
    next.id = Uuid::now_v7();
    next.name = EventName::parse("event.changed");
    next.version += 1;
    next.commit = CommitBounds {
        first: next.version,
        last: next.version,
    };
    next.idempotency = None;
    let mut payload = next.payload.to_value().unwrap();
    payload["name"] = json!(name);
    next.payload = payload.into();
    next.seal(&last.hash, None)
}

/// A message of a stream that no journal knows, with its beginning missing.
pub(crate) async fn emit_a_stray(folder: &Path, event_id: &str) {
    let stores = stores(folder, "event").await;
    let stream = StreamId::new(StreamKind::Event, event_id).unwrap();
    let commits = stores.journal.read(&stream, 0, 1).await.unwrap();
    let mut stray = Envelope::clone(&commits[0].envelopes[0]);
    stray.stream = StreamId::parse("event/stray").unwrap();
    stray.version = 3;
    broker(folder).await.emitter.emit(&[stray.into()]).await.unwrap();
}

/// What a newer build wrote into a stream: this one cannot decide on it any more.
async fn append_from_the_future(folder: &Path, service: &str, stream: StreamId, name: &str) {
    let stores = stores(folder, service).await;
    let commits = stores.journal.read(&stream, 0, 9).await.unwrap();
    let last = commits.last().unwrap().envelopes.last().unwrap();
    let mut next = Unsealed::clone(last);
    next.id = Uuid::now_v7();
    next.name = EventName::parse(name);
    next.schema_version = 99;
    next.version += 1;
    next.commit = CommitBounds {
        first: next.version,
        last: next.version,
    };
    let commit = Commit {
        id: Uuid::now_v7(),
        envelopes: vec![next.seal(&last.hash, None).into()],
    };
    stores.journal.append(last.hash, &commit).await.unwrap();
}

/// Waits until a service's policies have parked their reaction to a stream.
async fn parked_reaction(folder: &TempDir, reason: &str, group: &str, stream: &str) {
    let line = eventually("the reaction is parked", || async {
        let shown = parked("list", folder).await.output;
        let of_policies = |line: &&str| line.contains(group) && line.contains(&format!(" {stream} "));
        shown.lines().find(of_policies).map(str::to_owned)
    })
    .await;
    assert!(line.contains(reason) && line.contains("cannot be read"), "{line}");
}

/// Waits until views and policies of both services have parked something of a stream.
async fn wait_until_shown(folder: &TempDir, stream: &str) {
    eventually("every group has parked it", || async {
        let shown = parked("list", folder).await;
        assert!(shown.status.success(), "{}", shown.error);
        let of = |group| {
            shown
                .output
                .lines()
                .any(|line| line.contains(group) && line.contains(stream))
        };
        let groups = ["event.views.", "event.policies", "booking.views.", "booking.policies"];
        groups.into_iter().all(of).then_some(())
    })
    .await;
}

#[tokio::test]
async fn nothing_is_parked_on_a_fresh_platform() {
    let folder = tempfile::tempdir().unwrap();
    let platform = start(&folder).await;
    for action in ["list", "retry"] {
        let outcome = parked(action, &folder).await;
        assert!(outcome.status.success(), "{}", outcome.error);
        assert_eq!(outcome.output.trim(), "Nothing is parked.");
    }
    platform.stop().await;
}

#[tokio::test]
async fn a_folder_without_stores_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = parked("list", &folder).await;
    assert!(!outcome.status.success());
    assert!(outcome.error.contains("there is no store"), "{}", outcome.error);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_the_broker_lost_is_applied_from_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let event_id = ended_platform(&folder).await;
    append_behind_the_brokers_back(folder.path(), &event_id).await;
    let platform = start(&folder).await;
    let client = platform.client();
    wait_until_shown(&folder, &event_id).await;
    let event = format!("/events/{event_id}");
    assert_eq!(client.get(&event).await.expect(200)["name"], "opera aida");

    let outcome = parked("retry", &folder).await;
    assert!(outcome.status.success(), "{}{}", outcome.output, outcome.error);
    assert!(
        outcome.output.contains("Nothing is parked any more."),
        "{}",
        outcome.output
    );
    assert_eq!(client.get(&event).await.expect(200)["name"], "behind the gap");
    platform.stop().await;
}

#[tokio::test]
async fn without_a_service_it_is_applied_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let event_id = ended_platform(&folder).await;
    append_behind_the_brokers_back(folder.path(), &event_id).await;
    let platform = start(&folder).await;
    wait_until_shown(&folder, &event_id).await;
    platform.stop().await;

    let outcome = parked("retry", &folder).await;
    assert!(!outcome.status.success());
    assert!(
        outcome.output.contains("is applied when it starts"),
        "{}{}",
        outcome.output,
        outcome.error
    );
    let platform = start(&folder).await;
    eventually("nothing is parked any more", || async {
        (parked("list", &folder).await.output.trim() == "Nothing is parked.").then_some(())
    })
    .await;
    platform.stop().await;
}

#[tokio::test]
async fn what_a_policy_cannot_carry_out_is_parked_and_keeps_nobody_else_from_following() {
    let folder = tempfile::tempdir().unwrap();
    let event_id = ended_platform(&folder).await;
    let inventory = StreamId::new(StreamKind::Inventory, &event_id).unwrap();
    append_from_the_future(folder.path(), "booking", inventory, "inventory.changed").await;
    let platform = start(&folder).await;
    let client = platform.client();
    let change = json!({"capacity": 20});
    client
        .patch_with(&format!("/events/{event_id}"), &[], change)
        .await
        .expect(200);
    parked_reaction(&folder, "refused", "booking.policies", &format!("event/{event_id}")).await;
    let other = event_with_seats(&client, 3).await;
    client
        .post(&format!("/events/{other}/bookings"), json!({"seats": 3}))
        .await
        .expect(201);
    platform.stop().await;
}

#[tokio::test]
async fn an_event_that_cannot_follow_its_location_keeps_no_other_event_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let platform = start(&folder).await;
    let client = platform.client();
    let halls = |capacity: u32| json!({"halls": [{"name": "Large", "capacity": capacity}]});
    let mut location = halls(10);
    location["name"] = json!("Opera House");
    let location = client.post("/locations", location).await.expect(201)["id"].clone();
    let mut event = json!({"name": "aida", "start_time": opening_night(), "duration": 60});
    event["location_id"] = location.clone();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let created = client.post("/events", event.clone()).await.expect(201);
        ids.push(created["id"].as_str().unwrap().to_owned());
    }
    platform.stop().await;
    let broken = StreamId::new(StreamKind::Event, &ids[0]).unwrap();
    append_from_the_future(folder.path(), "event", broken, "event.changed").await;

    let platform = start(&folder).await;
    let client = platform.client();
    let location = location.as_str().unwrap();
    let changed = client
        .patch_with(&format!("/locations/{location}"), &[], halls(50))
        .await;
    changed.expect(200);
    let follows = async |capacity: u32| {
        eventually("the other event follows", || async {
            let event = client.get(&format!("/events/{}", ids[1])).await;
            (event.status == 200 && event.json()["capacity"] == capacity).then_some(())
        })
        .await;
    };
    follows(50).await;
    parked_reaction(&folder, "owed", "event.policies", &format!("location/{location}")).await;
    // Neither is the other kept from what changes next.
    let changed = client
        .patch_with(&format!("/locations/{location}"), &[], halls(70))
        .await;
    changed.expect(200);
    follows(70).await;
    platform.stop().await;
}

#[tokio::test]
async fn what_no_journal_has_stays_parked_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let event_id = ended_platform(&folder).await;
    emit_a_stray(folder.path(), &event_id).await;
    let platform = start(&folder).await;
    wait_until_shown(&folder, "event/stray").await;
    let outcome = parked("retry", &folder).await;
    assert!(!outcome.status.success());
    assert!(
        outcome.output.contains("no journal has this stream"),
        "{}",
        outcome.output
    );
    assert!(outcome.error.contains("still parked"), "{}", outcome.error);
    platform.stop().await;
}

#[tokio::test]
async fn what_replaced_views_have_left_is_no_longer_spoken_of() {
    let folder = tempfile::tempdir().unwrap();
    let event_id = ended_platform(&folder).await;
    emit_a_stray(folder.path(), &event_id).await;
    let platform = start(&folder).await;
    let groups = || async {
        let shown = parked("list", &folder).await.output;
        let of_booking = shown.lines().filter(|line| line.starts_with("booking "));
        let groups = of_booking.map(|line| line.split_whitespace().nth(1).unwrap().to_owned());
        groups.filter(|group| group.contains("views")).collect::<Vec<_>>()
    };
    eventually("the views have parked it", || async {
        (groups().await == ["booking.views.1"]).then_some(())
    })
    .await;
    let rebuilt = operate("rebuild", "booking", folder.path(), &[]).await;
    // What it parks is told once, by itself: commands log nothing, so that standard error holds their error alone.
    assert_eq!(rebuilt.error, "");
    let output = rebuilt.succeeded();
    assert!(output.contains("1 message could not be taken in"), "{output}");
    assert!(!output.contains("an envelope is parked"), "{output}");
    assert_eq!(groups().await, ["booking.views.2"]);
    let retried = parked("retry", &folder).await;
    assert!(!retried.output.contains("booking.views.1"), "{}", retried.output);
    platform.stop().await;
}
