//! The same Idempotency-Key with the same request means once: at once, and for 48 hours.

use std::sync::Arc;

use chassis::clock::Clock;
use chassis::config::{Flags, Settings};
use chassis::service::Service;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Client, ManualClock};

use crate::support::{event_with_seats, opera, platform};

/// Both services in this process, so that their clock can be moved.
struct Clocked {
    clock: Arc<ManualClock>,
    client: Client,
    services: Vec<Service>,
    _folder: TempDir,
}

impl Clocked {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::now()));
        let shared: Arc<dyn Clock> = clock.clone();
        let (mut events, mut api) =
            eventservice::start(settings(&eventservice::DEFAULTS, &folder), Arc::clone(&shared))
                .await
                .unwrap();
        let (bookings, booking_api) = bookingservice::start(settings(&bookingservice::DEFAULTS, &folder), shared)
            .await
            .unwrap();
        api.routes.extend(booking_api.routes);
        let endpoints = events.serve(api).unwrap();
        Self {
            clock,
            client: Client::new(format!("http://{}", endpoints.http)),
            services: vec![events, bookings],
            _folder: folder,
        }
    }

    async fn stop(self) {
        for service in self.services {
            service.stop().await;
        }
    }
}

fn settings(defaults: &chassis::config::Defaults, folder: &TempDir) -> Settings {
    let flags = Flags {
        check_health: false,
        conf: None,
        data_dir: Some(folder.path().to_owned()),
    };
    let mut settings = Settings::load(defaults, &flags).unwrap();
    settings.listen = "127.0.0.1:0".parse().unwrap();
    settings.listen_tls = None;
    settings.listen_metrics = None;
    settings
}

/// Every POST that makes something, with a body and another one.
async fn posts(client: &Client) -> Vec<(String, Value, Value)> {
    let event_id = event_with_seats(client, 100).await;
    let mut other_event = opera();
    other_event["name"] = json!("another opera");
    vec![
        ("/events".to_owned(), opera(), other_event),
        (
            "/locations".to_owned(),
            json!({"name": "Hall"}),
            json!({"name": "Another hall"}),
        ),
        (
            "/users".to_owned(),
            json!({"first": "Ada", "last": "L"}),
            json!({"first": "Bob", "last": "L"}),
        ),
        (
            format!("/events/{event_id}/bookings"),
            json!({"seats": 2}),
            json!({"seats": 3}),
        ),
    ]
}

#[tokio::test]
async fn a_key_at_once_from_many_makes_one_thing_and_one_reply() {
    let platform = platform().await;
    let client = platform.client();
    for (path, body, _) in posts(&client).await {
        let key = [("Idempotency-Key", "once")];
        let replies = join_all((0..16).map(|_| client.post_with(&path, &key, body.clone()))).await;
        let first = replies[0].expect(201);
        for reply in &replies {
            assert_eq!(reply.expect(201), first, "{path}");
            assert_eq!(
                reply.header("consistency-token"),
                replies[0].header("consistency-token"),
                "{path}"
            );
            assert_eq!(reply.header("location"), replies[0].header("location"), "{path}");
        }
    }
    platform.stop().await;
}

#[tokio::test]
async fn a_key_with_another_body_is_refused_and_changes_nothing() {
    let platform = platform().await;
    let client = platform.client();
    for (path, body, other) in posts(&client).await {
        let key = [("Idempotency-Key", "key")];
        let first = client.post_with(&path, &key, body.clone()).await.expect(201);
        let refused = client.post_with(&path, &key, other).await.expect(422);
        assert!(
            refused["type"].as_str().unwrap().ends_with("/idempotency-key-reused"),
            "{refused}"
        );
        assert_eq!(client.post_with(&path, &key, body).await.expect(201), first, "{path}");
    }
    platform.stop().await;
}

#[tokio::test]
async fn a_key_holds_for_47_hours_and_is_new_after_49() {
    let platform = Clocked::start().await;
    let client = &platform.client;
    for (path, body, _) in posts(client).await {
        let key = [("Idempotency-Key", "long")];
        let first = client.post_with(&path, &key, body.clone()).await.expect(201);
        platform.clock.advance(SignedDuration::from_hours(47));
        assert_eq!(
            client.post_with(&path, &key, body.clone()).await.expect(201),
            first,
            "{path} after 47 hours"
        );
        platform.clock.advance(SignedDuration::from_hours(2));
        let second = client.post_with(&path, &key, body.clone()).await.expect(201);
        assert_ne!(second["id"], first["id"], "{path} after 49 hours");
        let again = client.post_with(&path, &key, body).await.expect(201);
        assert_eq!(again["id"], second["id"], "{path}: the key counts anew");
    }
    platform.stop().await;
}

#[tokio::test]
async fn a_key_is_one_paths_own() {
    let platform = platform().await;
    let client = platform.client();
    let key = [("Idempotency-Key", "same")];
    let location = client
        .post_with("/locations", &key, json!({"name": "Hall"}))
        .await
        .expect(201);
    let user = client
        .post_with("/users", &key, json!({"first": "Ada", "last": "L"}))
        .await
        .expect(201);
    assert_ne!(location["id"], user["id"]);
    platform.stop().await;
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let platform = platform().await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 1).await;
    let path = format!("/events/{event_id}/bookings");
    let key = [("Idempotency-Key", "later")];
    client.post_with(&path, &key, json!({"seats": 2})).await.expect(409);
    client
        .patch_with(&format!("/events/{event_id}"), &[], json!({"capacity": 2}))
        .await
        .expect(200);
    testkit::eventually("the raised capacity counts", || async {
        (client.post_with(&path, &key, json!({"seats": 2})).await.status == 201).then_some(())
    })
    .await;
    platform.stop().await;
}
