//! What operators see: a real Prometheus with the shipped configuration finds what dashboards and alerts ask for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use testkit::servers::{Kind, Prometheus, Server};
use testkit::{Client, Platform, PlatformBuilder, eventually};

use crate::crafted::{History, shared};
use crate::parked::emit_a_stray;
use crate::support::{broker, event_with_seats, platform, platform_in};

/// What has no series until what it counts has happened for the first time, as its help text implies.
const ONLY_WHEN_IT_HAPPENS: [&str; 3] = [
    "myevents_consumer_reconnects_total",
    "myevents_parked_total",
    "myevents_snapshots_total",
];

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

async fn prometheus_of(platform: &Platform) -> (Prometheus, Client) {
    let address = |endpoint: &str| {
        let url = platform.url(endpoint);
        let address = url.trim_start_matches("http://");
        address.split('/').next().unwrap().to_owned()
    };
    let shipped = deploy().join("prometheus");
    let prometheus = Prometheus::start(&shipped, &address("event metrics"), &address("booking metrics")).await;
    let client = Client::new(prometheus.url());
    (prometheus, client)
}

/// What a query finds.
async fn found(client: &Client, query: &str) -> Vec<Value> {
    let encoded: String = url_encoded(query);
    let reply = client.get(&format!("/api/v1/query?query={encoded}")).await.expect(200);
    reply["data"]["result"].as_array().unwrap().clone()
}

fn url_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The queries of all panels, with their dashboard's and panel's names.
fn panels() -> Vec<(String, String)> {
    let folder = deploy().join("grafana/dashboards");
    let mut queries = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let board: Value = serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
        for panel in board["panels"].as_array().unwrap() {
            let name = format!("{}: {}", board["title"], panel["title"]);
            let targets = panel["targets"].as_array().unwrap().iter();
            queries.extend(targets.map(|target| (name.clone(), target["expr"].as_str().unwrap().to_owned())));
        }
    }
    queries
}

/// The metrics and recorded series that a query names.
fn names_in(query: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = query.split(|c| !is_part(c)).map(str::to_owned);
    words.filter(|word| word.contains("myevents_")).collect()
}

/// What a panel shows, as the largest of its values.
async fn shown(client: &Client, panel: &str) -> f64 {
    let title = format!(": \"{panel}\"");
    let (_, query) = panels().into_iter().find(|(name, _)| name.ends_with(&title)).unwrap();
    let values = found(client, &query).await;
    let value = |series: &Value| series["value"][1].as_str().unwrap().parse::<f64>().unwrap();
    values.iter().map(value).fold(f64::NAN, f64::max)
}

async fn shows(client: &Client, panel: &str, is_so: impl Fn(f64) -> bool) {
    let what = format!("`{panel}` shows it");
    eventually(&what, || async { is_so(shown(client, panel).await).then_some(()) }).await;
}

async fn alerts(client: &Client, alert: &str) {
    let query = format!("ALERTS{{alertname=\"{alert}\"}}");
    let what = format!("{alert} is told");
    eventually(&what, || async {
        (!found(client, &query).await.is_empty()).then_some(())
    })
    .await;
}

/// A little of everything: sales, a refusal, a reader, a cancelled booking.
async fn something_happens(client: &Client) -> testkit::EventStream {
    let event = event_with_seats(client, 50).await;
    let path = format!("/events/{event}/bookings");
    let reader = client.listen(&format!("/events/{event}/stream"), None).await;
    for seats in 1..=4 {
        client.post(&path, json!({ "seats": seats })).await.expect(201);
    }
    client.post(&path, json!({ "seats": 50 })).await.expect(409);
    reader
}

#[tokio::test]
async fn every_panel_and_alert_finds_what_it_names() {
    let platform = platform().await;
    let api = platform.client();
    let (_prometheus, client) = prometheus_of(&platform).await;
    let _reader = something_happens(&api).await;
    // Rates need a second look at what has changed.
    let sold = || async {
        api.get("/events?limit=1").await.expect(200);
        let rate = found(&client, "sum(rate(myevents_bookings_count[5m]))").await;
        (!rate.is_empty()).then_some(())
    };
    eventually("sales are scraped", sold).await;

    let mut queries = panels();
    assert!(queries.len() > 30, "{}", queries.len());
    let rules = client.get("/api/v1/rules").await.expect(200);
    for group in rules["data"]["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            let (name, query) = (rule["name"].as_str().unwrap(), rule["query"].as_str().unwrap());
            queries.extend(names_in(query).into_iter().map(|named| (name.to_owned(), named)));
        }
    }
    for (name, query) in queries {
        let is_explained = names_in(&query)
            .iter()
            .any(|named| ONLY_WHEN_IT_HAPPENS.contains(&named.as_str()));
        if is_explained {
            continue;
        }
        eventually(&format!("{name} finds something: {query}"), || async {
            (!found(&client, &query).await.is_empty()).then_some(())
        })
        .await;
    }
    assert_eq!(
        found(&client, "ALERTS{alertstate=\"firing\"}").await,
        Vec::<Value>::new()
    );
    platform.stop().await;
}

/// No service sells them: the log is told of a sale that none decided.
#[tokio::test]
async fn seats_that_break_the_law_are_shown_and_alert_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let platform = platform_in(folder.path()).await;
    let (_prometheus, client) = prometheus_of(&platform).await;
    let emitter = broker(folder.path()).await.emitter;
    let mut history = History::inventory("oversold");
    let lawful = history.commit(vec![history.opened(2), history.booked(2)]);
    emitter.emit(&shared(&lawful)).await.unwrap();
    shows(&client, "Oversold seats", |seats| seats == 0.0).await;
    let unlawful = history.commit(vec![history.booked(3)]);
    emitter.emit(&shared(&unlawful)).await.unwrap();
    shows(&client, "Oversold seats", |seats| seats == 3.0).await;
    alerts(&client, "MyEventsOversold").await;
    platform.stop().await;
}

#[tokio::test]
async fn what_is_parked_is_shown_and_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let platform = platform_in(folder.path()).await;
    let (prometheus, client) = prometheus_of(&platform).await;
    let event = event_with_seats(&platform.client(), 2).await;
    shows(&client, "Parked envelopes", |envelopes| envelopes == 0.0).await;
    drop(prometheus);
    platform.stop().await;
    emit_a_stray(folder.path(), &event).await;

    let platform = platform_in(folder.path()).await;
    let (_prometheus, client) = prometheus_of(&platform).await;
    shows(&client, "Parked envelopes", |envelopes| envelopes >= 1.0).await;
    alerts(&client, "MyEventsParkedEnvelopes").await;
    platform.stop().await;
}

#[tokio::test]
async fn a_relay_that_cannot_publish_is_shown_by_its_lag() {
    let broker = Server::start(Kind::RabbitMq).await;
    let platform = PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .variable("MYEVENTS_BROKER", &broker.url())
        .start()
        .await;
    let (_prometheus, client) = prometheus_of(&platform).await;
    let event = event_with_seats(&platform.client(), 2).await;
    let lag = "Age of the oldest of them";
    shows(&client, lag, |seconds| seconds < 1.0).await;
    let broker = broker.after(Server::stop).await;
    let path = format!("/events/{event}/bookings");
    platform.client().post(&path, json!({"seats": 1})).await.expect(201);
    shows(&client, lag, |seconds| seconds > 5.0).await;
    let broker = broker.after(Server::begin).await;
    shows(&client, lag, |seconds| seconds < 1.0).await;
    platform.stop().await;
    broker.end_for_good().await;
}

#[tokio::test]
async fn views_whose_store_is_away_are_shown_by_what_they_are_behind() {
    let store = Server::start(Kind::MongoDb).await;
    let platform = PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .variable("MYEVENTS_EVENT__STORE", &Kind::MongoDb.place(&store.url(), "event"))
        .start()
        .await;
    let (_prometheus, client) = prometheus_of(&platform).await;
    let event = event_with_seats(&platform.client(), 100).await;
    let behind = "Messages behind";
    shows(&client, behind, |messages| messages == 0.0).await;
    let store = store.after(Server::stop).await;
    let path = format!("/events/{event}/bookings");
    for _ in 0..20 {
        platform.client().post(&path, json!({"seats": 1})).await.expect(201);
    }
    shows(&client, behind, |messages| messages >= 20.0).await;
    let store = store.after(Server::begin).await;
    shows(&client, behind, |messages| messages == 0.0).await;
    platform.stop().await;
    store.end_for_good().await;
}
