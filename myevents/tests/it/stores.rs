//! Stores that are servers, and what becomes of the platform when they go away. Each test hurts a server of its own.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::servers::{Kind, ReplicaSet, Server};
use testkit::{Client, Platform, PlatformBuilder, eventually};

use crate::journal::walk_inventory_in;
use crate::support::event_with_seats;

const SEATS: u32 = 100_000;
/// Within which whoever books is told that it cannot be done now.
const BOUND: Duration = Duration::from_secs(25);
const CLIENTS: usize = 8;
/// Several times as many as are decided together.
const CROWD: usize = 800;

async fn platform_at(folder: &TempDir, database: &str) -> Platform {
    builder_at(folder, database).start().await
}

/// A platform on the databases of a server, with the embedded broker.
fn builder_at(folder: &TempDir, database: &str) -> PlatformBuilder {
    PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .folder(folder.path())
        .variable("MYEVENTS_EVENT__STORE", &of(database, "event"))
        .variable("MYEVENTS_BOOKING__STORE", &of(database, "booking"))
        .variable(
            "MYEVENTS_BROKER",
            &format!("embedded:{}", folder.path().join("broker").display()),
        )
}

fn of(database: &str, service: &str) -> String {
    Kind::MongoDb.place(database, service)
}

async fn sold_and_bookings(database: &str, event_id: &str) -> (u32, BTreeSet<String>) {
    let stores = persistence::open(&of(database, "booking")).await.unwrap();
    let inventory = walk_inventory_in(&*stores.journal, event_id).await;
    (inventory.sold, inventory.bookings.into_keys().collect())
}

/// Without the store nothing can be decided. Whoever asks is told so, in time; and all goes on by itself.
async fn bookings_wait_for_a_store(hurt: fn(&mut Server), mend: fn(&mut Server)) {
    let server = Server::start(Kind::MongoDb).await;
    let folder = tempfile::tempdir().unwrap();
    let platform = platform_at(&folder, &server.url()).await;
    let client = platform.client();
    let event_id = event_with_seats(&client, SEATS).await;
    let path = format!("/events/{event_id}/bookings");
    client.post(&path, json!({"seats": 1})).await.expect(201);

    let server = server.after(hurt).await;
    let began = Instant::now();
    let crowd = join_all((0..CROWD).map(|_| client.post(&path, json!({"seats": 1})))).await;
    println!("told after {:?}", began.elapsed());
    for refused in crowd {
        assert_eq!(
            refused.expect(503)["type"],
            "https://myevents.example/problems/unavailable"
        );
        assert!(refused.header("retry-after").is_some());
    }
    assert!(began.elapsed() < BOUND, "told after {:?}", began.elapsed());
    let told = || async {
        client
            .get("/health/ready")
            .await
            .text
            .contains("degraded")
            .then_some(())
    };
    eventually("health says so", told).await;

    let server = server.after(mend).await;
    let books = || async { (client.post(&path, json!({"seats": 1})).await.status == 201).then_some(()) };
    eventually("bookings go on", books).await;
    let is_well = || async { (!client.get("/health/ready").await.text.contains("degraded")).then_some(()) };
    eventually("health is well", is_well).await;
    let (sold, bookings) = sold_and_bookings(&server.url(), &event_id).await;
    assert_eq!(usize::try_from(sold).unwrap(), bookings.len());
    let counted = || async {
        let seen = client.get(&format!("/events/{event_id}")).await.expect(200)["seats_left"].as_u64();
        (seen == Some(u64::from(SEATS - sold))).then_some(())
    };
    eventually("the views have caught up", counted).await;
    platform.stop().await;
    server.end_for_good().await;
}

/// The start was past its beginning when the store went away.
#[tokio::test]
async fn a_start_goes_on_when_its_mongodb_was_away_meanwhile() {
    let server = Server::start(Kind::MongoDb).await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let starting = builder_at(&folder, &server.url()).log(&log).start();
    let stores = persistence::open(&of(&server.url(), "event")).await.unwrap();
    let hurting = async {
        let begins_views = || async { stores.documents.scan("generations", None, 1).await.ok() };
        eventually("views begin", begins_views).await;
        server.cut();
        let waits = || async {
            std::fs::read_to_string(&log)
                .ok()?
                .contains("the service waits for it")
                .then_some(())
        };
        eventually("the start waits", waits).await;
        server.mend();
    };
    let (platform, ()) = tokio::join!(starting, hurting);
    event_with_seats(&platform.client(), 1).await;
    platform.stop().await;
    server.end_for_good().await;
}

#[tokio::test]
async fn bookings_wait_for_a_mongodb_that_is_down() {
    bookings_wait_for_a_store(Server::stop, Server::begin).await;
}

#[tokio::test]
async fn bookings_wait_for_a_mongodb_that_was_killed() {
    bookings_wait_for_a_store(Server::kill, Server::begin).await;
}

#[tokio::test]
async fn bookings_wait_for_a_mongodb_that_is_paused() {
    bookings_wait_for_a_store(|server| server.pause(), |server| server.resume()).await;
}

#[tokio::test]
async fn bookings_wait_for_a_mongodb_that_is_cut_off() {
    bookings_wait_for_a_store(|server| server.cut(), |server| server.mend()).await;
}

/// Both services by one URL that names no database, as it may stand in a configuration.
fn encrypted_platform(folder: &TempDir, url: &str) -> PlatformBuilder {
    PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .folder(folder.path())
        .variable("MYEVENTS_STORE", url)
}

#[tokio::test]
async fn mongodb_is_spoken_to_by_tls_and_logged_in_to() {
    let folder = tempfile::tempdir().unwrap();
    let files = chassis::tls::self_signed(&folder.path().join("pair")).unwrap();
    let server = Server::start_encrypted(Kind::MongoDb, &files.certificate, &files.private_key).await;
    let trusting = |roots: &Path| format!("{}&tlsCAFile={}", server.encrypted_url(), roots.display());
    let trusted = trusting(&files.certificate);
    let platform = encrypted_platform(&folder, &trusted).start().await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 10).await;
    let path = format!("/events/{event_id}/bookings");
    client.post(&path, json!({"seats": 4})).await.expect(201);
    platform.stop().await;
    let platform = encrypted_platform(&folder, &trusted).start().await;
    platform.client().post(&path, json!({"seats": 7})).await.expect(409);
    platform.stop().await;

    let wrong = trusted.replace("guest:guest", "guest:s3cret");
    let refused = encrypted_platform(&folder, &wrong).try_start().await.err();
    let refused = refused.expect("it started").error;
    assert_eq!(refused.lines().count(), 1, "{refused}");
    assert!(
        refused.contains("the store refuses") && !refused.contains("s3cret"),
        "{refused}"
    );
    let other = chassis::tls::self_signed(&folder.path().join("other")).unwrap();
    let stranger = Kind::MongoDb.place(&trusting(&other.certificate), "events");
    let error = persistence::open(&stranger).await.err();
    let error = error.expect("an unknown certificate is not trusted");
    assert!(chassis::causes(&error).contains("certificate"), "{error:?}");
    server.end_for_good().await;
}

/// The write is done and its reply lost: whoever repeats it must not book twice. Nothing helps but that a journal knows its
/// own commit again: the driver's own repetition, which the server would recognise, is off, and requests have no keys.
#[tokio::test]
async fn a_write_whose_reply_was_lost_books_once() {
    const BOOKINGS: usize = 50;
    let server = Server::start(Kind::MongoDb).await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}&retryWrites=false", server.url());
    let platform = platform_at(&folder, &url).await;
    let client = platform.client();
    let event_id = event_with_seats(&client, SEATS).await;
    let path = format!("/events/{event_id}/bookings");
    let (mut acknowledged, mut unknown) = (BTreeSet::new(), 0);
    for _ in 0..BOOKINGS {
        server.lose_replies(2);
        let reply = client.post(&path, json!({"seats": 1})).await;
        match reply.status {
            201 => drop(acknowledged.insert(reply.json()["id"].as_str().unwrap().to_owned())),
            _ => unknown += usize::from(reply.expect(503).is_object()),
        }
    }
    server.lose_replies(0);
    let (_, bookings) = sold_and_bookings(&server.url(), &event_id).await;
    println!(
        "{} acknowledged, {unknown} not known, {} booked",
        acknowledged.len(),
        bookings.len()
    );
    assert!(acknowledged.is_subset(&bookings), "a booking is lost");
    assert!(
        bookings.len() <= acknowledged.len() + unknown,
        "a booking was made twice"
    );
    assert!(unknown < BOOKINGS / 2, "most of them were not known");
    platform.stop().await;
    server.end_for_good().await;
}

/// Books until it is told to end, whatever happens; returns what was acknowledged.
async fn book(client: Client, path: String, is_over: Arc<AtomicBool>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let reply = client
            .try_send(Method::POST, &path, &[], Some(json!({"seats": 1})))
            .await;
        if let Ok(reply) = reply.map_err(drop)
            && reply.status == 201
        {
            acknowledged.push(reply.json()["id"].as_str().unwrap().to_owned());
        }
    }
    acknowledged
}

async fn survives(hurt: fn(&mut ReplicaSet)) {
    let set = ReplicaSet::start().await;
    let folder = tempfile::tempdir().unwrap();
    let database = set.url();
    let platform = platform_at(&folder, &database).await;
    let client = platform.client();
    let event_id = event_with_seats(&client, SEATS).await;
    let path = format!("/events/{event_id}/bookings");
    let is_over = Arc::new(AtomicBool::new(false));
    let books = (0..CLIENTS).map(|_| book(client.clone(), path.clone(), Arc::clone(&is_over)));
    let load = tokio::spawn(join_all(books));
    let mut set = set;
    for _ in 0..3 {
        set = set.after(hurt).await;
        let books = || async { (client.post(&path, json!({"seats": 1})).await.status == 201).then_some(()) };
        eventually("bookings go on", books).await;
    }
    is_over.store(true, Ordering::Relaxed);
    let acknowledged: Vec<String> = load.await.unwrap().into_iter().flatten().collect();
    // Chained and without gaps: no version was given twice.
    let (sold, bookings) = sold_and_bookings(&database, &event_id).await;
    println!("{} acknowledged, {sold} sold", acknowledged.len());
    assert!(acknowledged.iter().all(|id| bookings.contains(id)), "a booking is lost");
    assert!(!acknowledged.is_empty());
    let counted = || async {
        let event: Value = client.get(&format!("/events/{event_id}")).await.json();
        (event["seats_left"] == SEATS - sold).then_some(())
    };
    eventually("the views have caught up", counted).await;
    platform.stop().await;
    set.end_for_good().await;
}

#[tokio::test]
async fn a_primary_that_steps_down_takes_no_booking_with_it() {
    survives(ReplicaSet::step_down).await;
}

#[tokio::test]
async fn a_primary_that_is_killed_takes_no_booking_with_it() {
    survives(ReplicaSet::kill_primary).await;
}
