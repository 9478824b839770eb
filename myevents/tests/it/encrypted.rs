//! HTTPS: certificates that are replaced while people book, old protocols, and the word to keep to HTTPS.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chassis::tls::{CertificateFiles, self_signed};
use serde_json::json;
use testkit::{Client, Platform, PlatformBuilder, eventually};
use tokio::task::JoinHandle;

use crate::support::{event_with_seats, platform};

const CLIENTS: usize = 4;
const STRICT: &str = "strict-transport-security";

async fn encrypted(files: &CertificateFiles) -> Platform {
    PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .variable("MYEVENTS_CERTIFICATE", files.certificate.to_str().unwrap())
        .variable("MYEVENTS_PRIVATE_KEY", files.private_key.to_str().unwrap())
        .start()
        .await
}

/// As Kubernetes does: both files at once, by another folder behind the same name.
fn swap(link: &Path, folder: &Path) {
    let new = link.with_extension("new");
    std::os::unix::fs::symlink(folder, &new).unwrap();
    fs::rename(new, link).unwrap();
}

/// Whether somebody who trusts nothing but the certificate of `folder` gets an answer on a new connection.
async fn is_trusted(url: &str, folder: &Path) -> bool {
    let certificate = fs::read(folder.join("certificate.pem")).unwrap();
    let certificates = reqwest::Certificate::from_pem_bundle(&certificate).unwrap();
    let client = reqwest::Client::builder().tls_certs_only(certificates).build().unwrap();
    client.get(format!("{url}/health/live")).send().await.is_ok()
}

/// Books seat by seat until it is told to stop, on a new connection each time or on one for all. Returns how often.
fn books(url: String, path: String, anew: bool, stop: Arc<AtomicBool>, booked: Arc<AtomicUsize>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut client = Client::new(&*url);
        while !stop.load(Ordering::Relaxed) {
            client.post(&path, json!({"seats": 1})).await.expect(201);
            booked.fetch_add(1, Ordering::Relaxed);
            if anew {
                client = Client::new(&*url);
            }
        }
    })
}

async fn goes_on(booked: &AtomicUsize) {
    let goal = booked.load(Ordering::Relaxed) + 10 * CLIENTS;
    eventually("people go on booking", || async {
        (booked.load(Ordering::Relaxed) >= goal).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_replaced_and_no_request_fails() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second, link] = ["first", "second", "live"].map(|name| folder.path().join(name));
    self_signed(&first).unwrap();
    self_signed(&second).unwrap();
    swap(&link, &first);
    let platform = encrypted(&self_signed(&link).unwrap()).await;
    let url = platform.url("event HTTPS").to_owned();
    let event = event_with_seats(&platform.client(), 100_000).await;
    let (stop, booked) = (Arc::default(), Arc::default());
    let path = format!("/events/{event}/bookings");
    let client = |number: usize| {
        books(
            url.clone(),
            path.clone(),
            number.is_multiple_of(2),
            Arc::clone(&stop),
            Arc::clone(&booked),
        )
    };
    let clients: Vec<_> = (0..CLIENTS).map(client).collect();
    goes_on(&booked).await;
    assert!(is_trusted(&url, &first).await && !is_trusted(&url, &second).await);

    swap(&link, &second);
    eventually("new connections get the new one", || async {
        is_trusted(&url, &second).await.then_some(())
    })
    .await;
    goes_on(&booked).await;
    assert!(!is_trusted(&url, &first).await);

    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    platform.stop().await;
}

#[tokio::test]
async fn who_came_by_https_is_told_to_stay_there_where_a_certificate_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let given = encrypted(&self_signed(folder.path()).unwrap()).await;
    for path in ["/events", "/events/nothing", "/nothing"] {
        let reply = given.client_of("event HTTPS").get(path).await;
        assert_eq!(reply.header(STRICT), Some("max-age=31536000"), "{path}");
        assert_eq!(given.client().get(path).await.header(STRICT), None, "{path}");
    }
    given.stop().await;
    let made = platform().await;
    assert_eq!(made.client_of("event HTTPS").get("/events").await.header(STRICT), None);
    made.stop().await;
}

/// The beginning of a handshake as TLS 1.1 has it, RFC 4346, with two suites of that time, and the signatures that are asked for
/// today.
fn hello_of_tls_1_1() -> Vec<u8> {
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0, 0x2f, 0, 0x35, 1, 0]);
    hello.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    let length = u8::try_from(hello.len()).unwrap();
    [vec![22, 3, 1, 0, length + 4, 1, 0, 0, length], hello].concat()
}

#[tokio::test]
async fn tls_1_1_is_refused() {
    let platform = platform().await;
    let address = platform.url("event HTTPS").trim_start_matches("https://").to_owned();
    let mut answer = [0; 7];
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(&hello_of_tls_1_1()).unwrap();
    connection.read_exact(&mut answer).unwrap();
    let [kind, .., level, reason] = answer;
    assert_eq!((kind, level, reason), (21, 2, 70), "a fatal alert: protocol_version");
    platform.stop().await;
}
