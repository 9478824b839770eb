//! `myevents load`: it browses, books, reports, and proves that nothing was oversold or lost.

use std::fs;

use serde_json::{Value, json};

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
    let output = load(platform.url("event API"), &["--capacity", "60"]).await;
    assert!((15..=60).contains(&reported(&output, "booked")), "{output}");
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

/// How many answers a report's timeline has of each kind.
fn in_timeline(report: &Value, kind: &str) -> u64 {
    let slots = report["timeline"].as_array().unwrap();
    slots.iter().map(|slot| slot[kind].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn a_mix_is_told_as_json_and_as_a_page() {
    let platform = platform().await;
    let folder = tempfile::tempdir().unwrap();
    let [json, html] = ["load.json", "load.html"].map(|name| folder.path().join(name));
    let files = ["--json", json.to_str().unwrap(), "--html", html.to_str().unwrap()];
    let mix = ["--browse", "50", "--cancel", "30"];
    let output = load(platform.url("event API"), &[mix, files].concat()).await;

    let report: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(report["verdict"], PROOF);
    assert_eq!(report["booked"], reported(&output, "booked"));
    for (operation, kind) in [("browse", "browsed"), ("book", "booked"), ("cancel", "cancelled")] {
        let operations = report["operations"].as_array().unwrap().iter();
        let [told] = operations
            .filter(|told| told["operation"] == operation)
            .collect::<Vec<_>>()[..]
        else {
            panic!("{report}");
        };
        assert!(told["answers"].as_u64().unwrap() > 0, "{report}");
        assert_eq!(told["answers"], in_timeline(&report, kind), "{operation}: {report}");
        assert!(told["service"]["p50"].as_f64().unwrap() > 0.0, "{operation}: {report}");
    }
    // Of a closed model the response is what all would have waited, and nothing of a kind by itself.
    assert!(report["response"]["p99"].as_f64().unwrap() > 0.0, "{report}");
    assert!(report["operations"][0]["response"].is_null(), "{report}");

    let page = fs::read_to_string(html).unwrap();
    assert_eq!(page.matches("<svg").count(), 3);
    assert!(page.contains(PROOF), "{page}");
    // It asks nobody for anything.
    assert!(
        !page.contains("<script") && !page.contains("src=") && !page.contains("@import"),
        "{page}"
    );
    platform.stop().await;
}

#[tokio::test]
async fn a_report_that_cannot_be_written_is_told_of_before_anything_is_booked() {
    let platform = platform().await;
    let file = platform.folder().join("no folder/load.html");
    let outcome = myevents(&[
        "load",
        "--url",
        platform.url("event API"),
        "--html",
        file.to_str().unwrap(),
    ])
    .await;
    assert!(outcome.failed().contains("no folder/load.html"));
    let events = platform.client().get("/events").await.expect(200);
    assert_eq!(events["items"], json!([]));
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
