//! The wall clock is set a day ahead and back while clients are at it: nothing is sold twice, nobody waits for time that
//! does not come, and what the clock does decide follows it.

use std::path::PathBuf;
use std::time::Duration;

use chassis::faults;
use contracts::{StreamId, StreamKind};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testkit::history::{Findings, History, Kind, Parts, check};
use testkit::{Client, Platform, eventually};

use crate::support::{event_with_seats, opera};
use crate::trial::Trial;

const DAY: i64 = 24 * 3_600;
/// How often a process may have taken the lease over before the clock is set.
const TRIES: u32 = 5;
/// What a platform is given to come to rest where it cannot: a lease is taken over in three seconds.
const NOT_FOR_EVER: Duration = Duration::from_secs(10);

/// A trial whose platform's wall clock can be set.
struct Clocked {
    trial: Trial,
    offset: PathBuf,
}

impl Clocked {
    fn new(trial: Trial) -> Self {
        let offset = trial.folder().join("clock");
        Self { trial, offset }
    }

    async fn start(&self) -> Platform {
        let offset = self.offset.to_str().unwrap();
        self.trial
            .enter(self.trial.builder().variable(faults::CLOCK_OFFSET, offset))
            .await
    }

    /// Sets the clock so many seconds ahead of the machine's.
    fn set(&self, seconds: i64) {
        std::fs::write(&self.offset, seconds.to_string()).unwrap();
    }
}

#[tokio::test]
async fn a_day_ahead_and_back_under_load_changes_nothing() {
    let clocked = Clocked::new(Trial::new());
    let platform = clocked.start().await;
    let load = clocked.trial.load(11);
    // No two of them are 48 hours apart: by then a key may be used for something else.
    for seconds in [0, DAY, 0, DAY, 0] {
        clocked.set(seconds);
        load.goes_on(100).await;
    }
    let history = load.finish().await;
    clocked.trial.judge_history(&history, &platform).await.assert_none();
    assert!(went_back(&clocked, &history).await, "no stream saw the clock go back");
    platform.stop().await;
}

/// Whether some inventory has an envelope that is most of a day older than the one before it.
async fn went_back(clocked: &Clocked, history: &History) -> bool {
    let store = Parts::of_folder(clocked.trial.folder()).booking_store;
    let journal = persistence::open(&store).await.unwrap().journal;
    for event in history.events() {
        let stream = StreamId::new(StreamKind::Inventory, event).unwrap();
        let commits = journal.read(&stream, 0, usize::MAX).await.unwrap();
        let times: Vec<Timestamp> = commits
            .iter()
            .flat_map(|commit| &commit.envelopes)
            .map(|e| e.time)
            .collect();
        let most_of_a_day = SignedDuration::from_hours(20);
        if times
            .windows(2)
            .any(|pair| pair[0].duration_since(pair[1]) > most_of_a_day)
        {
            return true;
        }
    }
    false
}

/// Kills the relay that holds the lease, and sets the clock back while the next process waits to take it over, for which
/// it has three seconds.
async fn take_over_while_the_clock_goes_back(trial: Trial) -> Findings {
    let clocked = Clocked::new(trial);
    clocked.set(DAY);
    let platform = clocked.start().await;
    let load = clocked.trial.load(12);
    load.goes_on(100).await;
    clocked.trial.kill(platform).await;
    let platform = clocked.start().await;
    clocked.set(0);
    load.goes_on(10).await;
    let history = load.finish().await;
    let parts = Parts {
        patience: NOT_FOR_EVER,
        ..Parts::of_folder(clocked.trial.folder())
    };
    check(&history, &platform.client(), &parts).await
}

#[tokio::test]
async fn a_lease_is_taken_over_whatever_the_clock_does() {
    take_over_while_the_clock_goes_back(Trial::new()).await.assert_none();
}

#[tokio::test]
async fn a_lease_that_goes_by_the_wall_clock_is_found_stuck() {
    for _ in 0..TRIES {
        let findings = take_over_while_the_clock_goes_back(Trial::without("monotonic_lease")).await;
        if findings.has(Kind::Stuck) {
            return;
        }
    }
    panic!("nothing was stuck");
}

/// The ids that one key was answered with, while the clock is set ahead and back, and after a restart.
async fn book_by_one_key(clocked: &Clocked) -> Vec<Value> {
    let platform = clocked.start().await;
    let event = event_with_seats(&platform.client(), 10).await;
    let mut ids = Vec::new();
    for seconds in [0, DAY, -DAY, 0] {
        clocked.set(seconds);
        ids.push(book(&platform.client(), &event, "once").await.expect(201)["id"].clone());
    }
    platform.kill().await;
    clocked.set(-DAY);
    let platform = clocked.start().await;
    ids.push(book(&platform.client(), &event, "once").await.expect(201)["id"].clone());
    platform.stop().await;
    ids.dedup();
    ids
}

async fn book(client: &Client, event: &str, key: &str) -> testkit::Reply {
    let headers = [("Idempotency-Key", key)];
    client
        .post_with(&format!("/events/{event}/bookings"), &headers, json!({"seats": 1}))
        .await
}

#[tokio::test]
async fn a_key_stays_the_same_request_when_the_clock_goes_back() {
    let ids = book_by_one_key(&Clocked::new(Trial::new())).await;
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tokio::test]
async fn a_key_that_is_not_known_again_books_anew_each_time() {
    let ids = book_by_one_key(&Clocked::new(Trial::without("idempotency_keys"))).await;
    assert_eq!(ids.len(), 5, "{ids:?}");
}

#[tokio::test]
async fn sales_open_and_close_by_the_clock() {
    let clocked = Clocked::new(Trial::new());
    let platform = clocked.start().await;
    let client = platform.client();
    let event = event_on_sale_tomorrow(&client).await;
    for (seconds, outcome) in [
        (0, "sales-not-started"),
        (DAY, "booked"),
        (2 * DAY, "sales-ended"),
        (DAY, "booked"),
        (0, "sales-not-started"),
    ] {
        clocked.set(seconds);
        let reply = client
            .post(&format!("/events/{event}/bookings"), json!({"seats": 1}))
            .await;
        match outcome {
            "booked" => _ = reply.expect(201),
            refusal => assert!(
                reply.expect(409)["type"].as_str().unwrap().ends_with(refusal),
                "{}",
                reply.text
            ),
        }
    }
    platform.stop().await;
}

/// On sale from 12 to 36 hours from now.
async fn event_on_sale_tomorrow(client: &Client) -> String {
    let in_hours = |hours| Timestamp::now() + SignedDuration::from_hours(hours);
    let mut body = opera();
    body["sales_start"] = json!(in_hours(12).to_string());
    body["sales_end"] = json!(in_hours(36).to_string());
    let id = client.post("/events", body).await.expect(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    eventually("the inventory is open", || async {
        (client.get(&format!("/events/{id}/availability")).await.status == 200).then_some(())
    })
    .await;
    id
}
