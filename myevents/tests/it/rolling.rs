//! A new version is rolled out: replica by replica, under load, as Kubernetes does it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use testkit::servers::{Kind, Nginx, Replicas, shared};
use testkit::{Client, Platform, PlatformBuilder, Reply, eventually};
use uuid::Uuid;

use crate::support::{binary, event_with_seats, operate_with};

const CLIENTS: usize = 6;
const SEATS: u32 = 100_000;
/// Longer than nginx, as it is shipped, keeps connections that nobody uses.
const DRAIN_SECONDS: &str = "5";

/// Where all replicas meet.
struct Place {
    variables: [(&'static str, String); 3],
}

impl Place {
    async fn new() -> Self {
        let name = format!("test-{}", Uuid::now_v7().simple());
        let database = shared(Kind::MongoDb).await;
        let store = |service: &str| Kind::MongoDb.place(&database, &format!("{name}-{service}"));
        let broker = Kind::RabbitMq.place(&shared(Kind::RabbitMq).await, &name);
        Self {
            variables: [
                ("MYEVENTS_EVENT__STORE", store("event")),
                ("MYEVENTS_BOOKING__STORE", store("booking")),
                ("MYEVENTS_BROKER", broker),
            ],
        }
    }

    async fn start(&self, program: &str) -> Platform {
        let builder = PlatformBuilder::new(binary(program), &[]).variable("MYEVENTS_DRAIN_SECONDS", DRAIN_SECONDS);
        let with = |builder: PlatformBuilder, (name, value): &(&str, String)| builder.variable(name, value);
        self.variables.iter().fold(builder, with).start().await
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As Kubernetes does, by preStop.
    LeftFirst,
    /// As where nobody waits: connections to it are open, and nginx finds out by itself.
    EndsFirst,
}

/// Both services, two replicas of each, and nginx in front.
struct Cluster {
    place: Place,
    events: Vec<Platform>,
    bookings: Vec<Platform>,
    front: Nginx,
}

impl Cluster {
    async fn start() -> Self {
        let place = Place::new().await;
        let events = vec![place.start("eventservice").await, place.start("eventservice").await];
        let bookings = vec![place.start("bookingservice").await, place.start("bookingservice").await];
        let [at_event, at_booking] = [addresses(&events, "event API"), addresses(&bookings, "booking API")];
        Self {
            front: Nginx::start(&shipped(), &replicas(&at_event, &at_booking)).await,
            place,
            events,
            bookings,
        }
    }

    /// One more that is ready, then one less. `order` is what the old one meets first: that nobody is sent there any more, or
    /// that it is told to end.
    async fn replace(&mut self, program: &str, order: Order) {
        let new = self.place.start(program).await;
        let group = self.group(program);
        group.push(new);
        let old = group.remove(0);
        if order == Order::EndsFirst {
            old.terminate();
        }
        let [events, bookings] = [
            addresses(&self.events, "event API"),
            addresses(&self.bookings, "booking API"),
        ];
        self.front.send_to(&replicas(&events, &bookings)).await;
        if order == Order::LeftFirst {
            old.terminate();
        }
        old.ends().await;
    }

    fn group(&mut self, program: &str) -> &mut Vec<Platform> {
        match program {
            "eventservice" => &mut self.events,
            _ => &mut self.bookings,
        }
    }

    async fn stop(self) {
        for replica in self.events.into_iter().chain(self.bookings) {
            replica.stop().await;
        }
    }
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/nginx")
}

fn addresses(platforms: &[Platform], endpoint: &str) -> Vec<String> {
    let address = |platform: &Platform| platform.url(endpoint).trim_start_matches("http://").to_owned();
    platforms.iter().map(address).collect()
}

fn replicas<'a>(events: &'a [String], bookings: &'a [String]) -> Replicas<'a> {
    Replicas { events, bookings }
}

/// What the clients of a load have in common.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    answered: AtomicUsize,
}

impl Load {
    /// Waits until each client has had some answers.
    async fn goes_on(&self) {
        let goal = self.answered.load(Ordering::Relaxed) + 20 * CLIENTS;
        let reached = || async { (self.answered.load(Ordering::Relaxed) >= goal).then_some(()) };
        eventually("the load goes on", reached).await;
    }
}

fn token_of(reply: &Reply) -> (&'static str, &str) {
    ("Consistency-Token", reply.header("consistency-token").unwrap())
}

/// Books, reads, and gives every third booking back, until it is told to stop. Whatever is not answered as it should be ends
/// the test. Returns the seats that are left booked.
async fn visit(client: Client, event: String, load: Arc<Load>) -> u64 {
    let path = format!("/events/{event}/bookings");
    let (mut seats, mut turn) = (0, 0);
    while !load.stop.load(Ordering::Relaxed) {
        turn += 1;
        let booked = client.post(&path, json!({"seats": 2})).await;
        let id = booked.expect(201)["id"].as_str().unwrap().to_owned();
        let token = token_of(&booked);
        let read = client.get_with(&format!("/events/{event}"), &[token]).await.expect(200);
        assert_eq!(read["id"], json!(event));
        if turn % 3 == 0 {
            let path = format!("/bookings/{id}");
            client.send(Method::DELETE, &path, &[token], None).await.expect(200);
        } else {
            seats += 2;
        }
        load.answered.fetch_add(3, Ordering::Relaxed);
    }
    seats
}

async fn seats_sold(client: &Client, event: &str) -> Value {
    client.get(&format!("/events/{event}/availability")).await.expect(200)["seats_sold"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_are_replaced_one_by_one_and_no_request_fails() {
    let mut cluster = Cluster::start().await;
    let client = Client::new(cluster.front.url());
    let event = event_with_seats(&client, SEATS).await;
    let load = Arc::new(Load::default());
    let visitor = |_| tokio::spawn(visit(client.clone(), event.clone(), Arc::clone(&load)));
    let visitors: Vec<_> = (0..CLIENTS).map(visitor).collect();
    for order in [Order::LeftFirst, Order::EndsFirst] {
        for program in ["eventservice", "bookingservice"] {
            load.goes_on().await;
            cluster.replace(program, order).await;
        }
    }
    load.goes_on().await;
    load.stop.store(true, Ordering::Relaxed);
    let mut booked = 0;
    for visitor in visitors {
        booked += visitor.await.unwrap();
    }
    eventually("all that was booked is told", || async {
        (seats_sold(&client, &event).await == json!(booked)).then_some(())
    })
    .await;
    for service in ["event", "booking"] {
        eventually("the views have taken in the log, and agree", || async {
            let said = operate_with("verify", service, &cluster.place.variables)
                .await
                .succeeded();
            said.contains("Everything agrees.").then_some(())
        })
        .await;
    }
    cluster.stop().await;
}

#[tokio::test]
async fn what_ends_answers_and_sends_clients_elsewhere() {
    let builder = PlatformBuilder::new(binary("myevents"), &["serve"]);
    let platform = builder.variable("MYEVENTS_DRAIN_SECONDS", "600").start().await;
    let client = platform.client();
    let event = event_with_seats(&client, 10).await;
    let ready = || async { client.get("/health/ready").await };
    assert_eq!(ready().await.header("connection"), None);
    platform.terminate();
    let told = eventually("readiness says no", || async {
        Some(ready().await).filter(|reply| reply.status == 503)
    })
    .await;
    assert_eq!(told.json()["parts"]["requests"]["state"], json!("down"));
    let booked = client
        .post(&format!("/events/{event}/bookings"), json!({"seats": 2}))
        .await;
    booked.expect(201);
    assert_eq!(booked.header("connection"), Some("close"));
    // Who asks twice does not want to wait.
    platform.terminate();
    platform.ends().await;
}
