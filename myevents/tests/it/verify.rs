//! `myevents verify`: what is right is proved, and what is wrong is named.

use std::fs;
use std::path::{Path, PathBuf};

use contracts::{DomainEvent, Envelope, StreamId, StreamKind};
use futures::future::join_all;
use persistence::{Commit, Document, Expect, Write};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::eventually;

use crate::crafted::{History, long_history, publish};
use crate::support::{broker, event_with_seats, log, myevents, operate, platform_in, stores};

/// A folder of an ended platform, on which one event's seats were booked one after the other, a commit each.
async fn with_bookings(count: u32) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let platform = platform_in(folder.path()).await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 100).await;
    let mut token = String::new();
    for seats in 1..=count {
        let booked = client
            .post(&format!("/events/{event_id}/bookings"), json!({ "seats": seats }))
            .await;
        booked.expect(201);
        token = booked.header("consistency-token").unwrap().to_owned();
    }
    // Both services have all of it, so that their views are not behind.
    for path in [format!("/events/{event_id}"), format!("/events/{event_id}/bookings")] {
        client
            .get_with(&path, &[("Consistency-Token", &token)])
            .await
            .expect(200);
    }
    platform.stop().await;
    make_one_file(folder.path()).await;
    (folder, event_id)
}

/// A process that ends at once may leave the end of its journal in SQLite's log.
async fn make_one_file(folder: &Path) {
    drop(stores(folder, "booking").await);
    eventually("the journal is one file", || async {
        (!folder.join("booking/journal.sqlite-wal").exists()).then_some(())
    })
    .await;
}

async fn verify(folder: &Path) -> String {
    operate("verify", "booking", folder, &[]).await.succeeded()
}

async fn difference(folder: &Path) -> String {
    operate("verify", "booking", folder, &[]).await.failed()
}

/// The broker's file, for what no broker would do.
fn log_file(folder: &Path) -> Connection {
    Connection::open(folder.join("broker/log.sqlite")).unwrap()
}

fn groups_like(folder: &Path, pattern: &str) -> u32 {
    let count = "SELECT count(*) FROM groups WHERE name LIKE ?1";
    log_file(folder).query_row(count, [pattern], |row| row.get(0)).unwrap()
}

const COLLECTIONS: [&str; 4] = ["g1_bookings", "g1_feed", "g1_inventories", "g1_progress"];

/// All that the booking service's views hold, and how far they are.
async fn views(folder: &Path) -> Vec<Vec<Document>> {
    let documents = stores(folder, "booking").await.documents;
    let all = COLLECTIONS.map(|name| documents.scan(name, None, 1_000));
    join_all(all).await.into_iter().map(Result::unwrap).collect()
}

/// Makes the views what they were before.
async fn put_back(folder: &Path, before: &[Vec<Document>]) {
    let mut writes = Vec::new();
    for ((name, now), before) in COLLECTIONS.iter().zip(views(folder).await).zip(before) {
        let body_of = |id: &str| Some(before.iter().find(|old| old.id == id)?.body.clone());
        writes.extend(
            now.into_iter()
                .map(|document| write(name, &document.id, body_of(&document.id))),
        );
    }
    stores(folder, "booking").await.documents.put(writes).await.unwrap();
}

fn write(collection: &str, id: &str, body: Option<Value>) -> Write {
    Write {
        collection: collection.to_owned(),
        id: id.to_owned(),
        expect: Expect::Anything,
        body: body.map(Into::into),
    }
}

/// Books a seat more, and ends the platform when the views have it.
async fn book_one_more(folder: &Path, event_id: &str) {
    let platform = platform_in(folder).await;
    let client = platform.client();
    let path = format!("/events/{event_id}/bookings");
    let booked = client.post(&path, json!({"seats": 1})).await;
    let token = ("Consistency-Token", booked.header("consistency-token").unwrap());
    client.get_with(&path, &[token]).await.expect(200);
    platform.stop().await;
}

/// The line that ends a row of the report.
fn counted<'a>(output: &'a str, name: &str) -> &'a str {
    let row = output.lines().find_map(|line| line.strip_prefix(name));
    row.unwrap_or_else(|| panic!("no {name}: {output}")).trim()
}

/// Changes each place of a file where `from` stands.
fn replace(file: &Path, from: &str, to: &str) {
    let mut bytes = fs::read(file).unwrap();
    let places: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(from.as_bytes()))
        .collect();
    assert!(!places.is_empty(), "there is no {from}");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    fs::write(file, bytes).unwrap();
}

fn journal_of(folder: &Path) -> PathBuf {
    folder.join("booking/journal.sqlite")
}

#[tokio::test]
async fn what_is_right_is_proved_and_counted() {
    let (folder, _) = with_bookings(5).await;
    let output = verify(folder.path()).await;
    assert!(output.ends_with("Everything agrees.\n"), "{output}");
    assert_eq!(counted(&output, "envelopes "), "6");
    assert_eq!(counted(&output, "bookings "), "5");
    assert_eq!(counted(&output, "seats booked "), "15");
    let output = operate("verify", "event", folder.path(), &[]).await.succeeded();
    assert!(output.ends_with("Everything agrees.\n"), "{output}");
    assert_eq!(counted(&output, "events "), "1", "{output}");
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(!left.iter().any(|name| name == "verify-booking"), "{left:?}");
    assert_eq!(groups_like(folder.path(), "%verify%"), 0);
}

#[tokio::test]
async fn a_flipped_byte_in_the_journal_names_stream_and_version() {
    let (folder, event_id) = with_bookings(5).await;
    let whole = fs::read(journal_of(folder.path())).unwrap();
    // The fourth booking is version 5. As text, as JSON, as UTF-8, and as SQLite's record.
    for (from, to) in [
        ("\"seats\":4", "\"seats\":5"),
        ("\"seats\":4", "\"seats\"?4"),
        ("\"seats\":4", "\"seats\":4\u{7f}"),
    ] {
        replace(&journal_of(folder.path()), from, to);
        let error = difference(folder.path()).await;
        let named = format!("the first difference: stream inventory/{event_id}, version 5: ");
        assert!(error.contains(&named), "{from} to {to}: {error}");
        fs::write(journal_of(folder.path()), &whole).unwrap();
    }
    verify(folder.path()).await;
}

#[tokio::test]
async fn a_damaged_key_names_what_stands_before_it() {
    let (folder, event_id) = with_bookings(3).await;
    let file = Connection::open(journal_of(folder.path())).unwrap();
    let update = "UPDATE commits SET stream = 'inventory' || char(127) WHERE first_version = 3";
    assert_eq!(file.execute(update, []).unwrap(), 1);
    let error = difference(folder.path()).await;
    // What stands before it in the journal's order is looked at first, and has a gap now.
    let gap = format!("the first difference: stream inventory/{event_id}, version 4: ");
    assert!(error.contains(&gap), "{error}");
    let update = "UPDATE commits SET stream = 'a' || char(127) WHERE first_version = 4";
    assert_eq!(file.execute(update, []).unwrap(), 1);
    let error = difference(folder.path()).await;
    let named = "the first difference: the journal: its first commit: its key is `a\u{7f}`, 4, which is none";
    assert!(error.contains(named), "{error}");
}

/// Pages have room that is not used. What flips there is not seen, and does no harm.
#[tokio::test]
async fn wherever_a_byte_flips_it_is_named_or_changes_nothing() {
    let (folder, _) = with_bookings(9).await;
    let journal = journal_of(folder.path());
    let whole = fs::read(&journal).unwrap();
    let before = commits(folder.path()).await;
    let mut named = 0;
    for round in 0..24 {
        let mut bytes = whole.clone();
        // The header of the file is SQLite's own.
        let at = 100 + round * (whole.len() - 100) / 24;
        bytes[at] ^= 1 << (round % 7);
        fs::write(&journal, &bytes).unwrap();
        let outcome = operate("verify", "booking", folder.path(), &[]).await;
        match outcome.status.code() {
            Some(0) => assert_eq!(commits(folder.path()).await, before, "byte {at} is not seen"),
            Some(1) => {
                assert_eq!(outcome.error.lines().count(), 1, "{}", outcome.error);
                named += 1;
            }
            other => panic!("byte {at}: {other:?} {}", outcome.error),
        }
    }
    assert!(named > 0);
}

/// The journal's envelopes, as JSON.
async fn commits(folder: &Path) -> Vec<String> {
    let all = stores(folder, "booking").await.journal.walk(None, 1_000).await.unwrap();
    let envelopes = all.into_iter().flat_map(|walked| walked.commit.unwrap().envelopes);
    envelopes
        .map(|envelope| serde_json::to_string(&envelope).unwrap())
        .collect()
}

#[tokio::test]
async fn what_the_journal_has_lost_and_the_log_has_not_is_named() {
    let (folder, event_id) = with_bookings(3).await;
    let copy = fs::read(journal_of(folder.path())).unwrap();
    book_one_more(folder.path(), &event_id).await;
    verify(folder.path()).await;
    make_one_file(folder.path()).await;
    // A journal of yesterday is right in itself.
    fs::write(journal_of(folder.path()), copy).unwrap();
    let error = difference(folder.path()).await;
    let named = format!("stream inventory/{event_id}, version 5: the log has this version, and the journal has not");
    assert!(error.contains(&named), "{error}");
}

#[tokio::test]
async fn seats_sold_above_the_capacity_in_force_are_named() {
    let (folder, _) = with_bookings(1).await;
    let journal = stores(folder.path(), "booking").await.journal;
    let mut history = History::inventory("oversold");
    history.append(&*journal, vec![history.opened(10)]).await;
    history
        .append(&*journal, vec![history.booked(6), history.booked(4)])
        .await;
    verify(folder.path()).await;
    history.append(&*journal, vec![history.booked(1)]).await;
    let error = difference(folder.path()).await;
    assert!(
        error.contains("stream inventory/oversold, version 4: oversold: 1 more seats make 11 of 10"),
        "{error}"
    );
}

#[tokio::test]
async fn a_booking_that_is_made_in_two_inventories_is_named() {
    let (folder, _) = with_bookings(1).await;
    let journal = stores(folder.path(), "booking").await.journal;
    let (mut one, mut other) = (History::inventory("a"), History::inventory("b"));
    let booked = one.booked(1);
    for history in [&mut one, &mut other] {
        history.append(&*journal, vec![history.opened(10)]).await;
        history.append(&*journal, vec![booked.clone()]).await;
    }
    let error = difference(folder.path()).await;
    assert!(error.contains("stream inventory/b, version 2: booking "), "{error}");
}

#[tokio::test]
async fn a_flipped_byte_in_an_exported_log_names_stream_and_version() {
    let (folder, event_id) = with_bookings(5).await;
    let file = folder.path().join("log.jsonl");
    let export = [
        "export",
        "--data-dir",
        folder.path().to_str().unwrap(),
        "--to",
        file.to_str().unwrap(),
    ];
    myevents(&export).await.succeeded();
    let from = ["verify", "booking", "--from", file.to_str().unwrap()];
    let output = myevents(&from).await.succeeded();
    assert!(output.ends_with("Everything agrees.\n"), "{output}");
    // An event and its location, created together, and six versions of the inventory.
    assert_eq!(counted(&output, "envelopes "), "8", "{output}");

    let whole = fs::read(&file).unwrap();
    for (from_text, to) in [("\"seats\":4", "\"seats\":5"), ("\"seats\":4", "\"seats\"?4")] {
        replace(&file, from_text, to);
        for service in ["booking", "event"] {
            let error = myevents(&["verify", service, "--from", file.to_str().unwrap()])
                .await
                .failed();
            let named = format!("stream inventory/{event_id}, version 5: ");
            assert!(error.contains("line 7: ") && error.contains(&named), "{error}");
        }
        fs::write(&file, &whole).unwrap();
    }
}

fn write_lines(file: &Path, envelopes: &[Envelope]) {
    let lines = envelopes
        .iter()
        .map(|envelope| serde_json::to_string(envelope).unwrap() + "\n");
    fs::write(file, lines.collect::<String>()).unwrap();
}

#[tokio::test]
async fn an_exported_log_may_have_repeats_but_no_gap_and_keeps_the_law() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.jsonl");
    let from = ["verify", "booking", "--from", file.to_str().unwrap()];
    let history = long_history(2, 30);
    write_lines(&file, &[&history[..20], &history[5..]].concat());
    let output = myevents(&from).await.succeeded();
    assert_eq!(
        (counted(&output, "envelopes "), counted(&output, "repeats ")),
        ("62", "15")
    );

    write_lines(&file, &[&history[..20], &history[21..]].concat());
    let error = myevents(&from).await.failed();
    assert!(
        error.contains("line 21: stream inventory/crafted-0, version 22: "),
        "{error}"
    );

    write_lines(&file, &history[..26]);
    let output = myevents(&from).await.succeeded();
    let cut_off = "stream inventory/crafted-0: the commit of versions 22 to 31 ends at 26";
    assert!(output.contains(cut_off), "{output}");

    let mut oversold = History::inventory("oversold");
    let events: Vec<DomainEvent> = vec![oversold.opened(1), oversold.booked(1), oversold.booked(1)];
    write_lines(&file, &oversold.commit(events));
    let error = myevents(&from).await.failed();
    assert!(
        error.contains("line 3: stream inventory/oversold, version 3: oversold"),
        "{error}"
    );
}

#[tokio::test]
async fn views_that_are_behind_are_not_taken_for_wrong() {
    let (folder, _) = with_bookings(2).await;
    let journal = stores(folder.path(), "booking").await.journal;
    let emitter = broker(folder.path()).await.emitter;
    publish(&long_history(1, 10), &*journal, &*emitter).await;
    let output = verify(folder.path()).await;
    assert!(output.contains("The views are 11 messages behind the log"), "{output}");
    assert!(output.ends_with("\nEverything else agrees.\n"), "{output}");
    let platform = platform_in(folder.path()).await;
    eventually("the views have caught up", || async {
        verify(folder.path()).await.contains("Everything agrees.").then_some(())
    })
    .await;
    platform.stop().await;
}

/// Changes an envelope of the log, as it lies in the file.
fn change_in_log(folder: &Path, offset: u32, from: &str, to: &str) {
    let update = "UPDATE log SET envelope = replace(envelope, ?2, ?3) WHERE offset = ?1 AND instr(envelope, ?2)";
    let changed = log_file(folder).execute(update, params![offset, from, to]).unwrap();
    assert_eq!(changed, 1, "there is no {from}");
}

fn delete_from_log(folder: &Path, rows: &str) {
    let deleted = log_file(folder).execute(&format!("DELETE FROM log WHERE offset {rows}"), []);
    assert!(deleted.unwrap() > 0);
}

fn keep_log(folder: &Path) {
    log_file(folder)
        .execute_batch("CREATE TABLE kept AS SELECT * FROM log")
        .unwrap();
}

fn put_log_back(folder: &Path) {
    let put_back = "DELETE FROM log; INSERT INTO log SELECT * FROM kept;";
    log_file(folder).execute_batch(put_back).unwrap();
}

/// As it stands in the log: the event and its location, and then the inventory from version 1.
const OPENED: u32 = 3;

#[tokio::test]
async fn a_flipped_byte_in_the_log_names_stream_and_version() {
    let (folder, event_id) = with_bookings(4).await;
    keep_log(folder.path());
    for (from, to, rule) in [
        ("\"seats\":2", "\"seats\":3", "the log's copy: the hash does not match"),
        (
            "\"seats\":2",
            "\"seats\"?2",
            "the log's copy cannot be read: it is damaged",
        ),
        (
            "\"version\":3",
            "\"version\":2",
            "the log has another envelope of this version as well",
        ),
        ("inventory/", "inventary/", ""),
    ] {
        change_in_log(folder.path(), OPENED + 2, from, to);
        for service in ["booking", "event"] {
            let error = operate("verify", service, folder.path(), &[]).await.failed();
            let named = format!("the first difference: stream inventory/{event_id}, version ");
            let named = if rule.is_empty() {
                "the first difference: stream invent"
            } else {
                named.as_str()
            };
            assert!(
                error.contains(named) && error.contains(rule),
                "{service}, {from} to {to}: {error}"
            );
        }
        put_log_back(folder.path());
    }
    verify(folder.path()).await;
}

#[tokio::test]
async fn what_is_damaged_in_the_log_is_mended_by_another_copy() {
    let (folder, event_id) = with_bookings(2).await;
    change_in_log(folder.path(), OPENED + 2, "\"payload\"", "\"payload\\");
    let error = difference(folder.path()).await;
    let named = format!("stream inventory/{event_id}, version 3: the log's copy cannot be read");
    assert!(error.contains(&named), "{error}");
    let stream = StreamId::new(StreamKind::Inventory, &event_id).unwrap();
    let commits = stores(folder.path(), "booking")
        .await
        .journal
        .read(&stream, 2, 1)
        .await
        .unwrap();
    log(folder.path())
        .await
        .broker()
        .emitter
        .emit(&commits[0].envelopes)
        .await
        .unwrap();
    let output = verify(folder.path()).await;
    assert!(output.ends_with("Everything agrees.\n"), "{output}");
}

#[tokio::test]
async fn what_was_published_and_is_not_in_the_log_is_named() {
    let (folder, event_id) = with_bookings(3).await;
    keep_log(folder.path());
    for (rows, named) in [
        (
            "= (SELECT max(offset) FROM log)",
            "4: it is marked as published, and not in the log",
        ),
        (">= 0", "4: it is marked as published, and not in the log"),
        ("= 5", "3: it is missing from the log, which goes on with version 4"),
    ] {
        delete_from_log(folder.path(), rows);
        let error = difference(folder.path()).await;
        let named = format!("the first difference: stream inventory/{event_id}, version {named}");
        assert!(error.contains(&named), "{rows}: {error}");
        put_log_back(folder.path());
    }
    verify(folder.path()).await;
}

#[tokio::test]
async fn what_waits_to_be_published_is_counted() {
    let (folder, _) = with_bookings(1).await;
    let journal = stores(folder.path(), "booking").await.journal;
    let mut history = History::inventory("unpublished");
    history.append(&*journal, vec![history.opened(10)]).await;
    let output = verify(folder.path()).await;
    assert!(
        output.contains("The end of 1 stream waits to be published."),
        "{output}"
    );
    let keys = journal
        .unpublished(9)
        .await
        .unwrap()
        .iter()
        .filter_map(Commit::key)
        .collect::<Vec<_>>();
    journal.mark_published(&keys).await.unwrap();
    let error = difference(folder.path()).await;
    let named = "stream inventory/unpublished, version 1: it is marked as published, and not in the log";
    assert!(error.contains(named), "{error}");
}

/// A stream of another service: only the views can tell.
#[tokio::test]
async fn what_the_views_show_and_the_log_has_lost_is_named() {
    let (folder, event_id) = with_bookings(3).await;
    delete_from_log(folder.path(), "= (SELECT max(offset) FROM log)");
    let error = operate("verify", "event", folder.path(), &[]).await.failed();
    let named = format!("shows stream inventory/{event_id}, version 4, which the log does not have");
    assert!(
        error.contains("the first difference: view `") && error.contains(&named),
        "{error}"
    );
}

#[tokio::test]
async fn what_was_acknowledged_and_never_taken_in_is_named() {
    let (folder, event_id) = with_bookings(3).await;
    let before = views(folder.path()).await;
    book_one_more(folder.path(), &event_id).await;
    verify(folder.path()).await;
    put_back(folder.path(), &before).await;
    let error = difference(folder.path()).await;
    let named = format!("it lacks stream inventory/{event_id}, version 5, which was acknowledged and never taken in");
    assert!(error.contains(&named), "{error}");

    // Parked it is known, and waits.
    let parked = json!({"group": "booking.views.1", "stream": format!("inventory/{event_id}"), "version": 5,
        "reason": "undecodable", "detail": "made up", "parked_at": "2030-01-01T00:00:00Z",
        "message": {"key": event_id, "attributes": {}, "body": []}});
    let documents = stores(folder.path(), "booking").await.documents;
    documents
        .put(vec![write("parked", "made-up", Some(parked))])
        .await
        .unwrap();
    let output = verify(folder.path()).await;
    assert!(output.contains("behind what is parked"), "{output}");
    assert!(
        output.contains("1 message could not be taken in: see `myevents parked list`."),
        "{output}"
    );
    assert!(output.ends_with("\nEverything else agrees.\n"), "{output}");
}

#[tokio::test]
async fn a_document_that_nothing_leads_to_is_named() {
    let (folder, _) = with_bookings(1).await;
    let documents = stores(folder.path(), "booking").await.documents;
    let stray = write("g1_bookings", "stray", Some(json!({"seats": 1})));
    documents.put(vec![stray]).await.unwrap();
    let error = difference(folder.path()).await;
    let named = "view `bookings`, document `stray`: nothing in the log leads to it";
    assert!(error.contains(named), "{error}");
}

#[tokio::test]
async fn words_by_which_a_document_is_not_found_or_wrongly_found_are_named() {
    let (folder, event_id) = with_bookings(1).await;
    let search = stores(folder.path(), "event").await.search;
    let whole = search.scan("g1_events", None, 9).await.unwrap();
    let text = whole[0].1.join(" ");
    for (id, wrong, right) in [
        (event_id.as_str(), "", text.as_str()),
        (&event_id, "something else", &text),
        ("stray", "stray", ""),
    ] {
        let index = async |text: &str| {
            search
                .index("g1_events", &[(id.to_owned(), text.to_owned())])
                .await
                .unwrap()
        };
        index(wrong).await;
        let error = operate("verify", "event", folder.path(), &[]).await.failed();
        let named = format!("view `events`, document `{id}`: it is not found by the words that its replay gives");
        assert!(error.contains(&named), "{error}");
        index(right).await;
    }
    let output = operate("verify", "event", folder.path(), &[]).await.succeeded();
    assert!(output.ends_with("Everything agrees.\n"), "{output}");
}
