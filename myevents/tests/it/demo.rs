//! `myevents demo`: something to look at, and the same however often it runs on a day.

use std::process::Stdio;

use serde_json::Value;
use testkit::{Client, eventually};

use crate::support::{myevents, platform};

const BOOKINGS: &str = "myevents_seats_per_booking_count";
/// Bookings that it fills a platform with.
const FILLED: f64 = 315.0;

async fn items(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).await.expect(200)["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn run_twice_it_leaves_the_same_locations_events_and_bookings() {
    let platform = platform().await;
    let client = platform.client();
    let url = platform.url("event API").to_owned();
    let first = myevents(&["demo", "--url", &url]).await;
    assert!(first.status.success(), "{}", first.error);
    let second = myevents(&["demo", "--url", &url]).await;
    assert!(second.status.success(), "{}", second.error);
    assert_eq!(first.output, second.output);

    let is_cancelled = |event: &&Value| event["status"] == "cancelled";
    eventually("the lists show all of it, and what the bookings left", || async {
        let events = items(&client, "/events?status=all&limit=200").await;
        let locations = items(&client, "/locations?limit=200").await;
        let baroque = events.iter().find(|event| event["name"] == "Baroque by Candlelight")?;
        let cancelled = events.iter().filter(is_cancelled).count();
        let seen = (events.len(), locations.len(), cancelled, &baroque["seats_left"]);
        (seen == (10, 4, 1, &Value::from(3))).then_some(())
    })
    .await;
    platform.stop().await;
}

#[tokio::test]
async fn it_says_what_to_start_first() {
    let outcome = myevents(&["demo", "--url", "http://127.0.0.1:9"]).await;
    assert!(!outcome.status.success());
    assert_eq!(outcome.error.lines().count(), 1, "{}", outcome.error);
    assert!(outcome.error.contains("myevents serve"), "{}", outcome.error);
}

#[tokio::test]
async fn visitors_book_until_they_are_told_to_stop() {
    let platform = platform().await;
    let url = platform.url("event API").to_owned();
    let mut demo = tokio::process::Command::new(env!("CARGO_BIN_EXE_myevents"))
        .args(["demo", "--visitors", "--url", &url])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let more = || async { (platform.metric("booking", BOOKINGS).await > FILLED + 2.0).then_some(()) };
    eventually("visitors book", more).await;
    let pid = demo.id().unwrap().to_string();
    std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .unwrap();
    assert!(demo.wait().await.unwrap().success());
    platform.stop().await;
}
