//! The disk is full in the middle of the work: clear errors, nothing lost or broken, and the work goes on by itself when
//! there is room again.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use chassis::faults;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::history::{Findings, History, Kind, Load, Parts, Record, Request, check};
use testkit::{Client, PlatformBuilder, Reply, eventually};

use crate::rebuild;
use crate::small_disk::{SmallDisk, may_mount};
use crate::support::{Outcome, event_with_seats, operate};
use crate::trial::Trial;

/// MiB. A load writes on while it is waited for, and what each of five files has written lately may come to 32 MiB before
/// its room is used again: on less, the disk is full again by itself.
const ROOM: u32 = 256;
/// More bookings than what the store has set aside has room for.
const MANY: u32 = 20_000;
/// Requests that have to succeed while views are behind: clients that read wait long for each reply.
const BEHIND: usize = 15;

/// Books until that is refused for want of room, and looks at how.
async fn book_until_refused(client: &Client, event: &str) -> History {
    let mut history = History::default();
    for number in 0..MANY {
        let guest = format!("guest-{number:032x}");
        let (path, headers) = (format!("/events/{event}/bookings"), [("X-User-Id", guest.as_str())]);
        let reply = client
            .send(Method::POST, &path, &headers, Some(json!({"seats": 1})))
            .await;
        let request = Request::Book {
            event: event.to_owned(),
            seats: 1,
            guest: guest.clone(),
            key: None,
        };
        history.records.push(Record::of(request, &reply));
        if reply.status != 201 {
            assert_refusal(&reply);
            return history;
        }
    }
    panic!("{MANY} bookings found room on a full disk");
}

fn assert_refusal(reply: &Reply) {
    let problem = reply.expect(503);
    assert!(problem["type"].as_str().unwrap().ends_with("/unavailable"), "{problem}");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert!(reply.header("retry-after").is_some(), "{problem}");
}

/// Waits until one of these parts says that it is not well.
async fn told(client: &Client, parts: &[&str]) {
    eventually("readiness tells it", || async {
        let ready: Value = client.get("/health/ready").await.json();
        parts
            .iter()
            .any(|part| ready["parts"][part]["state"] == "degraded")
            .then_some(())
    })
    .await;
}

async fn all_well(client: &Client) {
    eventually("everything is well again", || async {
        (client.get("/health/ready").await.json()["state"] == "ok").then_some(())
    })
    .await;
}

/// What those feel who use it while there is no room.
#[derive(Clone, Copy)]
enum Felt {
    /// Bookings are refused.
    Refused,
    /// Bookings go on; these parts, that come behind the reply, wait.
    Behind(&'static [&'static str]),
    /// Nothing; the log alone tells that something confirmed was lost.
    Lost,
}

/// Under load: fills the disk, waits until it is felt, makes room, and holds everything against what clients were told.
async fn fill_up(trial: &Trial, disk: &SmallDisk, builder: PlatformBuilder, parts: &Parts, felt: Felt) -> Findings {
    let log = trial.folder().join("platform.log");
    let platform = trial.enter(builder.log(&log)).await;
    let client = platform.client();
    let event = match felt {
        Felt::Refused => event_with_seats(&client, 1_000_000).await,
        Felt::Behind(_) | Felt::Lost => String::new(),
    };
    let load = trial.load(21);
    load.goes_on(100).await;
    disk.fill();
    let ours = match felt {
        Felt::Refused => refused(&client, &event).await,
        Felt::Behind(parts) => behind(&client, parts, &load).await,
        Felt::Lost => lost(&log).await,
    };
    disk.make_room();
    all_well(&client).await;
    load.goes_on(50).await;
    let history = load.finish().await.followed_by(ours);
    let findings = check(&history, &client, parts).await;
    platform.stop().await;
    findings
}

async fn verified(folder: &Path) {
    for service in ["booking", "event"] {
        operate("verify", service, folder, &[]).await.succeeded();
    }
}

async fn refused(client: &Client, event: &str) -> History {
    let ours = book_until_refused(client, event).await;
    told(client, &["event.store", "booking.store"]).await;
    ours
}

async fn behind(client: &Client, parts: &[&str], load: &Load) -> History {
    told(client, parts).await;
    load.goes_on(BEHIND).await;
    History::default()
}

async fn lost(log: &Path) -> History {
    eventually("a confirmed commit is lost", || async {
        let text = fs::read_to_string(log).unwrap();
        text.contains("what was confirmed is lost").then_some(())
    })
    .await;
    History::default()
}

#[tokio::test]
async fn the_whole_data_folder() {
    if !may_mount("disk_full::the_whole_data_folder") {
        return;
    }
    let (disk, trial) = (SmallDisk::mount(ROOM), Trial::new());
    let builder = trial.builder().folder(disk.path());
    let parts = Parts::of_folder(disk.path());
    fill_up(&trial, &disk, builder, &parts, Felt::Refused)
        .await
        .assert_none();
    verified(disk.path()).await;
}

/// Puts a file of the booking service's store on the small disk.
fn move_file(trial: &Trial, disk: &SmallDisk, name: &str) {
    let store = trial.folder().join("booking");
    fs::create_dir_all(&store).unwrap();
    symlink(disk.path().join(name), store.join(name)).unwrap();
}

/// With one file on the small disk.
async fn fill_up_beneath(trial: &Trial, file: &str, felt: Felt) -> Findings {
    let disk = SmallDisk::mount(ROOM);
    move_file(trial, &disk, file);
    let findings = fill_up(trial, &disk, trial.builder(), &Parts::of_folder(trial.folder()), felt).await;
    if findings.is_empty() {
        verified(trial.folder()).await;
    }
    findings
}

#[tokio::test]
async fn the_journals_disk() {
    if !may_mount("disk_full::the_journals_disk") {
        return;
    }
    let findings = fill_up_beneath(&Trial::new(), "journal.sqlite", Felt::Refused).await;
    findings.assert_none();
}

#[tokio::test]
async fn a_reply_before_its_append_is_found_to_lose_bookings() {
    if !may_mount("disk_full::a_reply_before_its_append_is_found_to_lose_bookings") {
        return;
    }
    let findings = fill_up_beneath(&Trial::without("durable_reply"), "journal.sqlite", Felt::Lost).await;
    assert!(findings.has(Kind::Lost), "{findings}");
}

#[tokio::test]
async fn the_views_disk() {
    if !may_mount("disk_full::the_views_disk") {
        return;
    }
    let felt = Felt::Behind(&["booking.views"]);
    let findings = fill_up_beneath(&Trial::new(), "views.sqlite", felt).await;
    findings.assert_none();
}

#[tokio::test]
async fn an_acknowledgement_before_its_effects_is_found_to_lose_messages() {
    if !may_mount("disk_full::an_acknowledgement_before_its_effects_is_found_to_lose_messages") {
        return;
    }
    let felt = Felt::Behind(&["booking.views"]);
    let findings = fill_up_beneath(&Trial::without("ack_after_apply"), "views.sqlite", felt).await;
    assert!(findings.has(Kind::View) || findings.has(Kind::Parked), "{findings}");
}

async fn fill_up_beneath_the_broker(trial: &Trial) -> Findings {
    let disk = SmallDisk::mount(ROOM);
    let broker = trial.folder().join("broker");
    symlink(disk.path(), &broker).unwrap();
    let felt = Felt::Behind(&["event.relay", "booking.relay"]);
    fill_up(trial, &disk, trial.builder(), &Parts::of_folder(trial.folder()), felt).await
}

#[tokio::test]
async fn the_brokers_disk() {
    if !may_mount("disk_full::the_brokers_disk") {
        return;
    }
    fill_up_beneath_the_broker(&Trial::new()).await.assert_none();
}

#[tokio::test]
async fn a_mark_before_its_publication_is_found_to_leave_gaps_in_the_log() {
    if !may_mount("disk_full::a_mark_before_its_publication_is_found_to_leave_gaps_in_the_log") {
        return;
    }
    let findings = fill_up_beneath_the_broker(&Trial::without("mark_after_emit")).await;
    assert!(findings.has(Kind::Unpublished), "{findings}");
}

/// What a rebuild says that lacks what the live views have.
const LACKS: &str = "the live views have version";

/// A rebuild runs into a full disk half-way, and is run again when there is room. What `verify` says of what it built.
async fn rebuild_into_a_full_disk(unguarded: &str) -> Outcome {
    let (disk, trial) = (SmallDisk::mount(96), Trial::new());
    move_file(&trial, &disk, "views.sqlite");
    rebuild::write_long_log(trial.folder(), 12_000).await;
    let platform = trial.start().await;
    // A slow machine takes longer for the long log than clients wait for what they wrote.
    all_read(trial.folder()).await;
    let event = event_with_seats(&platform.client(), 100).await;
    all_read(trial.folder()).await;
    let mut command = rebuild::command(trial.folder());
    command.env(faults::UNGUARD, unguarded);
    let child = rebuild::half_way_of(command, trial.folder()).await;
    disk.fill();
    let ended = rebuild::ended(child).await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(rebuild::live_generation(trial.folder()).await, 1);
    let reasons: &[&str] = if unguarded.is_empty() {
        &["full"]
    } else {
        &["full", LACKS]
    };
    assert_one_line(&rebuild::text(&ended.stderr), reasons);
    book_and_read(&platform.client(), &event).await;
    disk.make_room();
    all_well(&platform.client()).await;
    all_read(trial.folder()).await;
    let again = operate("rebuild", "booking", trial.folder(), &[]).await;
    assert!(
        again.output.contains("Going on to build generation 2"),
        "{}",
        again.output
    );
    platform.stop().await;
    if !again.status.success() {
        return again;
    }
    operate("verify", "booking", trial.folder(), &[]).await
}

/// All that is in the log has reached views and policies.
async fn all_read(folder: &Path) {
    for group in ["booking.views.1", "event.views.1", "booking.policies", "event.policies"] {
        eventually("a group has read everything", || async {
            let (length, done) = rebuild::position(folder, group).await;
            (done == length).then_some(())
        })
        .await;
    }
}

fn assert_one_line(error: &str, reasons: &[&str]) {
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.starts_with("error: "), "{error}");
    assert!(reasons.iter().any(|reason| error.contains(reason)), "{error}");
}

/// What the rebuild leaves alone: bookings, and the views that are read.
async fn book_and_read(client: &Client, event: &str) {
    let path = format!("/events/{event}");
    client
        .post(&format!("{path}/bookings"), json!({"seats": 1}))
        .await
        .expect(201);
    let shown = client.get(&format!("{path}/availability")).await.expect(200);
    assert_eq!(shown["capacity"], 100, "{shown}");
}

#[tokio::test]
async fn a_rebuild_goes_on_when_there_is_room() {
    if !may_mount("disk_full::a_rebuild_goes_on_when_there_is_room") {
        return;
    }
    rebuild_into_a_full_disk("").await.succeeded();
}

#[tokio::test]
async fn a_rebuild_that_acknowledges_before_it_has_stored_is_found_to_lack_messages() {
    if !may_mount("disk_full::a_rebuild_that_acknowledges_before_it_has_stored_is_found_to_lack_messages") {
        return;
    }
    let verdict = rebuild_into_a_full_disk("ack_after_apply").await.failed();
    assert!(verdict.contains("view"), "{verdict}");
}
