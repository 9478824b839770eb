//! A long stream is not read from its start after a restart, and what is sold does not hang on that.

use std::path::Path;

use futures::{StreamExt, stream};
use persistence::{Expect, Stores, Write};
use serde_json::{Value, json};
use testkit::{Client, Histories, Platform, PlatformBuilder};

use crate::journal::walk_inventory;
use crate::support::{event_with_seats, stores};

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
    let inventory = walk_inventory(folder.path(), &event_id).await;
    assert_eq!(
        (inventory.sold, inventory.bookings.len()),
        (MANY + 10, MANY as usize + 9)
    );
}

/// The snapshots of a service that does not run.
struct Stopped {
    stores: Stores,
    stream: String,
}

impl Stopped {
    async fn open(folder: &Path, event_id: &str) -> Self {
        Self {
            stores: stores(folder, "booking").await,
            stream: format!("inventory/{event_id}"),
        }
    }

    async fn change_manifest(&self, change: impl FnOnce(&mut Value)) {
        let mut body = self.manifest().await;
        change(&mut body);
        let write = Write {
            collection: "snapshots".to_owned(),
            id: self.stream.clone(),
            expect: Expect::Anything,
            body: Some(body.into()),
        };
        self.stores.documents.put(vec![write]).await.unwrap();
    }

    async fn flip_a_bit(&self) {
        let id = self.first_chunk().await;
        let chunk = self.stores.blobs.get(&[&id]).await.unwrap().remove(0);
        let mut bytes = Vec::from(chunk.unwrap());
        let half = bytes.len() / 2;
        bytes[half] ^= 1;
        self.stores.blobs.put(&id, bytes.into()).await.unwrap();
    }

    async fn manifest(&self) -> Value {
        let found = self.stores.documents.get("snapshots", &[&self.stream]).await.unwrap();
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
    stopped.flip_a_bit().await;
    ignored_once_then_used(folder.path(), &event_id).await;

    // As it would be if the journal had been put back from a backup.
    stopped
        .change_manifest(|manifest| {
            manifest["current"]["hash"] = json!("5".repeat(64));
        })
        .await;
    ignored_once_then_used(folder.path(), &event_id).await;
    walk_inventory(folder.path(), &event_id).await;
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
    let inventory = walk_inventory(folder.path(), event_id).await;
    assert_eq!(inventory.sold, 2 * MANY + 1);
    let manifest = Stopped::open(folder.path(), event_id).await.manifest().await;
    let last = u64::from(2 * MANY + 2);
    let kept = manifest["current"]["version"].as_u64().unwrap();
    assert!(
        kept <= last && last - kept < 1_000,
        "the end keeps all but what is soon read: {kept} of {last}"
    );
}
