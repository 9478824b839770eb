//! Traces, as a real collector gets them: one from a request over journal, relay and broker to every view.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use testkit::servers::Collector;
use testkit::{Client, Platform, PlatformBuilder, eventually};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{opera, service_builder};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
/// Spans are sent every five seconds.
const PATIENCE: Duration = Duration::from_secs(60);

async fn traced(name: &str, shared: &Path, collector: &Collector) -> Platform {
    let builder = service_builder(name, shared).await;
    builder
        .variable("MYEVENTS_OTLP_ENDPOINT", collector.url())
        .start()
        .await
}

async fn create(client: &Client, flags: &str) {
    let parent = format!("00-{TRACE}-{CALLER}-{flags}");
    let headers = [
        ("traceparent", parent.as_str()),
        ("x-request-id", "request-of-the-test"),
    ];
    client
        .send(Method::POST, "/events", &headers, Some(opera()))
        .await
        .expect(201);
}

fn text<'a>(span: &'a Value, field: &str) -> &'a str {
    span[field].as_str().unwrap_or_default()
}

/// The trace's spans: by whom, and what.
fn seen(spans: &[Value]) -> BTreeSet<(String, String)> {
    let named = |span: &Value| (text(span, "service").to_owned(), group_of(span) + text(span, "name"));
    spans.iter().map(named).collect()
}

fn group_of(span: &Value) -> String {
    let attributes = span["attributes"].as_array().into_iter().flatten();
    let mut groups = attributes.filter(|attribute| attribute["key"] == "messaging.consumer.group.name");
    groups.next().map_or_else(String::new, |group| {
        let group = group["value"]["stringValue"].as_str().unwrap();
        // Groups of views have the number of their generation behind them.
        let name = group.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        format!("{name}: ")
    })
}

/// Every span but the first is caused by another one of the same trace.
fn assert_whole(spans: &[Value]) {
    let parents: BTreeMap<&str, &Value> = spans.iter().map(|span| (text(span, "spanId"), span)).collect();
    for span in spans {
        let parent = text(span, "parentSpanId");
        assert!(parent == CALLER || parents.contains_key(parent), "{span}");
    }
}

#[tokio::test]
async fn one_trace_goes_from_a_request_to_every_view() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start().await;
    let events = traced("eventservice", folder.path(), &collector).await;
    let bookings = traced("bookingservice", folder.path(), &collector).await;
    create(&events.client(), "01").await;
    let of_trace = || {
        let spans = collector.spans();
        spans
            .into_iter()
            .filter(|span| text(span, "traceId") == TRACE)
            .collect::<Vec<_>>()
    };
    let wanted = [
        ("eventservice", "POST /events"),
        ("eventservice", "decide"),
        ("eventservice", "append event.created"),
        ("eventservice", "publish event.created"),
        ("eventservice", "event.views: apply event.created"),
        ("bookingservice", "booking.policies: apply event.created"),
        ("bookingservice", "decide"),
        ("bookingservice", "append inventory.opened"),
        ("bookingservice", "publish inventory.opened"),
        ("bookingservice", "booking.views: apply inventory.opened"),
        ("eventservice", "event.views: apply inventory.opened"),
    ];
    let wanted: BTreeSet<_> = wanted
        .map(|(service, name)| (service.to_owned(), name.to_owned()))
        .into();
    let complete = || async { seen(&of_trace()).is_superset(&wanted).then_some(()) };
    let complete = eventually("the trace is complete", complete);
    let complete = tokio::time::timeout(PATIENCE, complete).await;
    let spans = of_trace();
    assert!(complete.is_ok(), "{:#?}", seen(&spans));
    assert_whole(&spans);
    events.stop().await;
    bookings.stop().await;
}

#[tokio::test]
async fn what_is_not_sampled_is_not_sent_and_what_is_left_at_the_end_is() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start().await;
    let events = traced("eventservice", folder.path(), &collector).await;
    create(&events.client(), "00").await;
    events.client().get("/locations").await.expect(200);
    events.stop().await;
    let names = || async {
        let spans = collector.spans();
        (!spans.is_empty()).then(|| {
            spans
                .iter()
                .map(|span| text(span, "name").to_owned())
                .collect::<Vec<_>>()
        })
    };
    let names = eventually("spans are kept", names).await;
    assert_eq!(names, ["GET /locations"]);
}

/// It takes connections and never says a word.
#[tokio::test]
async fn a_collector_that_does_not_answer_keeps_nobody_waiting() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let platform = PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .variable("MYEVENTS_OTLP_ENDPOINT", &url)
        .start()
        .await;
    let client = platform.client();
    create(&client, "01").await;
    let (_held, _) = silent.accept().await.unwrap();
    for _ in 0..3 {
        create(&client, "01").await;
    }
    platform.stop().await;
}

/// The way to a collector: whoever comes is turned away until it is open.
#[derive(Default)]
struct Way {
    is_open: AtomicBool,
    turned_away: AtomicUsize,
}

impl Way {
    async fn lead(self: Arc<Self>, from: TcpListener, to: String) {
        loop {
            let (mut client, _) = from.accept().await.unwrap();
            if !self.is_open.load(Ordering::Relaxed) {
                self.turned_away.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let mut server = TcpStream::connect(&to).await.unwrap();
            // Its end, however it came, is the end of this connection only.
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    }
}

#[tokio::test]
async fn a_collector_that_goes_and_comes_back_is_told_of_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    let collector = Collector::start().await;
    let from = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = from.local_addr().unwrap();
    let way = Arc::<Way>::default();
    let leading = tokio::spawn(Arc::clone(&way).lead(from, collector.url().trim_start_matches("http://").to_owned()));
    let platform = PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .variable("MYEVENTS_OTLP_ENDPOINT", &format!("http://{address}"))
        .variable("OTEL_BSP_SCHEDULE_DELAY", "50")
        .log(&file)
        .start()
        .await;
    let client = platform.client();
    let told = |words: &str| fs::read_to_string(&file).unwrap().matches(words).count();
    let create_until = async |what: &str, is_so: &dyn Fn() -> bool| {
        eventually(what, || async {
            create(&client, "01").await;
            is_so().then_some(())
        })
        .await;
    };
    create_until("it is told that they cannot be sent", &|| {
        told("traces cannot be sent") > 0
    })
    .await;
    // Each export is tried four times.
    let turned_away = || way.turned_away.load(Ordering::Relaxed);
    let before = turned_away();
    create_until("more fail", &|| turned_away() > before + 8).await;
    way.is_open.store(true, Ordering::Relaxed);
    create_until("it is told that they are sent", &|| told("traces are sent again") > 0).await;
    assert_eq!(told("traces cannot be sent"), 1);
    assert_eq!(told("traces are sent again"), 1);
    assert_eq!(told("WARN"), 1, "{}", fs::read_to_string(&file).unwrap());
    platform.stop().await;
    leading.abort();
}

#[tokio::test]
async fn what_is_logged_of_a_request_names_it_and_its_trace() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    let platform = PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .variable("MYEVENTS_LOG_FORMAT", "json")
        .variable("MYEVENTS_LOG", "chassis::http=debug")
        .log(&file)
        .start()
        .await;
    create(&platform.client(), "00").await;
    platform.stop().await;
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let answered = lines.iter().find(|line| line["span"]["route"] == "/events").unwrap();
    assert_eq!(answered["span"]["trace_id"], TRACE);
    assert_eq!(answered["span"]["request_id"], "request-of-the-test");
    assert_eq!(answered["fields"]["status"], 201);
}

#[tokio::test]
async fn an_endpoint_that_is_none_is_refused_by_name() {
    let started = PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .variable("MYEVENTS_OTLP_ENDPOINT", "collector:4318")
        .try_start()
        .await;
    let Err(ended) = started else { panic!("it starts") };
    assert!(
        ended.error.contains("otlp_endpoint: `collector:4318`"),
        "{}",
        ended.error
    );
}
