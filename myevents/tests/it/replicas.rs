//! Several processes of a service that share one MongoDB and one RabbitMQ.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::json;
use testkit::history::{self, Address, Findings, Load, LoadOptions, Parts, check};
use testkit::servers::{Kind, Server, shared};
use testkit::{Client, Platform, PlatformBuilder, Reply, eventually};
use uuid::Uuid;

use crate::journal::{Inventory, walk_inventory_in};
use crate::support::{binary, opera};

const REPLICAS: usize = 3;
const CLIENTS: usize = 200;
/// Some eighty commits of each run: of fewer, chance alone now and then gives one replica less than its share.
const SEATS: u32 = 6_000;
/// Bookings of each client before the seats that are left are taken one by one.
const ROUNDS: u32 = 3;

/// What a platform is given to come to rest, and one that cannot.
const PATIENCE: Duration = Duration::from_secs(120);
const NOT_FOR_EVER: Duration = Duration::from_secs(20);

/// Where the services of one test meet.
struct Place {
    events: String,
    bookings: String,
    broker: String,
    /// Guards that are off.
    unguarded: &'static str,
}

impl Place {
    async fn new(unguarded: &'static str) -> Self {
        Self::at(&shared(Kind::MongoDb).await, &shared(Kind::RabbitMq).await, unguarded)
    }

    fn at(database: &str, broker: &str, unguarded: &'static str) -> Self {
        let name = format!("test-{}", Uuid::now_v7().simple());
        Self {
            events: Kind::MongoDb.place(database, &format!("{name}-event")),
            bookings: Kind::MongoDb.place(database, &format!("{name}-booking")),
            broker: Kind::RabbitMq.place(broker, &name),
            unguarded,
        }
    }

    /// One process more, by the service's own binary or by that of `myevents`, which tests can take guards from.
    async fn start(&self) -> Platform {
        PlatformBuilder::new(binary("myevents"), &["serve"])
            .variable("MYEVENTS_EVENT__STORE", &self.events)
            .variable("MYEVENTS_BOOKING__STORE", &self.bookings)
            .variable("MYEVENTS_BROKER", &self.broker)
            .variable("MYEVENTS_UNGUARD", self.unguarded)
            .start()
            .await
    }

    async fn start_many(&self) -> Vec<Platform> {
        let mut replicas = Vec::new();
        for _ in 0..REPLICAS {
            replicas.push(self.start().await);
        }
        replicas
    }

    fn parts(&self, patience: Duration) -> Parts {
        Parts {
            event_store: self.events.clone(),
            booking_store: self.bookings.clone(),
            broker: self.broker.clone(),
            patience,
        }
    }

    async fn inventory(&self, event_id: &str) -> Inventory {
        let stores = persistence::open(&self.bookings).await.unwrap();
        walk_inventory_in(&*stores.journal, event_id).await
    }

    async fn verify(&self, service: &str, folder: &Path) -> String {
        let mut command = tokio::process::Command::new(binary("myevents"));
        command.args(["verify", service, "--data-dir"]).arg(folder);
        command
            .env("MYEVENTS_EVENT__STORE", &self.events)
            .env("MYEVENTS_BOOKING__STORE", &self.bookings)
            .env("MYEVENTS_BROKER", &self.broker);
        let output = command.output().await.unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    }
}

/// Standing bookings of one client, by id with their seats.
type Standing = BTreeMap<String, u32>;

async fn give_back(client: &Client, booked: &Reply) {
    let token = ("Consistency-Token", booked.header("consistency-token").unwrap());
    let path = format!("/bookings/{}", id(&booked.json()));
    // Views may be far behind in a rush.
    let given = || async { (client.send(Method::DELETE, &path, &[token], None).await.status == 200).then_some(()) };
    eventually("it is given back", given).await;
}

/// Books 1 to 4 seats, and gives every third booking back.
async fn book_and_cancel(client: &Client, path: &str, number: usize) -> Standing {
    let mut standing = Standing::new();
    for round in 0..ROUNDS {
        let seats = (u32::try_from(number).unwrap() + round) % 4 + 1;
        let reply = client.post(path, json!({ "seats": seats })).await;
        match reply.status {
            409 => {}
            201 if round % 3 == 2 => give_back(client, &reply).await,
            _ => drop(standing.insert(id(&reply.expect(201)), seats)),
        }
    }
    standing
}

/// Takes single seats until none is left.
async fn drain(client: &Client, path: &str) -> Standing {
    let mut standing = Standing::new();
    loop {
        let reply = client.post(path, json!({"seats": 1})).await;
        if reply.status == 409 {
            return standing;
        }
        standing.insert(id(&reply.expect(201)), 1);
    }
}

fn id(booking: &serde_json::Value) -> String {
    booking["id"].as_str().unwrap().to_owned()
}

/// A new event that every replica has open for booking.
async fn event_at(replicas: &[Platform]) -> String {
    let mut body = opera();
    body["capacity"] = json!(SEATS);
    let created = replicas[0].client().post("/events", body).await;
    let event_id = id(&created.expect(201));
    let token = ("Consistency-Token", created.header("consistency-token").unwrap());
    for replica in replicas {
        let client = replica.client();
        let path = format!("/events/{event_id}/availability");
        let is_open = || async { (client.get_with(&path, &[token]).await.status == 200).then_some(()) };
        eventually("the inventory is open", is_open).await;
    }
    event_id
}

/// All clients at once, each at the replica of its number; what stands in the end, by client.
async fn sell_out(replicas: &[Platform], event_id: &str) -> Vec<Standing> {
    let clients: Vec<Client> = replicas.iter().map(Platform::client).collect();
    let path = format!("/events/{event_id}/bookings");
    let of = |number: usize| &clients[number % clients.len()];
    let mut standing = join_all((0..CLIENTS).map(|number| book_and_cancel(of(number), &path, number))).await;
    let drained = join_all((0..CLIENTS).map(|number| drain(of(number), &path))).await;
    standing
        .iter_mut()
        .zip(drained)
        .for_each(|(standing, more)| standing.extend(more));
    standing
}

/// Bookings that the clients of each replica have.
fn by_replica(standing: &[Standing]) -> Vec<usize> {
    let of = |replica: usize| standing.iter().skip(replica).step_by(REPLICAS).map(Standing::len).sum();
    (0..REPLICAS).map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_sell_every_seat_exactly_once() {
    let place = Place::new("").await;
    let replicas = place.start_many().await;
    let event_id = event_at(&replicas).await;
    let standing = sell_out(&replicas, &event_id).await;

    let all: Standing = standing
        .iter()
        .flatten()
        .map(|(id, seats)| (id.clone(), *seats))
        .collect();
    assert_eq!(all.values().sum::<u32>(), SEATS);
    let inventory = place.inventory(&event_id).await;
    assert_eq!(inventory.sold, SEATS);
    assert!(
        all.keys().all(|id| inventory.bookings.contains_key(id)),
        "a booking is lost"
    );
    let shares = by_replica(&standing);
    println!("bookings of each replica's clients: {shares:?}");
    let whole: usize = shares.iter().sum();
    assert!(
        shares.iter().all(|share| share * 5 >= whole),
        "one of them starves: {shares:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    for service in ["booking", "event"] {
        let agrees = || async {
            place
                .verify(service, folder.path())
                .await
                .contains("Everything agrees.")
                .then_some(())
        };
        eventually("verify agrees", agrees).await;
    }
    for replica in replicas {
        replica.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_do_not_look_at_each_other_oversell() {
    let place = Place::new("conflict_check").await;
    let replicas = place.start_many().await;
    let event_id = event_at(&replicas).await;
    let clients: Vec<Client> = replicas.iter().map(Platform::client).collect();
    let path = format!("/events/{event_id}/bookings");
    let book = |number: usize| {
        let (client, path) = (&clients[number % REPLICAS], &path);
        async move { while client.post(path, json!({"seats": 4})).await.status == 201 {} }
    };
    join_all((0..CLIENTS).map(book)).await;
    let stores = persistence::open(&place.bookings).await.unwrap();
    let walked = tokio::spawn(async move { walk_inventory_in(&*stores.journal, &event_id).await });
    assert!(walked.await.is_err(), "nothing was oversold");
    for replica in replicas {
        replica.kill().await;
    }
}

/// Kills one of the processes, the database or the broker, and starts it again.
async fn hurt(trial: &mut Trial, random: &mut StdRng) {
    match random.random_range(0..6) {
        0 => trial.database.kill_and_begin().await,
        1 => trial.broker.kill_and_begin().await,
        _ => {
            let killed = trial.replicas.remove(random.random_range(0..REPLICAS));
            trial.address.set_all(&trial.replicas);
            killed.kill().await;
            trial.replicas.push(trial.place.start().await);
            trial.address.set_all(&trial.replicas);
        }
    }
}

/// Replicas on a database and a broker of their own.
struct Trial {
    database: Hurt,
    broker: Hurt,
    place: Place,
    replicas: Vec<Platform>,
    address: Address,
}

/// A server, but while something is done to it.
struct Hurt(Option<Server>);

impl Hurt {
    async fn start(kind: Kind) -> Self {
        Self(Some(Server::start(kind).await))
    }

    fn url(&self) -> String {
        self.0.as_ref().unwrap().url()
    }

    async fn restart(&mut self, end: fn(&mut Server)) {
        let ended = self.0.take().unwrap().after(end).await;
        self.0 = Some(ended.after(Server::begin).await);
    }

    async fn kill_and_begin(&mut self) {
        self.restart(Server::kill).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_nothing_is_lost_or_happens_twice() {
    let (database, mut broker) = (Hurt::start(Kind::MongoDb).await, Hurt::start(Kind::RabbitMq).await);
    let place = Place::at(&database.url(), &broker.url(), "");
    let replicas = place.start_many().await;
    // This version of RabbitMQ does not find a stream again that it was killed with just after it was made.
    broker.restart(Server::stop).await;
    let address = Address::default();
    address.set_all(&replicas);
    let load = Load::start(&address, LoadOptions::default());
    let mut trial = Trial {
        database,
        broker,
        place,
        replicas,
        address,
    };
    let mut random = StdRng::seed_from_u64(20);
    for _ in 0..20 {
        load.goes_on(random.random_range(5..80)).await;
        hurt(&mut trial, &mut random).await;
    }
    load.goes_on(50).await;
    let history = load.finish().await;
    let findings = check(&history, &trial.replicas[0].client(), &trial.place.parts(PATIENCE)).await;
    assert!(findings.is_empty(), "{findings}");
    let folder = tempfile::tempdir().unwrap();
    for service in ["booking", "event"] {
        let said = trial.place.verify(service, folder.path()).await;
        assert!(said.contains("Everything agrees."), "{said}");
    }
    for replica in trial.replicas {
        replica.stop().await;
    }
}

async fn relays(replica: &Platform) -> bool {
    replica.metric("booking", "myevents_relay_lease").await > 0.0
}

/// Again and again whoever relays is stopped until the other one has taken over, and wakes up in the middle of what it did.
async fn sleep_past_the_lease(unguarded: &'static str, patience: Duration) -> Findings {
    let place = Place::new(unguarded).await;
    let replicas = [place.start().await, place.start().await];
    let address = Address::default();
    address.set_all(&replicas);
    let usual = LoadOptions::default();
    let options = LoadOptions {
        patience: usual.patience.min(patience),
        ..usual
    };
    let load = Load::start(&address, options);
    for _ in 0..4 {
        load.goes_on(50).await;
        let roles = || async {
            match [relays(&replicas[0]).await, relays(&replicas[1]).await] {
                [true, false] => Some([1, 0]),
                [false, true] => Some([0, 1]),
                _ => None,
            }
        };
        let [awake, asleep] = eventually("one of them relays", roles).await;
        replicas[asleep].pause();
        address.set(&replicas[awake]);
        let taken_over = || async { relays(&replicas[awake]).await.then_some(()) };
        eventually("the other one relays", taken_over).await;
        replicas[asleep].resume();
        address.set_all(&replicas);
    }
    load.goes_on(50).await;
    let history = load.finish().await;
    let findings = check(&history, &replicas[0].client(), &place.parts(patience)).await;
    for replica in replicas {
        replica.stop().await;
    }
    findings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_slept_past_its_lease_does_no_harm() {
    sleep_past_the_lease("", PATIENCE).await.assert_none();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_repeats_itself_is_found_to_count_twice() {
    let findings = sleep_past_the_lease("repeat_check", NOT_FOR_EVER).await;
    assert!(findings.has(history::Kind::View), "{findings}");
}

/// What was written through one is read through another.
#[tokio::test]
async fn a_token_of_one_replica_counts_at_another() {
    let place = Place::new("").await;
    let replicas = [place.start().await, place.start().await];
    let event_id = event_at(&replicas).await;
    let path = format!("/events/{event_id}/bookings");
    for turn in 0..20 {
        let (writer, reader) = (replicas[turn % 2].client(), replicas[(turn + 1) % 2].client());
        let booked = writer.post(&path, json!({"seats": 1})).await;
        let booking = id(&booked.expect(201));
        let token = ("Consistency-Token", booked.header("consistency-token").unwrap());
        reader
            .get_with(&format!("/bookings/{booking}"), &[token])
            .await
            .expect(200);
        let left = reader
            .get_with(&format!("/events/{event_id}/availability"), &[token])
            .await
            .expect(200);
        assert_eq!(left["seats_left"], SEATS - 1 - u32::try_from(turn).unwrap());
    }
    for replica in replicas {
        replica.stop().await;
    }
}
