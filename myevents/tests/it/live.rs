//! Open streams: what happens is told as it happens, to all, once, and by whichever replica.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Client, EventStream, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::racing::event_at;
use crate::support::{event_with_seats, platform, service};

const SEATS: u32 = 100_000;
/// Seats whose messages fill all that is between a server and who does not read.
const MUCH: u64 = 12_000;
const LONG: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);

async fn book(client: &Client, event_id: &str, seats: u32) -> Value {
    let path = format!("/events/{event_id}/bookings");
    client.post(&path, json!({ "seats": seats })).await.expect(201)
}

async fn cancel(client: &Client, event_id: &str) {
    let path = format!("/events/{event_id}/cancel");
    client.post(&path, json!({})).await.expect(200);
}

fn stream_of(event_id: &str) -> String {
    format!("/events/{event_id}/stream")
}

#[tokio::test]
async fn what_happens_to_an_event_is_told_as_it_happens() {
    let platform = platform().await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 10).await;
    let mut stream = client.listen(&stream_of(&event_id), None).await;
    let now = stream.expect("availability").await;
    assert_eq!(now.data["seats_left"], 10);
    assert_eq!(now.data["status"], "on_sale");

    let booking = book(&client, &event_id, 4).await;
    let booked = stream.expect("event.booked").await;
    assert_eq!(booked.id, now.id.map(|id| id + 1));
    assert_eq!(booked.data["seats_left"], 6);
    assert_eq!(booked.data["facts"]["seats"], 4);
    let told = booked.data.to_string();
    assert!(!told.contains(booking["id"].as_str().unwrap()), "{told}");
    assert!(!told.contains(booking["user_id"].as_str().unwrap()), "{told}");

    client
        .delete(&format!("/bookings/{}", booking["id"].as_str().unwrap()))
        .await
        .expect(200);
    let cancelled = stream.expect("booking.cancelled").await;
    assert_eq!(cancelled.data["seats_left"], 10);
    cancel(&client, &event_id).await;
    stream.expect("inventory.closed").await;
    platform.stop().await;
}

#[tokio::test]
async fn what_is_left_is_told_without_what_led_to_it() {
    let platform = platform().await;
    let client = platform.client();
    let (watched, other) = (event_with_seats(&client, 5).await, event_with_seats(&client, 7).await);
    let only = format!("{}?only=availability", stream_of(&watched));
    let mut one = client.listen(&only, None).await;
    let mut named = client.listen(&format!("/stream?events={watched}"), None).await;
    let mut all = client.listen("/stream", None).await;
    assert_eq!(one.expect("availability").await.data["seats_left"], 5);
    let snapshot = named.expect("snapshot").await.data;
    assert_eq!(snapshot["is_complete"], true);
    assert_eq!(snapshot["items"].as_array().unwrap().len(), 1);
    let snapshot = all.expect("snapshot").await.data;
    let ids = snapshot["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["event_id"]);
    let ids: BTreeSet<&str> = ids.filter_map(Value::as_str).collect();
    assert!(
        ids.is_superset(&BTreeSet::from([watched.as_str(), other.as_str()])),
        "{ids:?}"
    );

    book(&client, &other, 1).await;
    left(&mut all, &other, 6).await;
    book(&client, &watched, 5).await;
    for stream in [&mut one, &mut named] {
        assert_eq!(left(stream, &watched, 0).await, BTreeSet::from([watched.clone()]));
    }
    left(&mut all, &watched, 0).await;
    let mut again = client.listen(&only, Some(1_000)).await;
    assert_eq!(again.expect("availability").await.data["seats_left"], 0);
    cancel(&client, &watched).await;
    assert_eq!(again.expect("availability").await.data["status"], "cancelled");
    platform.stop().await;
}

/// Reads on until an event has so many seats left. Returns of which events was told meanwhile.
async fn left(stream: &mut EventStream, event_id: &str, seats: u64) -> BTreeSet<String> {
    let mut events = BTreeSet::new();
    loop {
        let told = stream.expect("availability").await.data;
        events.extend(told["event_id"].as_str().map(str::to_owned));
        if told["event_id"] == event_id && told["seats_left"] == seats {
            return events;
        }
    }
}

async fn one_version(client: &Client, path: &str) -> u64 {
    let mut stream = client.listen(path, None).await;
    stream.expect("availability").await.id.unwrap()
}

/// Two replicas sell, two readers follow at one each, and a third one changes over between them all the time.
#[tokio::test]
async fn who_comes_back_misses_nothing_and_hears_nothing_twice() {
    let shared = tempfile::tempdir().unwrap();
    let events = service("eventservice", shared.path()).await;
    let replicas = [
        service("bookingservice", shared.path()).await,
        service("bookingservice", shared.path()).await,
    ];
    let clients = replicas.each_ref().map(|replica| replica.client_of("booking API"));
    let event_id = event_at(&events, &clients, SEATS).await;
    let first = one_version(&clients[0], &stream_of(&event_id)).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(sell(clients.clone(), event_id.clone(), Arc::clone(&is_over)));

    let follow = |client: &Client| follow(client.clone(), event_id.clone(), first, 300);
    let (one, other, changing) = tokio::join!(
        follow(&clients[0]),
        follow(&clients[1]),
        change_over(&clients, &event_id, first)
    );
    is_over.store(true, Ordering::Relaxed);
    load.await.unwrap();
    for heard in [one, other, changing] {
        let expected: Vec<u64> = (first + 1..).take(heard.len()).collect();
        assert_eq!(heard, expected);
    }
    for replica in replicas {
        replica.stop().await;
    }
    events.stop().await;
}

async fn sell(clients: [Client; 2], event_id: String, is_over: Arc<AtomicBool>) {
    let sellers = (0..8).map(async |number| {
        let (client, path) = (&clients[number % 2], format!("/events/{event_id}/bookings"));
        while !is_over.load(Ordering::Relaxed) {
            // Whoever is refused for a moment goes on.
            client.post(&path, json!({"seats": 1})).await;
        }
    });
    join_all(sellers).await;
}

/// The versions that are told behind one, so many of them.
async fn follow(client: Client, event_id: String, after: u64, count: usize) -> Vec<u64> {
    let mut stream = client.listen(&stream_of(&event_id), Some(after)).await;
    let mut heard = Vec::new();
    while heard.len() < count {
        let told = stream.next().await.expect("the stream goes on");
        assert_eq!(told.id, told.data["version"].as_u64());
        heard.push(told.id.unwrap());
    }
    heard
}

/// Hears a few at one replica, and goes on at the other.
async fn change_over(clients: &[Client; 2], event_id: &str, first: u64) -> Vec<u64> {
    let mut heard = Vec::new();
    for round in 0..30 {
        let after = heard.last().copied().unwrap_or(first);
        let client = clients[round % 2].clone();
        heard.extend(follow(client, event_id.to_owned(), after, 1 + round % 12).await);
    }
    heard
}

/// Nobody waits for who does not read, and what is kept for him has a bound.
#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_to_resume() {
    let platform = platform().await;
    let client = platform.client();
    let event_id = event_with_seats(&client, SEATS).await;
    let mut slow = connection_of_few_bytes(&client).await;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: slow\r\nConnection: close\r\n\r\n",
        stream_of(&event_id)
    );
    slow.write_all(request.as_bytes()).await.unwrap();
    let is_open = || async { (platform.metric("booking", "myevents_streams_open").await > 0.0).then_some(()) };
    eventually("the stream is open", is_open).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(sell(
        [client.clone(), client.clone()],
        event_id.clone(),
        Arc::clone(&is_over),
    ));
    // It has to take long as well, so that more comes than what is kept for it, one look after the other.
    let begun = Instant::now();
    let much = || async {
        let event = client.get(&format!("/events/{event_id}")).await.expect(200);
        let sold = u64::from(SEATS) - event["seats_left"].as_u64()?;
        (sold > MUCH && begun.elapsed() > LONG).then_some(())
    };
    eventually("much happens", much).await;
    is_over.store(true, Ordering::Relaxed);
    load.await.unwrap();

    let mut told = String::new();
    let reading = timeout(PATIENCE, slow.read_to_string(&mut told)).await;
    reading.expect("the stream has ended").unwrap();
    assert!(
        told.contains("event: resume\ndata: {\"reason\":\"too_slow\"}"),
        "it is told"
    );
    assert!(platform.metric("booking", "myevents_streams_slow_total").await > 0.0);
    let last = told
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .next_back()
        .unwrap();
    let last: u64 = last.parse().unwrap();
    let mut again = client.listen(&stream_of(&event_id), Some(last)).await;
    assert_eq!(again.next().await.unwrap().id, Some(last + 1));
    platform.stop().await;
}

/// One that holds as few bytes on their way as there can be.
async fn connection_of_few_bytes(client: &Client) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1_024).unwrap();
    let address = client.base().strip_prefix("http://").unwrap();
    socket.connect(address.parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn streams_end_with_the_server() {
    let mut platform = platform().await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 10).await;
    let mut streams = vec![client.listen("/stream", None).await];
    streams.push(client.listen(&stream_of(&event_id), None).await);
    streams.push(
        client
            .listen(&format!("{}?only=availability", stream_of(&event_id)), None)
            .await,
    );
    for stream in &mut streams {
        stream.next().await.unwrap();
    }
    platform.terminate();
    for mut stream in streams {
        while stream.next().await.is_some() {}
    }
    assert!(platform.exited().await.success());
}

#[tokio::test]
async fn what_no_stream_can_be_is_refused() {
    let platform = platform().await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 10).await;
    client.get("/events/unknown/stream").await.expect(404);
    for (path, field) in [
        (format!("{}?only=everything", stream_of(&event_id)), "only"),
        (format!("{}?after=-1", stream_of(&event_id)), "after"),
        ("/stream?events=".to_owned(), "events"),
        (
            format!(
                "/stream?events={}",
                (0..300).map(|n| format!("e{n}")).collect::<Vec<_>>().join(",")
            ),
            "events",
        ),
    ] {
        let refused = client.get(&path).await.expect(422);
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
    }
    for id in ["x", "-1", "1.5", "99999999999999999999999"] {
        let headers = [("Last-Event-ID", id)];
        let refused = client.get_with(&stream_of(&event_id), &headers).await.expect(422);
        assert_eq!(refused["errors"][0]["field"], "Last-Event-ID", "{refused}");
    }
    let head = client.send(Method::HEAD, &stream_of(&event_id), &[], None).await;
    assert_eq!(
        (head.status, head.header("content-type")),
        (200, Some("text/event-stream"))
    );
    client.post("/stream", json!({})).await.expect(405);
    // A version that there is not yet may be another replica's; one that never comes is answered by what there is.
    let mut ahead = client.listen(&stream_of(&event_id), Some(1_000)).await;
    assert_eq!(ahead.expect("availability").await.data["seats_left"], 10);
    platform.stop().await;
}
