//! A long stream is not read from its start after a restart, and what is sold does not hang on that.

use std::path::Path;

use futures::{StreamExt, stream};
use persistence::{DocumentStore, Expect, Write};
use serde_json::{Value, json};
use testkit::{Client, Histories, Platform, PlatformBuilder};

use crate::journal::walk_inventory;
use crate::support::event_with_seats;

const LOADED: &str = "myevents_snapshots_total{outcome=\"loaded\"}";
const IGNORED: &str = "myevents_snapshots_total{outcome=\"ignored\"}";
const WRITTEN: &str = "myevents_snapshots_total{outcome=\"written\"}";

/// Enough for a snapshot.
const MANY: u32 = 1_100;
const AT_ONCE: usize = 64;

async fn start(folder: &Path) -> Platform {
    let builder = PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"]);
    builder.folder(folder).start().await
}

async fn book_many(client: &Client, event_id: &str, count: u32) {
    let path = format!("/events/{event_id}/bookings");
    let requests = (0..count).map(|_| client.post(&path, json!({"seats": 1})));
    let statuses = stream::iter(requests)
        .buffer_unordered(AT_ONCE)
        .map(|reply| reply.status);
    assert!(statuses.all(async |status| status == 201).await);
}

async fn book_keyed(client: &Client, event_id: &str) -> Value {
    let path = format!("/events/{event_id}/bookings");
    let key = [("Idempotency-Key", "from before")];
    client.post_with(&path, &key, json!({"seats": 2})).await.expect(201)
}

async fn refused(client: &Client, event_id: &str) {
    let path = format!("/events/{event_id}/bookings");
    let refusal = client.post(&path, json!({"seats": 1})).await.expect(409);
    assert_eq!(refusal["seats_left"], 0, "{refusal}");
}

#[tokio::test]
async fn after_a_restart_bookings_go_on_and_keys_still_count() {
    let folder = tempfile::tempdir().unwrap();
    let platform = start(folder.path()).await;
    let client = platform.client();
    let event_id = event_with_seats(&client, MANY + 10).await;
    let first = book_keyed(&client, &event_id).await;
    book_many(&client, &event_id, MANY).await;
    platform.stop().await;

    let platform = start(folder.path()).await;
    let client = platform.client();
    assert_eq!(book_keyed(&client, &event_id).await, first);
    book_many(&client, &event_id, 8).await;
    refused(&client, &event_id).await;
    assert_eq!(platform.metric("booking", LOADED).await, 1.0);
    assert_eq!(platform.metric("booking", IGNORED).await, 0.0);
    platform.stop().await;
    let inventory = walk_inventory(&folder.path().join("booking"), &event_id).await;
    assert_eq!(
        (inventory.sold, inventory.bookings.len()),
        (MANY + 10, MANY as usize + 9)
    );
}

/// The snapshots of a service that does not run.
struct Stopped {
    documents: std::sync::Arc<dyn DocumentStore>,
    stream: String,
}

impl Stopped {
    async fn open(folder: &Path, event_id: &str) -> Self {
        let store = format!("sqlite:{}", folder.join("booking").display());
        Self {
            documents: persistence::open(&store).await.unwrap().documents,
            stream: format!("inventory/{event_id}"),
        }
    }

    async fn change(&self, id: &str, change: impl FnOnce(&mut Value)) {
        let found = self.documents.get("snapshots", &[id]).await.unwrap();
        let mut body = found.into_iter().next().unwrap().unwrap().body;
        change(&mut body);
        let write = Write {
            collection: "snapshots".to_owned(),
            id: id.to_owned(),
            expect: Expect::Anything,
            body: Some(body.into()),
        };
        self.documents.put(vec![write]).await.unwrap();
    }

    async fn manifest(&self) -> Value {
        let found = self.documents.get("snapshots", &[&self.stream]).await.unwrap();
        found.into_iter().next().unwrap().unwrap().body
    }

    async fn first_chunk(&self) -> String {
        let manifest = self.manifest().await;
        format!("{}/0", manifest["current"]["chunks"]["snapshot"].as_str().unwrap())
    }
}

#[tokio::test]
async fn a_snapshot_that_was_tampered_with_sells_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let platform = start(folder.path()).await;
    let event_id = event_with_seats(&platform.client(), MANY).await;
    book_many(&platform.client(), &event_id, MANY).await;
    platform.stop().await;

    let stopped = Stopped::open(folder.path(), &event_id).await;
    let chunk = stopped.first_chunk().await;
    stopped
        .change(&chunk, |chunk| {
            let text = chunk["base64"].as_str().unwrap();
            let half = text.len() / 2;
            let letter = if text.as_bytes()[half] == b'A' { "B" } else { "A" };
            chunk["base64"] = json!(format!("{}{letter}{}", &text[..half], &text[half + 1..]));
        })
        .await;
    ignored_once_then_used(folder.path(), &event_id).await;

    // As it would be if the journal had been put back from a backup.
    let stream = stopped.stream.clone();
    stopped
        .change(&stream, |manifest| {
            manifest["current"]["hash"] = json!("5".repeat(64));
        })
        .await;
    ignored_once_then_used(folder.path(), &event_id).await;
    walk_inventory(&folder.path().join("booking"), &event_id).await;
}

/// One run passes it over and writes it anew, the next one uses that. Neither sells anything.
async fn ignored_once_then_used(folder: &Path, event_id: &str) {
    let platform = start(folder).await;
    refused(&platform.client(), event_id).await;
    assert_eq!(platform.metric("booking", IGNORED).await, 1.0);
    assert_eq!(platform.metric("booking", LOADED).await, 0.0);
    platform.stop().await;
    let platform = start(folder).await;
    refused(&platform.client(), event_id).await;
    assert_eq!(platform.metric("booking", IGNORED).await, 0.0);
    assert_eq!(platform.metric("booking", LOADED).await, 1.0);
    platform.stop().await;
}

#[tokio::test]
async fn a_history_without_a_snapshot_gets_one_and_is_sold_on() {
    let folder = tempfile::tempdir().unwrap();
    let histories = Histories::new(1, u64::from(MANY)).keyed().published();
    let written = histories.write(folder.path()).await;
    assert_eq!(written.envelopes, u64::from(MANY) + 3);
    let event_id = &written.event_ids[0];
    let platform = start(folder.path()).await;
    let client = platform.client();
    book_many(&client, event_id, 1).await;
    testkit::eventually("the views have built themselves from the log", || async {
        let event = client.get(&format!("/events/{event_id}")).await;
        (event.status == 200 && event.json()["seats_sold"] == json!(MANY + 1)).then_some(())
    })
    .await;
    testkit::eventually("the snapshot is written", || async {
        (platform.metric("booking", WRITTEN).await == 1.0).then_some(())
    })
    .await;
    platform.kill().await;

    let platform = start(folder.path()).await;
    let client = platform.client();
    book_many(&client, event_id, MANY).await;
    assert_eq!(platform.metric("booking", LOADED).await, 1.0);
    platform.stop().await;
    let inventory = walk_inventory(&folder.path().join("booking"), event_id).await;
    assert_eq!(inventory.sold, 2 * MANY + 1);
    let manifest = Stopped::open(folder.path(), event_id).await.manifest().await;
    let last = u64::from(2 * MANY + 2);
    let kept = manifest["current"]["version"].as_u64().unwrap();
    assert!(
        kept <= last && last - kept < 1_000,
        "the end keeps all but what is soon read: {kept} of {last}"
    );
}
