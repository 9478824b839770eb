//! `myevents load`: it books, reports, and proves that nothing was oversold or lost.

use crate::support::myevents;
use crate::support::{event_with_seats, platform};

const PROOF: &str = "nothing oversold, nothing lost";

/// The number in a row of the report.
fn reported(output: &str, row: &str) -> u64 {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix(row))
        .unwrap_or_else(|| panic!("no {row}: {output}"));
    line.trim()
        .replace(',', "")
        .parse()
        .unwrap_or_else(|error| panic!("{row}: {error}: {output}"))
}

async fn load(url: &str, more: &[&str]) -> String {
    let arguments = [&["load", "--url", url, "--seconds", "2", "--connections", "8"], more].concat();
    let outcome = myevents(&arguments).await;
    assert!(outcome.status.success(), "{}{}", outcome.output, outcome.error);
    assert!(outcome.output.contains(PROOF), "{}", outcome.output);
    assert_eq!(reported(&outcome.output, "connection errors"), 0, "{}", outcome.output);
    outcome.output
}

#[tokio::test]
async fn an_event_is_sold_out_and_then_refused() {
    let platform = platform().await;
    let output = load(platform.url("event API"), &["--capacity", "200"]).await;
    assert!((50..=200).contains(&reported(&output, "booked")), "{output}");
    assert!(reported(&output, "refused 409") > 0, "{output}");
    platform.stop().await;
}

#[tokio::test]
async fn bookings_spread_over_events_and_some_are_cancelled() {
    let platform = platform().await;
    let output = load(
        platform.url("event API"),
        &["--events", "5", "--cancel", "20", "--seed", "7"],
    )
    .await;
    assert!(reported(&output, "booked") > 0, "{output}");
    assert!(reported(&output, "cancelled again") > 0, "{output}");
    platform.stop().await;
}

#[tokio::test]
async fn an_open_loop_sends_by_the_timetable() {
    let platform = platform().await;
    let output = load(platform.url("event API"), &["--rate", "50", "--seats", "2"]).await;
    let (sent, missed) = (reported(&output, "requests"), reported(&output, "due but not sent"));
    assert_eq!(sent + missed, 100, "{output}");
    platform.stop().await;
}

#[tokio::test]
async fn an_event_that_was_booked_before_can_be_loaded() {
    let platform = platform().await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 100).await;
    let path = format!("/events/{event_id}/bookings");
    client.post(&path, serde_json::json!({"seats": 90})).await.expect(201);
    testkit::eventually("the booking is shown", || async {
        (client.get(&path).await.expect(200)["items"].as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    let output = load(platform.url("event API"), &["--event", &event_id]).await;
    assert!((1..=10).contains(&reported(&output, "booked")), "{output}");
    platform.stop().await;
}

#[tokio::test]
async fn another_machine_is_left_alone_unless_it_is_meant() {
    let outcome = myevents(&["load", "--url", "http://192.0.2.1:8181"]).await;
    assert!(!outcome.status.success());
    assert!(outcome.error.contains("--allow-remote"), "{}", outcome.error);
}
