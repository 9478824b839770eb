//! `myevents rebuild`: views built anew beside the live ones, whatever happens meanwhile.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chassis::faults;
use persistence::{DocumentStore, Expect, StoreError, Write};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Client, PlatformBuilder, eventually};

use crate::crafted::{long_history, publish};
use crate::support::{Outcome, broker, event_with_seats, myevents, operate, platform_in, stores};
use crate::trial::SIGKILL;

const AT_WORK: &str = "another rebuild of the booking service's views is at work";

async fn rebuild(folder: &Path, more: &[&str]) -> Outcome {
    operate("rebuild", "booking", folder, more).await
}

async fn verified(service: &str, folder: &Path) {
    let output = operate("verify", service, folder, &[]).await.succeeded();
    assert!(output.contains("Everything agrees."), "{output}");
}

/// How many messages the log holds, and how many of them a group has taken in.
pub(crate) async fn position(folder: &Path, group: &str) -> (u64, u64) {
    let listener = broker(folder).await.listener;
    let length = listener.known_lag("nobody").await.unwrap();
    let lag = listener.known_lag(group).await.unwrap();
    (length, length.saturating_sub(lag))
}

/// The number in `Read 1,234 envelopes`.
fn read(output: &str) -> u64 {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("Read "))
        .expect(output);
    let number = line.split(' ').next().unwrap().replace(',', "");
    number.parse().unwrap()
}

/// The last column of each view's row.
fn verdicts(output: &str) -> Vec<(&str, &str)> {
    let rows = output.lines().skip_while(|line| !line.starts_with("VIEW")).skip(1);
    let rows = rows.take_while(|line| !line.is_empty());
    rows.map(|row| {
        let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        (cells[0], *cells.last().unwrap())
    })
    .collect()
}

const SAME: [(&str, &str); 4] = [
    ("bookings", "same"),
    ("feed", "same"),
    ("inventories", "same"),
    ("sales", "same"),
];

/// A folder of an ended platform, whose log holds a long history that no views have taken in yet.
async fn with_long_log(bookings: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_long_log(folder.path(), bookings).await;
    folder
}

pub(crate) async fn write_long_log(folder: &Path, bookings: usize) {
    platform_in(folder).await.stop().await;
    let journal = stores(folder, "booking").await.journal;
    let emitter = broker(folder).await.emitter;
    publish(&long_history(20, bookings / 20), &*journal, &*emitter).await;
}

pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_myevents"));
    command
        .args(["rebuild", "booking", "--data-dir"])
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .envs(testkit::variables(folder));
    command
}

fn spawn(folder: &Path) -> Child {
    command(folder).spawn().unwrap()
}

/// Dies by kill -9 when the first batch is acknowledged, which is never all of a long log.
async fn killed_half_way(folder: &Path) {
    let mut command = command(folder);
    command.env(faults::KILL, "consumer.acknowledged@1");
    let outcome = ended(command.spawn().unwrap()).await;
    assert_eq!(outcome.status.signal(), Some(SIGKILL), "{outcome:?}");
}

/// Seen to have taken in some of the log, but not all.
pub(crate) async fn half_way_of(mut command: Command, folder: &Path) -> Child {
    let child = command.spawn().unwrap();
    eventually("the rebuild is under way", || async {
        let (length, done) = position(folder, "booking.views.2").await;
        assert!(done < length, "it is through already");
        (done > length / 10).then_some(())
    })
    .await;
    child
}

pub(crate) async fn ended(child: Child) -> Output {
    tokio::task::spawn_blocking(move || child.wait_with_output())
        .await
        .unwrap()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Without asking again.
async fn seen_at_once(client: &Client, path: &str, token: (&str, &str)) -> Value {
    client.send(Method::GET, path, &[token], None).await.expect(200)
}

/// Books and looks, each time with the token, until it is told to stop. Returns how often.
async fn book_and_look(client: Client, event_id: String, stop: Arc<AtomicBool>) -> u32 {
    let mut bookings = 0;
    let path = format!("/events/{event_id}/bookings");
    while !stop.load(Ordering::Relaxed) {
        let booked = client.post(&path, json!({"seats": 1})).await;
        let token = ("Consistency-Token", booked.header("consistency-token").unwrap());
        let id = booked.expect(201)["id"].clone();
        bookings += 1;
        let booking = seen_at_once(&client, &format!("/bookings/{}", id.as_str().unwrap()), token).await;
        assert_eq!(booking["seats"], 1);
        let left = seen_at_once(&client, &format!("/events/{event_id}/availability"), token).await;
        assert_eq!(left["seats_sold"], bookings);
        let event = seen_at_once(&client, &format!("/events/{event_id}"), token).await;
        assert_eq!(event["seats_sold"], bookings);
    }
    bookings
}

#[tokio::test]
async fn a_rebuild_under_load_misses_nothing_and_no_request_notices() {
    let folder = tempfile::tempdir().unwrap();
    let platform = platform_in(folder.path()).await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 100_000).await;
    let stop = Arc::new(AtomicBool::new(false));
    let looking = tokio::spawn(book_and_look(client.clone(), event_id.clone(), Arc::clone(&stop)));
    let url = platform.url("event API").to_owned();
    let load = tokio::spawn(async move {
        myevents(&[
            "load",
            "--url",
            &url,
            "--rate",
            "200",
            "--seconds",
            "8",
            "--events",
            "3",
        ])
        .await
    });
    eventually("the load runs", || async {
        (position(folder.path(), "nobody").await.0 > 200).then_some(())
    })
    .await;

    for service in ["booking", "event"] {
        let output = operate("rebuild", service, folder.path(), &[]).await.succeeded();
        assert!(output.contains("Building generation 2"), "{output}");
        assert!(!output.contains("changed"), "{output}");
    }
    let output = rebuild(folder.path(), &["--drop-old"]).await.succeeded();
    assert!(output.contains("Building generation 3"), "{output}");

    let output = load.await.unwrap().succeeded();
    assert!(output.contains("nothing oversold, nothing lost"), "{output}");
    let others = output.lines().find(|line| line.starts_with("other answers")).unwrap();
    assert!(others.ends_with(" 0"), "{output}");
    stop.store(true, Ordering::Relaxed);
    assert!(looking.await.unwrap() > 0);
    for service in ["booking", "event"] {
        verified(service, folder.path()).await;
    }
    platform.stop().await;
}

#[tokio::test]
async fn killed_half_way_it_goes_on_where_it_was() {
    let folder = with_long_log(6_000).await;
    killed_half_way(folder.path()).await;
    let (length, done) = position(folder.path(), "booking.views.2").await;
    assert!((1..length).contains(&done), "it was killed at {done} of {length}");

    let output = rebuild(folder.path(), &[]).await.succeeded();
    assert!(output.contains("Going on to build generation 2"), "{output}");
    // What was taken in and not acknowledged comes again.
    assert!(
        (length - done..length).contains(&read(&output)),
        "{done} of {length}: {output}"
    );
    verified("booking", folder.path()).await;
    // There is nothing left to go on with.
    let output = rebuild(folder.path(), &[]).await.succeeded();
    assert!(
        output.contains("Building generation 3") && verdicts(&output) == SAME,
        "{output}"
    );
}

#[tokio::test]
async fn it_can_be_told_to_begin_anew() {
    let folder = with_long_log(6_000).await;
    killed_half_way(folder.path()).await;
    let output = rebuild(folder.path(), &["--anew"]).await.succeeded();
    assert!(output.contains("Building generation 3"), "{output}");
    let (length, begun) = position(folder.path(), "booking.views.2").await;
    assert_eq!((read(&output), begun), (length, 0));
    assert!(is_dropped(folder.path(), 2).await);
}

#[tokio::test]
async fn of_two_at_once_one_wins_and_the_other_says_so() {
    let folder = with_long_log(6_000).await;
    let (one, other) = (spawn(folder.path()), spawn(folder.path()));
    let outcomes = [ended(one).await, ended(other).await];
    let (won, lost) = match &outcomes {
        [won, lost] if won.status.success() => (won, lost),
        [lost, won] => (won, lost),
    };
    assert!(won.status.success(), "{outcomes:?}");
    assert_eq!(lost.status.code(), Some(1), "{outcomes:?}");
    assert_eq!(text(&lost.stderr).trim(), format!("error: {AT_WORK}"));
    assert_eq!(live_generation(folder.path()).await, 2);
    verified("booking", folder.path()).await;
}

#[tokio::test]
async fn what_took_over_meanwhile_is_not_replaced() {
    let folder = with_long_log(16_000).await;
    let child = half_way_of(command(folder.path()), folder.path()).await;
    // As another rebuild would, had the lease let it.
    set_live_generation(folder.path(), 1).await;
    let outcome = ended(child).await;
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    assert!(
        text(&outcome.stderr).contains("took over while these were built"),
        "{outcome:?}"
    );
    assert_eq!(live_generation(folder.path()).await, 1);
}

#[tokio::test]
async fn a_damaged_view_is_found_and_mended_and_nothing_else_moves() {
    let folder = tempfile::tempdir().unwrap();
    let platform = platform_in(folder.path()).await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 10).await;
    let booked = client
        .post(&format!("/events/{event_id}/bookings"), json!({"seats": 2}))
        .await;
    let token = (
        "Consistency-Token",
        booked.header("consistency-token").unwrap().to_owned(),
    );
    let available = format!("/events/{event_id}/availability");
    let sold = || async { client.get_with(&available, &[(token.0, &token.1)]).await.expect(200)["seats_sold"].clone() };
    assert_eq!(sold().await, 2);
    verified("booking", folder.path()).await;

    change(folder.path(), "g1_inventories", &event_id, |body| {
        body["sold"] = json!(7)
    })
    .await;
    assert_eq!(sold().await, 7);
    let error = operate("verify", "booking", folder.path(), &[]).await.failed();
    let named = format!("view `inventories`, document `{event_id}`");
    assert!(error.contains(&named), "{error}");

    eventually("the policies have taken in the log", || async {
        let (length, known) = position(folder.path(), "booking.policies").await;
        (known == length).then_some(())
    })
    .await;
    let before = (
        position(folder.path(), "booking.policies").await,
        heads(folder.path()).await,
    );
    let output = rebuild(folder.path(), &[]).await.succeeded();
    assert_eq!(
        verdicts(&output),
        [SAME[0], SAME[1], ("inventories", "1 document changed"), SAME[3]],
        "{output}"
    );
    assert_eq!(
        before,
        (
            position(folder.path(), "booking.policies").await,
            heads(folder.path()).await
        )
    );
    eventually("the service reads the new views", || async {
        (sold().await == 2).then_some(())
    })
    .await;
    verified("booking", folder.path()).await;
    client
        .post(&format!("/events/{event_id}/bookings"), json!({"seats": 9}))
        .await
        .expect(409);
    platform.stop().await;
}

#[tokio::test]
async fn replaced_views_stay_until_the_next_rebuild_or_are_dropped_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let platform = platform_in(folder.path()).await;
    event_with_seats(&platform.client(), 10).await;
    rebuild(folder.path(), &[]).await.succeeded();
    assert!(!is_dropped(folder.path(), 1).await);
    rebuild(folder.path(), &[]).await.succeeded();
    assert!(is_dropped(folder.path(), 1).await);
    assert!(!is_dropped(folder.path(), 2).await);
    rebuild(folder.path(), &["--drop-old"]).await.succeeded();
    for generation in [2, 3] {
        assert!(is_dropped(folder.path(), generation).await);
        let group = format!("booking.views.{generation}");
        assert_eq!(
            position(folder.path(), &group).await.1,
            0,
            "{group} is still known to the broker"
        );
    }
    assert_eq!(live_generation(folder.path()).await, 4);
    verified("booking", folder.path()).await;
    // It starts on the views that are live.
    platform.stop().await;
    platform_in(folder.path()).await.stop().await;
    assert!(is_dropped(folder.path(), 1).await);
}

#[tokio::test]
async fn a_folder_without_stores_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["rebuild", "verify"] {
        let error = operate(command, "booking", folder.path(), &[]).await.failed();
        assert!(error.contains("there is no store at sqlite:"), "{error}");
    }
    let folder_path = folder.path().to_str().unwrap();
    let error = myevents(&["export", "--data-dir", folder_path]).await.failed();
    assert!(error.contains("there is no log at embedded:"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

async fn documents(folder: &Path) -> Arc<dyn DocumentStore> {
    stores(folder, "booking").await.documents
}

async fn change(folder: &Path, collection: &str, id: &str, change: impl FnOnce(&mut Value)) {
    let documents = documents(folder).await;
    let mut body = documents.get(collection, &[id]).await.unwrap().remove(0).unwrap().body;
    change(&mut body);
    let write = Write {
        collection: collection.to_owned(),
        id: id.to_owned(),
        expect: Expect::Anything,
        body: Some(body.into()),
    };
    documents.put(vec![write]).await.unwrap();
}

pub(crate) async fn live_generation(folder: &Path) -> u64 {
    let found = documents(folder).await.get("generations", &["live"]).await.unwrap();
    found[0].as_ref().unwrap().body["number"].as_u64().unwrap()
}

async fn set_live_generation(folder: &Path, number: u64) {
    change(folder, "generations", "live", |body| body["number"] = json!(number)).await;
}

/// Whether nothing is left of a generation.
async fn is_dropped(folder: &Path, generation: u64) -> bool {
    let documents = documents(folder).await;
    let mut dropped = Vec::new();
    for view in ["bookings", "inventories", "feed", "progress"] {
        let found = documents.get(&format!("g{generation}_{view}"), &["any"]).await;
        dropped.push(matches!(found, Err(StoreError::Broken(_))));
    }
    let note = format!("generation_{generation}");
    let notes = documents.get("generations", &[&note]).await.unwrap();
    dropped.push(notes[0].is_none());
    assert!(
        dropped.iter().all(|each| *each == dropped[0]),
        "half of generation {generation} is there: {dropped:?}"
    );
    dropped[0]
}

/// The journal's commits by their keys.
async fn heads(folder: &Path) -> Vec<String> {
    let all = stores(folder, "booking").await.journal.walk(None, 1_000).await.unwrap();
    all.into_iter().map(|walked| format!("{:?}", walked.key)).collect()
}

/// A file of settings that names another broker.
fn with_broker(folder: &Path, broker: &Path) -> String {
    let file = folder.join("myevents.toml");
    std::fs::write(&file, format!("broker = \"embedded:{}\"\n", broker.display())).unwrap();
    file.to_str().unwrap().to_owned()
}

/// A folder of an ended platform, with one event whose inventory is at version 3.
async fn with_two_bookings() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let platform = platform_in(folder.path()).await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 10).await;
    let path = format!("/events/{event_id}/bookings");
    for _ in 0..2 {
        let booked = client.post(&path, json!({"seats": 1})).await;
        let token = ("Consistency-Token", booked.header("consistency-token").unwrap());
        client.get_with(&path, &[token]).await.expect(200);
    }
    platform.stop().await;
    (folder, event_id)
}

#[tokio::test]
async fn a_wrong_broker_is_named_and_nothing_takes_over() {
    let (folder, event_id) = with_two_bookings().await;
    let missing = folder.path().join("elsewhere");
    let conf = with_broker(folder.path(), &missing);
    for command in ["rebuild", "verify"] {
        let error = operate(command, "booking", folder.path(), &["--conf", &conf])
            .await
            .failed();
        assert!(error.contains("there is no log at embedded:"), "{error}");
        assert!(!missing.exists());
    }
    drop(msgqueue::embedded::Log::open(&missing).await.unwrap());
    let error = rebuild(folder.path(), &["--conf", &conf]).await.failed();
    let named = "the log leads to version 0 of stream event/";
    assert!(
        error.contains(named) && error.contains("the live views have version 1"),
        "{error}"
    );
    assert_eq!(live_generation(folder.path()).await, 1);
    let platform = platform_in(folder.path()).await;
    let event = platform.client().get(&format!("/events/{event_id}/availability")).await;
    assert_eq!(event.expect(200)["seats_sold"], 2);
    platform.stop().await;
}

#[tokio::test]
async fn a_log_that_has_lost_its_end_does_not_replace_what_came_of_it() {
    let (folder, event_id) = with_two_bookings().await;
    let log = rusqlite::Connection::open(folder.path().join("broker/log.sqlite")).unwrap();
    log.execute("DELETE FROM log WHERE offset = (SELECT max(offset) FROM log)", [])
        .unwrap();
    let error = rebuild(folder.path(), &[]).await.failed();
    let named = format!("the log leads to version 2 of stream inventory/{event_id}, the live views have version 3");
    assert!(error.contains(&named), "{error}");
    assert_eq!(live_generation(folder.path()).await, 1);
}

/// An earlier version of the program noted no forms, and its feed had other ids than this one's.
#[tokio::test]
async fn views_in_the_form_of_an_earlier_version_are_refused_until_they_are_built_anew() {
    let (folder, event_id) = with_two_bookings().await;
    let forget = |body: &mut Value| drop(body.as_object_mut().unwrap().remove("forms"));
    change(folder.path(), "generations", "generation_1", forget).await;
    let serve = PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"]).folder(folder.path());
    let Err(ended) = serve.try_start().await else {
        panic!("it goes on with them")
    };
    let verify = operate("verify", "booking", folder.path(), &[]).await.failed();
    for refused in [ended.error, verify] {
        assert!(
            refused.contains("`myevents rebuild SERVICE` builds them anew"),
            "{refused}"
        );
    }
    rebuild(folder.path(), &[]).await.succeeded();
    verified("booking", folder.path()).await;
    let platform = platform_in(folder.path()).await;
    let history = platform.client().get(&format!("/events/{event_id}/history")).await;
    assert_eq!(history.expect(200)["items"].as_array().unwrap().len(), 4);
    platform.stop().await;
}
