//! Brokers that are servers, and what becomes of the platform when they go away, or never come. Each test hurts a server
//! of its own.

use std::error::Error;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use serde_json::{Value, json};
use testkit::servers::{Kind, Server, shared};
use testkit::{Client, Platform, PlatformBuilder, eventually};
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::{event_with_seats, myevents_at};

const BOOKINGS: usize = 1_000;
const AT_ONCE: usize = 16;
/// Longer than any server takes to come back, and consumers to notice.
const PATIENCE: Duration = Duration::from_secs(120);

fn serving(folder: &Path, broker: &str) -> PlatformBuilder {
    PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .folder(folder)
        .variable("MYEVENTS_BROKER", broker)
}

/// Returns when what is at `path` is as it should be; brokers take longer to come back than what is usually waited for.
async fn in_the_end(what: &str, client: &Client, path: &str, is_so: impl Fn(&Value) -> bool) {
    let looked = || async { is_so(&client.get(path).await.json()).then_some(()) };
    eventually(what, looked).await;
}

async fn bookings_go_on_without(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(kind).await;
    let platform = serving(folder.path(), &server.url()).start().await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 1_200).await;

    let server = server.after(Server::stop).await;
    let path = format!("/events/{event_id}/bookings");
    let booked = stream::iter(0..BOOKINGS).map(|_| client.post(&path, json!({"seats": 1})));
    booked
        .buffer_unordered(AT_ONCE)
        .for_each(|reply| async move { drop(reply.expect(201)) })
        .await;
    let is_degraded = |health: &Value| health.to_string().contains("degraded");
    in_the_end("health says so", &client, "/health/ready", is_degraded).await;
    assert_eq!(client.get("/health/ready").await.status, 200);

    let server = server.after(Server::begin).await;
    let counted = |event: &Value| event["seats_left"] == 200;
    in_the_end("the event shows them", &client, &format!("/events/{event_id}"), counted).await;
    in_the_end(
        "availability shows them",
        &client,
        &format!("/events/{event_id}/availability"),
        counted,
    )
    .await;
    in_the_end("health is well", &client, "/health/ready", |health| {
        !is_degraded(health)
    })
    .await;
    platform.stop().await;
    server.end_for_good().await;
}

#[tokio::test]
async fn bookings_go_on_without_rabbitmq() {
    bookings_go_on_without(Kind::RabbitMq).await;
}

#[tokio::test]
async fn bookings_go_on_without_kafka() {
    bookings_go_on_without(Kind::Kafka).await;
}

/// From now on what is large does not get into the event views' queue, and what is small does.
fn refuse_what_is_large(server: &mut Server) {
    let limits = r#"{"max-length-bytes":8000,"overflow":"reject-publish"}"#;
    server.rabbitmqctl(&[
        "set_policy",
        "--apply-to",
        "queues",
        "small",
        r"^events\.event\.views",
        limits,
    ]);
}

fn refuse_nothing(server: &mut Server) {
    server.rabbitmqctl(&["clear_policy", "small"]);
}

#[tokio::test]
async fn what_rabbitmq_refuses_in_the_middle_is_waited_for_and_comes_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Kind::RabbitMq).await;
    let broker = server.url();
    let platform = serving(folder.path(), &broker).start().await;
    let client = platform.client();
    let path = format!("/events/{}", event_with_seats(&client, 10).await);
    let server = server.after(refuse_what_is_large).await;

    client
        .patch_with(&path, &[], json!({"description": "long ".repeat(2_000)}))
        .await
        .expect(200);
    client
        .patch_with(&path, &[], json!({"name": "last", "description": null}))
        .await
        .expect(200);
    let parked = || async {
        let parked = myevents_at(&broker, folder.path(), &["parked", "list"])
            .await
            .succeeded();
        parked.contains("version 2 has not come yet").then_some(parked)
    };
    let parked = eventually("what came too early is parked", parked).await;
    assert!(
        parked.contains("event.views") && !parked.contains("event.policies"),
        "{parked}"
    );
    assert_ne!(platform.metric("event", "myevents_relay_failures_total").await, 0.0);
    assert_eq!(client.get(&path).await.expect(200)["version"], 1);

    let server = server.after(refuse_nothing).await;
    let is_last = |event: &Value| event["version"] == 3 && event["name"] == "last";
    in_the_end("all is applied", &client, &path, is_last).await;
    let parked = myevents_at(&broker, folder.path(), &["parked", "list"])
        .await
        .succeeded();
    assert!(parked.contains("Nothing is parked"), "{parked}");
    platform.stop().await;
    server.end_for_good().await;
}

/// Kafka's producer gives up after 30 seconds. Then nobody knows what has come and what has not.
#[tokio::test]
async fn what_kafka_has_not_confirmed_in_time_is_sent_again_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Kind::Kafka).await;
    let broker = server.url();
    let platform = serving(folder.path(), &broker).start().await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 1_200).await;
    let path = format!("/events/{event_id}/bookings");
    let book = |count: usize| {
        let booked = stream::iter(0..count).map(|_| client.post(&path, json!({"seats": 1})));
        let booked = booked.buffer_unordered(AT_ONCE);
        booked.for_each(|reply| async move { drop(reply.expect(201)) })
    };
    let booking = book(BOOKINGS / 2);
    let (server, ()) = tokio::join!(server.after(|server| server.pause()), booking);
    let given_up = || async {
        let failures = platform.metric("booking", "myevents_relay_failures_total").await;
        (failures > 0.0).then_some(())
    };
    eventually("the producer gives up", given_up).await;
    book(BOOKINGS / 2).await;
    let server = server.after(|server| server.resume()).await;

    let counted = |event: &Value| event["seats_left"] == 200;
    in_the_end("the event shows them", &client, &format!("/events/{event_id}"), counted).await;
    for service in ["event", "booking"] {
        let verify = || async {
            let verified = myevents_at(&broker, folder.path(), &["verify", service])
                .await
                .succeeded();
            verified.contains("Everything agrees.").then_some(())
        };
        eventually("everything agrees", verify).await;
    }
    let parked = myevents_at(&broker, folder.path(), &["parked", "list"])
        .await
        .succeeded();
    assert!(parked.contains("Nothing is parked"), "{parked}");
    platform.stop().await;
    server.end_for_good().await;
}

fn with_causes(error: &dyn Error) -> String {
    let own = error.to_string();
    error
        .source()
        .map_or(own.clone(), |cause| format!("{own}: {}", with_causes(cause)))
}

/// `trusting` is what the URL has behind it for the certificates in a file to be trusted.
async fn encrypted(kind: Kind, trusting: fn(&Path) -> String) {
    let folder = tempfile::tempdir().unwrap();
    let files = chassis::tls::self_signed(&folder.path().join("pair")).unwrap();
    let server = Server::start_encrypted(kind, &files.certificate, &files.private_key).await;
    let url = server.encrypted_url();
    let trusted = url.clone() + &trusting(&files.certificate);
    let platform = serving(folder.path(), &trusted).start().await;
    let client = platform.client();
    let event_id = event_with_seats(&client, 10).await;
    client
        .post(&format!("/events/{event_id}/bookings"), json!({"seats": 4}))
        .await
        .expect(201);
    let counted = |event: &Value| event["seats_left"] == 6;
    in_the_end("the booking is seen", &client, &format!("/events/{event_id}"), counted).await;
    platform.stop().await;

    let other = chassis::tls::self_signed(&folder.path().join("other")).unwrap();
    let stranger = url + &trusting(&other.certificate);
    let error = msgqueue::open(&stranger)
        .await
        .err()
        .expect("an unknown certificate is not trusted");
    assert!(with_causes(&error).contains("certificate"), "{error:?}");
    let refused = refusal(&trusted.replace("guest", "wrong")).await;
    assert!(
        refused.contains("configuration: broker: ") && !refused.contains("wrong"),
        "{refused}"
    );
    server.end_for_good().await;
}

#[tokio::test]
async fn rabbitmq_is_spoken_to_by_tls() {
    encrypted(Kind::RabbitMq, |roots| format!("?cacertfile={}", roots.display())).await;
}

#[tokio::test]
async fn kafka_is_spoken_to_by_tls_and_logged_in_to() {
    let trusting = |roots: &Path| {
        let login = "security.protocol=SASL_SSL&sasl.mechanism=PLAIN&sasl.username=guest&sasl.password=guest";
        format!("?{login}&ssl.ca.location={}", roots.display())
    };
    encrypted(Kind::Kafka, trusting).await;
}

async fn a_service_waits_for(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(kind).await.after(Server::stop).await;
    let starting = tokio::spawn(serving(folder.path(), &server.url()).start());
    let server = server.after(Server::begin).await;
    let platform: Platform = timeout(PATIENCE, starting).await.unwrap().unwrap();
    event_with_seats(&platform.client(), 10).await;
    platform.stop().await;
    server.end_for_good().await;
}

#[tokio::test]
async fn a_service_waits_for_rabbitmq() {
    a_service_waits_for(Kind::RabbitMq).await;
}

#[tokio::test]
async fn a_service_waits_for_kafka() {
    a_service_waits_for(Kind::Kafka).await;
}

/// What a service says that cannot start.
async fn refusal(broker: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let ended = serving(folder.path(), broker).try_start().await;
    let ended = ended.err().expect("it started");
    assert_eq!(ended.status.code(), Some(1), "{}", ended.error);
    assert_eq!(ended.error.lines().count(), 1, "{}", ended.error);
    ended.error
}

#[tokio::test]
async fn what_cannot_pass_ends_a_start() {
    let (url, kafka) = (shared(Kind::RabbitMq).await, shared(Kind::Kafka).await);
    for (broker, said) in [
        (format!("{kafka}?topic=a b"), "topic"),
        (format!("{kafka}?no.such.property=1"), "no.such.property"),
        (url.replace("guest:guest", "guest:s3cret"), "ACCESS_REFUSED"),
        (format!("{url}?exchange=amq.fanout"), "amq.fanout"),
        (format!("{url}?lazy=1"), "lazy"),
        ("pigeon://roof".to_owned(), "pigeon"),
    ] {
        let refusal = refusal(&broker).await;
        assert!(
            refusal.contains("configuration: broker: ") && refusal.contains(said),
            "{refusal}"
        );
        assert!(!refusal.contains("s3cret"), "{refusal}");
    }
}

#[tokio::test]
async fn a_start_that_waits_can_be_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_myevents"));
    command.args(["serve", "--data-dir"]).arg(folder.path());
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    command
        .env("MYEVENTS_BROKER", format!("amqp://{free}"))
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = tokio::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    let read = tokio::io::AsyncBufReadExt::read_line(&mut said, &mut line);
    timeout(PATIENCE, read).await.unwrap().unwrap();
    assert!(line.contains("the service waits for it"), "{line}");
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").arg(pid).status().await.unwrap().success());
    assert!(timeout(PATIENCE, child.wait()).await.unwrap().unwrap().success());
}
