//! `myevents export` and `restore`: everything is as it was, or what is missing is said.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use contracts::Envelope;
use msgqueue::Message;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Client, Part, PlatformBuilder, eventually, lose};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::crafted::{History, long_history, shared};
use crate::support::{Outcome, broker, event_with_seats, log, myevents, opera, operate, platform_in, service, stores};

/// How long a command may take to end that was told to.
const PATIENCE: Duration = Duration::from_secs(60);

async fn export(folder: &Path, file: &Path) -> Outcome {
    let (folder, file) = (folder.to_str().unwrap(), file.to_str().unwrap());
    myevents(&["export", "--data-dir", folder, "--to", file]).await
}

async fn restore(service: &str, folder: &Path, file: &Path) -> Outcome {
    operate("restore", service, folder, &["--from", file.to_str().unwrap()]).await
}

/// What a service's journal holds, commit by commit.
async fn journal(folder: &Path, service: &str) -> Vec<Vec<Arc<Envelope>>> {
    let mut all = Vec::new();
    let journal = stores(folder, service).await.journal;
    let mut after = None;
    loop {
        let page = journal.walk(after.as_ref(), 500).await.unwrap();
        let Some(last) = page.last() else { return all };
        after = last.key.clone();
        all.extend(page.into_iter().map(|walked| walked.commit.unwrap().envelopes));
    }
}

/// What everybody can read of an event.
async fn seen(client: &Client, event_id: &str) -> [Value; 3] {
    let mut seen = ["", "/bookings", "/availability"].map(|path| json!(path));
    for part in &mut seen {
        let path = format!("/events/{event_id}{}", part.as_str().unwrap());
        *part = client.get(&path).await.json();
    }
    seen
}

fn write_lines(file: &Path, envelopes: &[Envelope]) {
    let lines = envelopes
        .iter()
        .map(|envelope| serde_json::to_string(envelope).unwrap() + "\n");
    fs::write(file, lines.collect::<String>()).unwrap();
}

/// A folder, and a file in it with these envelopes.
fn exported(envelopes: &[Envelope]) -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.jsonl");
    write_lines(&file, envelopes);
    (folder, file)
}

#[tokio::test]
async fn a_platform_that_is_restored_from_its_log_is_as_it_was() {
    let (folder, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = folder.path().join("log.jsonl");
    let platform = platform_in(folder.path()).await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 50).await;
    let path = format!("/events/{event_id}/bookings");
    let load = (0..12).map(|n| client.post(&path, json!({ "seats": n % 3 + 1 })));
    let booked: Vec<Value> = futures::future::join_all(load)
        .await
        .iter()
        .map(|reply| reply.expect(201))
        .collect();
    let cancelled = client
        .delete(&format!("/bookings/{}", booked[0]["id"].as_str().unwrap()))
        .await;
    cancelled.expect(200);
    let sold = 24 - booked[0]["seats"].as_u64().unwrap();
    let settled = |client: Client, event_id: String| async move {
        eventually("both services see all bookings", || async {
            let [event, bookings, left] = seen(&client, &event_id).await;
            let of_status = |status: &str| {
                let items = bookings["items"].as_array();
                items.map_or(0, |items| items.iter().filter(|item| item["status"] == status).count())
            };
            let all = of_status("booked") == 11 && of_status("cancelled") == 1;
            (all && event["seats_sold"] == sold && left["seats_sold"] == sold).then_some([event, bookings, left])
        })
        .await
    };
    let before = settled(client.clone(), event_id.clone()).await;
    export(folder.path(), &file).await.succeeded();
    platform.stop().await;

    for service in ["event", "booking"] {
        restore(service, fresh.path(), &file).await.succeeded();
        let journals = (
            journal(fresh.path(), service).await,
            journal(folder.path(), service).await,
        );
        assert_eq!(journals.0, journals.1, "{service}");
        let output = operate("verify", service, fresh.path(), &[]).await.succeeded();
        assert!(output.contains("There are no views yet"), "{output}");
    }
    let platform = platform_in(fresh.path()).await;
    let client = platform.client();
    assert_eq!(settled(client.clone(), event_id.clone()).await, before);
    for service in ["event", "booking"] {
        digests(service, fresh.path()).await;
    }
    // And it goes on from there.
    client.post(&path, json!({"seats": 50 - sold + 1})).await.expect(409);
    client.post(&path, json!({"seats": 50 - sold})).await.expect(201);
    platform.stop().await;
    let refused = restore("booking", fresh.path(), &file).await.failed();
    assert!(refused.contains("the journal is not empty"), "{refused}");
}

/// What `verify` says of each view, once the views have taken in the whole log.
async fn digests(service: &str, folder: &Path) -> Vec<String> {
    let verified = || async {
        let output = operate("verify", service, folder, &[]).await.succeeded();
        output.contains("Everything agrees.").then_some(output)
    };
    let output = eventually("the views have taken in the log", verified).await;
    let views = output.lines().skip_while(|line| !line.starts_with("VIEW  "));
    views.take_while(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// A platform that began anew beside its old log would sell every seat a second time.
async fn asks_for_its_journal(service: &str, folder: &Path) {
    let error = does_not_start(folder).await;
    assert!(error.contains("begin anew"), "{error}");
    assert!(error.contains(&format!("myevents restore {service}")), "{error}");
}

async fn does_not_start(folder: &Path) -> String {
    let builder = PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"]).folder(folder);
    let Err(ended) = builder.try_start().await else {
        panic!("it starts");
    };
    assert!(!ended.status.success());
    assert_eq!(ended.error.lines().count(), 1, "{}", ended.error);
    ended.error
}

#[tokio::test]
async fn a_platform_that_has_lost_its_stores_is_built_from_the_log_alone() {
    let (folder, file) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    let services = ["event", "booking"];
    let platform = platform_in(folder.path()).await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 50).await;
    let path = format!("/events/{event_id}/bookings");
    let key = [("Idempotency-Key", "kept")];
    let kept = client.post_with(&path, &key, json!({"seats": 2})).await.expect(201);
    let booked = client.post(&path, json!({"seats": 4})).await.expect(201);
    let cancel = format!("/bookings/{}", booked["id"].as_str().unwrap());
    client.delete(&cancel).await.expect(200);
    let capacity = json!({"capacity": 60});
    client
        .patch_with(&format!("/events/{event_id}"), &[], capacity)
        .await
        .expect(200);
    eventually("both services see it", || async {
        let [event, _, left] = seen(&client, &event_id).await;
        (event["seats_left"] == 58 && left["seats_left"] == 58).then_some(())
    })
    .await;
    platform.stop().await;
    let mut before = Vec::new();
    for service in services {
        before.push((
            journal(folder.path(), service).await,
            digests(service, folder.path()).await,
        ));
    }
    assert!(
        before
            .iter()
            .all(|(journal, digests)| journal.len() > 1 && digests.len() > 2),
        "{before:?}"
    );

    export(folder.path(), file.path()).await.succeeded();
    for service in services {
        lose(folder.path(), service, Part::Everything);
    }
    asks_for_its_journal("event", folder.path()).await;
    let error = operate("verify", "event", folder.path(), &[]).await.failed();
    assert!(
        error.contains("it is empty, and the log has what the service once wrote"),
        "{error}"
    );
    restore("event", folder.path(), file.path()).await.succeeded();
    asks_for_its_journal("booking", folder.path()).await;
    restore("booking", folder.path(), file.path()).await.succeeded();
    let platform = platform_in(folder.path()).await;
    for (service, (journal_before, digests_before)) in services.into_iter().zip(before) {
        assert_eq!(journal(folder.path(), service).await, journal_before, "{service}");
        eventually(&format!("{service} has its views"), || async {
            (digests(service, folder.path()).await == digests_before).then_some(())
        })
        .await;
        operate("rebuild", service, folder.path(), &[]).await.succeeded();
        assert_eq!(digests(service, folder.path()).await, digests_before, "{service}");
    }
    let client = platform.client();
    let again = client.post_with(&path, &key, json!({"seats": 2})).await.expect(201);
    assert_eq!(again["id"], kept["id"], "the key is still known");
    client.post_with(&path, &key, json!({"seats": 3})).await.expect(422);
    client.post(&path, json!({"seats": 59})).await.expect(409);
    client.post(&path, json!({"seats": 58})).await.expect(201);
    platform.stop().await;
}

#[tokio::test]
async fn a_service_begins_beside_what_the_other_one_wrote() {
    let shared = tempfile::tempdir().unwrap();
    let events = service("eventservice", shared.path()).await;
    let created = events.client_of("event API").post("/events", opera()).await.expect(201);
    eventually("it is published", || async {
        let log = broker(shared.path()).await.listener;
        (log.known_lag("nobody").await.unwrap() > 1).then_some(())
    })
    .await;
    events.stop().await;

    let bookings = service("bookingservice", shared.path()).await;
    let path = format!("/events/{}/availability", created["id"].as_str().unwrap());
    let client = bookings.client_of("booking API");
    eventually("it is opened for booking", || async {
        let left = client.get(&path).await;
        (left.status == 200 && left.json()["seats_left"] == 10).then_some(())
    })
    .await;
    bookings.stop().await;
    let listener = broker(shared.path()).await.listener;
    assert_eq!(
        listener.known_lag("temporary.booking.beginning").await.unwrap(),
        listener.known_lag("nobody").await.unwrap(),
        "the group that looked is gone"
    );
}

#[tokio::test]
async fn a_broker_that_has_everything_already_recognises_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.jsonl");
    let platform = platform_in(folder.path()).await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 50).await;
    let path = format!("/events/{event_id}/bookings");
    client.post(&path, json!({"seats": 3})).await.expect(201);
    let left = || async { client.get(&format!("/events/{event_id}")).await.expect(200)["seats_left"].clone() };
    eventually("the booking is seen", || async { (left().await == 47).then_some(()) }).await;
    platform.stop().await;
    export(folder.path(), &file).await.succeeded();
    lose(folder.path(), "booking", Part::Everything);

    let output = restore("booking", folder.path(), &file).await.succeeded();
    assert!(output.contains("RESTORED"), "{output}");
    let platform = platform_in(folder.path()).await;
    let client = platform.client();
    eventually("the booking is seen", || async {
        let [event, bookings, _] = seen(&client, &event_id).await;
        (event["seats_left"] == 47 && bookings["items"].as_array()?.len() == 1).then_some(())
    })
    .await;
    // What the lost store had taken in of the other service comes again, so that what follows finds its beginning.
    client
        .patch_with(&format!("/events/{event_id}"), &[], json!({"capacity": 60}))
        .await
        .expect(200);
    eventually("the inventory follows the event", || async {
        let [_, _, availability] = seen(&client, &event_id).await;
        (availability["seats_left"] == 57).then_some(())
    })
    .await;
    for service in ["event", "booking"] {
        operate("verify", service, folder.path(), &[]).await.succeeded();
    }
    platform.stop().await;
}

#[tokio::test]
async fn a_service_that_runs_keeps_its_journal_to_itself() {
    let (folder, file) = exported(&long_history(1, 10));
    let platform = platform_in(folder.path()).await;
    let error = restore("booking", folder.path(), &file).await.failed();
    assert!(error.contains("is in use by another booking service"), "{error}");
    platform.stop().await;
    let missing = folder.path().join("missing.jsonl");
    let error = restore("booking", &folder.path().join("fresh"), &missing)
        .await
        .failed();
    assert!(error.contains("missing.jsonl` cannot be read"), "{error}");
    assert!(!folder.path().join("fresh").exists());
}

#[tokio::test]
async fn repeats_and_mixed_streams_are_put_in_order() {
    let (one, other) = (long_history(1, 40), History::inventory("other"));
    let mut other = other;
    let events = (0..20)
        .map(|n| if n == 0 { other.opened(99) } else { other.booked(1) })
        .collect();
    let other = other.commit(events);
    let mixed: Vec<Envelope> = one
        .iter()
        .zip(&other)
        .flat_map(|(one, other)| [one.clone(), other.clone()])
        .collect();
    let (folder, file) = exported(&[&mixed[..], &mixed[10..], &one[20..]].concat());
    let output = restore("booking", folder.path(), &file).await.succeeded();
    assert!(
        output
            .lines()
            .any(|line| line.starts_with("repeats") && line.ends_with(" 30")),
        "{output}"
    );
    let restored = journal(folder.path(), "booking").await;
    let sizes: Vec<usize> = restored.iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, 10, 10, 10, 10, 20]);
    assert_eq!(restored.concat(), shared(&[one, other].concat()));
    operate("verify", "booking", folder.path(), &[]).await.succeeded();
    // The other service has nothing in it.
    let output = restore("event", folder.path(), &file).await.succeeded();
    assert!(
        output
            .lines()
            .any(|line| line.starts_with("of other services") && line.ends_with("91")),
        "{output}"
    );
    assert!(journal(folder.path(), "event").await.is_empty());
}

#[tokio::test]
async fn a_commit_that_is_cut_off_is_left_out_and_named() {
    let envelopes = long_history(1, 30);
    let (folder, file) = exported(&envelopes[..26]);
    let output = restore("booking", folder.path(), &file).await.succeeded();
    let left_out = "stream inventory/crafted-0: the commit of versions 22 to 31 ends at 26";
    assert!(output.contains(left_out), "{output}");
    assert_eq!(
        journal(folder.path(), "booking").await.concat(),
        shared(&envelopes[..21])
    );
}

#[tokio::test]
async fn a_damaged_file_is_refused_from_there_on() {
    let envelopes = long_history(1, 30);
    let mut changed = envelopes.clone();
    let mut payload = changed[13].payload.to_value().unwrap();
    payload["seats"] = json!(2);
    changed[13].payload = payload.into();
    let gap = [&envelopes[..13], &envelopes[14..]].concat();
    for (damaged, version) in [(changed, 14), (gap, 15)] {
        let (folder, file) = exported(&damaged);
        let error = restore("booking", folder.path(), &file).await.failed();
        let named = format!("line 14: stream inventory/crafted-0, version {version}: ");
        assert!(
            error.contains(&named) && error.contains("2 commits before it are restored"),
            "{error}"
        );
        assert_eq!(
            journal(folder.path(), "booking").await.concat(),
            shared(&envelopes[..11])
        );
    }
    let (folder, file) = exported(&envelopes);
    let text = fs::read_to_string(&file)
        .unwrap()
        .replacen("\"version\":14,", "\"version\":14;", 1);
    fs::write(&file, text).unwrap();
    let error = restore("booking", folder.path(), &file).await.failed();
    assert!(
        error.contains("line 14: stream inventory/crafted-0, version 14: it is no envelope"),
        "{error}"
    );
}

#[tokio::test]
async fn a_service_does_not_start_on_a_part_of_its_journal() {
    let (folder, file) = exported(&long_history(1, 30));
    let whole = fs::read_to_string(&file).unwrap();
    let damaged = |version: &str| whole.replacen(version, "\"version\":0,", 1);

    fs::write(&file, damaged("\"version\":14,")).unwrap();
    restore("booking", folder.path(), &file).await.failed();
    for _ in 0..2 {
        let error = does_not_start(folder.path()).await;
        assert!(
            error.contains("only a part of what the booking service once wrote"),
            "{error}"
        );
    }
    let error = restore("booking", folder.path(), &file).await.failed();
    assert!(error.contains("the journal is not empty"), "{error}");
    let error = operate("verify", "booking", folder.path(), &[]).await.failed();
    assert!(
        error.contains("only a part of what the booking service once wrote"),
        "{error}"
    );

    let republished = myevents(&["republish", "--data-dir", folder.path().to_str().unwrap()])
        .await
        .failed();
    assert!(republished.contains("only a part"), "{republished}");

    lose(folder.path(), "booking", Part::Journal);
    let error = does_not_start(folder.path()).await;
    assert!(error.contains("a restore or a move to it did not end"), "{error}");
    fs::write(&file, &whole).unwrap();
    restore("booking", folder.path(), &file).await.succeeded();
    platform_in(folder.path()).await.stop().await;
}

#[tokio::test]
async fn a_service_starts_where_nothing_could_be_restored() {
    let (folder, file) = exported(&long_history(1, 10));
    fs::write(&file, "nonsense").unwrap();
    restore("booking", folder.path(), &file).await.failed();
    for _ in 0..2 {
        let platform = platform_in(folder.path()).await;
        event_with_seats(&platform.client(), 5).await;
        platform.stop().await;
    }
}

/// Whichever byte it is that flips in a stream's last line: nothing is taken for a repeat, or for another service's.
#[tokio::test]
async fn a_flipped_byte_in_the_last_line_leaves_no_booking_out() {
    let (folder, file) = exported(&long_history(1, 10)[..11]);
    let whole = fs::read_to_string(&file).unwrap();
    let last = whole.trim_end().rfind('\n').unwrap();
    for (number, (from, to)) in [
        ("\"version\":11,", "\"version\":10,"),
        ("\"version\":11,", "\"version\":01,"),
        ("\"version\":11,", "\"version\": 1,"),
        ("\"version\":11,", "\"version\":  9,"),
        ("inventory/", "inventoRy/"),
        ("inventory/", "inventory."),
        ("crafted", "crofted"),
    ]
    .into_iter()
    .enumerate()
    {
        let damaged = whole[last..].replacen(from, to, 1);
        assert_ne!(damaged, whole[last..]);
        fs::write(&file, whole[..last].to_owned() + &damaged).unwrap();
        let fresh = folder.path().join(number.to_string());
        let error = restore("booking", &fresh, &file).await.failed();
        assert!(error.contains("line 11: "), "{to}: {error}");
        let from_file = ["verify", "booking", "--from", file.to_str().unwrap()];
        let error = myevents(&from_file).await.failed();
        assert!(error.contains("line 11: "), "{to}: {error}");
    }
}

#[tokio::test]
async fn what_is_no_envelope_is_passed_over_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let envelopes = long_history(1, 10);
    let broker = log(folder.path()).await;
    let nonsense = Message {
        key: "?".to_owned(),
        attributes: Default::default(),
        body: b"hello".to_vec(),
    };
    broker.broker().emitter.emit(&shared(&envelopes[..3])).await.unwrap();
    broker.emit_raw(&[nonsense]).await.unwrap();
    broker.broker().emitter.emit(&shared(&envelopes[3..])).await.unwrap();
    let outcome = myevents(&["export", "--data-dir", folder.path().to_str().unwrap()]).await;
    assert!(
        outcome.error.contains("message 4 of the log is no envelope"),
        "{}",
        outcome.error
    );
    assert!(
        outcome.error.contains("1 message of the log passed over"),
        "{}",
        outcome.error
    );
    let lines = outcome.succeeded();
    let read = lines
        .lines()
        .map(|line| serde_json::from_str::<Envelope>(line).unwrap());
    assert_eq!(read.collect::<Vec<_>>(), envelopes);
}

fn nothing_is_left_of_parts(folder: &Path) {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let parts: Vec<_> = names.filter(|name| name.to_str().unwrap().ends_with(".part")).collect();
    assert!(parts.is_empty(), "{parts:?}");
}

/// A folder whose log is longer than any pipe.
async fn with_a_log(envelopes: &[Envelope]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let broker = log(folder.path()).await;
    broker.broker().emitter.emit(&shared(envelopes)).await.unwrap();
    folder
}

fn lines_of(file: &Path) -> Vec<Envelope> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn what_is_damaged_in_the_log_is_named_and_the_rest_is_exported() {
    let envelopes = long_history(1, 20);
    let folder = with_a_log(&envelopes).await;
    let rows = rusqlite::Connection::open(folder.path().join("broker/log.sqlite")).unwrap();
    let damage = "UPDATE log SET envelope = replace(envelope, '\"payload\"', '\"payload\\') WHERE offset = 5";
    rows.execute(damage, []).unwrap();
    rows.execute("DELETE FROM log WHERE offset = 9", []).unwrap();
    let file = folder.path().join("log.jsonl");
    let outcome = export(folder.path(), &file).await;
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.error);
    let named = "message 5 of the log cannot be exported: stream inventory/crafted-0, version 5: it is damaged";
    assert!(outcome.error.contains(named), "{}", outcome.error);
    let error = "error: 2 messages of the log could not be exported; everything else is written\n";
    assert!(outcome.error.ends_with(error), "{}", outcome.error);
    let rest = [&envelopes[..4], &envelopes[5..8], &envelopes[9..]].concat();
    assert_eq!(lines_of(&file), rest);

    // Another copy of it makes it good.
    rows.execute("INSERT INTO log (offset, key, attributes, body, envelope) SELECT 9, key, attributes, body, ?1 FROM log WHERE offset = 1",
        [serde_json::to_string(&envelopes[8]).unwrap()]).unwrap();
    let broker = log(folder.path()).await;
    broker.broker().emitter.emit(&shared(&envelopes[4..5])).await.unwrap();
    export(folder.path(), &file).await.succeeded();
    assert_eq!(lines_of(&file).len(), envelopes.len());
}

#[tokio::test]
async fn an_export_ends_when_it_is_told_though_nobody_reads_it() {
    let folder = with_a_log(&long_history(1, 6_000)).await;
    let fifo = folder.path().join("pipe");
    make_fifo(&fifo);
    for (signal, to) in [("INT", None), ("TERM", Some(&fifo))] {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_myevents"));
        command.args(["export", "--data-dir"]).arg(folder.path());
        command.args(to.iter().flat_map(|to| ["--to".as_ref(), to.as_os_str()]));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        match to {
            // Its first batch does not fit into the pipe.
            None => _ = child.stdout.as_mut().unwrap().read_u8().await.unwrap(),
            Some(_) => has_begun(folder.path()).await,
        }
        send(signal, child.id().unwrap());
        let status = timeout(PATIENCE, child.wait()).await.expect("it does not end").unwrap();
        let mut error = String::new();
        child.stderr.take().unwrap().read_to_string(&mut error).await.unwrap();
        assert_eq!(
            (status.code(), error.as_str()),
            (Some(1), "error: it was interrupted\n")
        );
    }
    nothing_is_left_of_parts(folder.path());
}

fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn send(signal: &str, pid: u32) {
    let status = Command::new("kill")
        .args([&format!("-{signal}"), &pid.to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// Waits until an export is a group of the broker's.
async fn has_begun(folder: &Path) {
    let rows = rusqlite::Connection::open(folder.join("broker/log.sqlite")).unwrap();
    let count = || {
        rows.query_row(
            "SELECT count(*) FROM groups WHERE name LIKE 'temporary.export.%'",
            [],
            |row| row.get(0),
        )
    };
    eventually("the export has begun", || {
        let groups: u32 = count().unwrap();
        async move { (groups > 0).then_some(()) }
    })
    .await;
}

#[tokio::test]
async fn an_interrupted_export_leaves_no_part_of_a_file() {
    let folder = with_a_log(&long_history(20, 2_000)).await;
    let file = folder.path().join("log.jsonl");
    let mut command = Command::new(env!("CARGO_BIN_EXE_myevents"));
    command
        .args(["export", "--data-dir"])
        .arg(folder.path())
        .arg("--to")
        .arg(&file);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let part = folder.path().join("log.jsonl.part");
    eventually("some of it is written", || {
        let written = fs::metadata(&part).is_ok_and(|part| part.len() > 0);
        assert!(!file.exists(), "it is through already");
        async move { written.then_some(()) }
    })
    .await;
    send("INT", child.id());
    let ended = tokio::task::spawn_blocking(|| child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(!file.exists());
    nothing_is_left_of_parts(folder.path());
}

#[tokio::test]
async fn a_pipe_and_a_device_are_written_to_and_stay_what_they_are() {
    let envelopes = long_history(1, 50);
    let folder = with_a_log(&envelopes).await;
    let fifo = folder.path().join("pipe");
    make_fifo(&fifo);
    let reader = Command::new("cat").arg(&fifo).stdout(Stdio::piped()).spawn().unwrap();
    export(folder.path(), &fifo).await.succeeded();
    let read = reader.wait_with_output().unwrap();
    assert_eq!(read.stdout.split(|byte| *byte == b'\n').count(), envelopes.len() + 1);
    assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());

    let output = export(folder.path(), Path::new("/dev/stdout")).await.succeeded();
    assert_eq!(output.lines().count(), envelopes.len());
    let error = export(folder.path(), Path::new("/dev/full")).await.failed();
    assert!(
        error.contains("`/dev/full` cannot be written: No space left"),
        "{error}"
    );
    let error = export(folder.path(), folder.path()).await.failed();
    assert!(error.contains("Is a directory"), "{error}");
    nothing_is_left_of_parts(folder.path());
}
