use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use jiff::Timestamp;
use msgqueue::Broker;
use msgqueue::embedded::Log;
use persistence::Stores;
use serde_json::{Value, json};
use testkit::{Client, Platform, PlatformBuilder};
use tokio::task::spawn_blocking;

/// A platform with everything by default.
pub(crate) async fn platform() -> Platform {
    Platform::start(env!("CARGO_BIN_EXE_myevents")).await
}

/// A platform on a folder that outlives it.
pub(crate) async fn platform_in(folder: &Path) -> Platform {
    PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"])
        .folder(folder)
        .start()
        .await
}

/// A binary of the workspace, built beside `myevents`. Only that one is built for these tests by itself; `make test`
/// builds them all.
pub(crate) fn binary(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_myevents")).with_file_name(name);
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build --workspace` first",
        path.display()
    );
    path
}

/// One service by its own binary, with a data folder of its own and store and broker under `shared`.
pub(crate) async fn service(name: &str, shared: &Path) -> Platform {
    service_builder(name, shared).await.start().await
}

/// The same, to be told more.
pub(crate) async fn service_builder(name: &str, shared: &Path) -> PlatformBuilder {
    let (service, variable) = match name {
        "eventservice" => ("event", "MYEVENTS_EVENT__STORE"),
        _ => ("booking", "MYEVENTS_BOOKING__STORE"),
    };
    let place = shared.to_owned();
    let urls = move || (testkit::store_url(&place, service), testkit::broker_url(&place));
    let (store, broker) = spawn_blocking(urls).await.unwrap();
    PlatformBuilder::new(binary(name), &[])
        .variable(variable, &store)
        .variable("MYEVENTS_BROKER", &broker)
}

/// When the usual event starts, in unix seconds: a month from now, so that it can be booked whenever the tests run.
pub(crate) fn opening_night() -> i64 {
    let today = Timestamp::now().as_second() / DAY * DAY;
    today + 30 * DAY
}

const DAY: i64 = 24 * 3_600;
const TWO_HOURS: i64 = 2 * 3_600;

/// The create-event body of the original services, as it is spelled there.
pub(crate) fn opera() -> Value {
    let start = opening_night();
    json!({
        "name": "opera aida", "startdate": start, "enddate": start + TWO_HOURS, "duration": 120,
        "location": {
            "id": 3, "name": "West Street Opera House", "address": "11 west street, AZ 73646", "country": "U.S.A",
            "opentime": 7, "Closetime": 20,
            "halls": [{"name": "Cesar hall", "location": "second floor, room 2210", "capacity": 10}]
        }
    })
}

/// A new event with so many seats, open for booking in the views of both services. Returns its id.
pub(crate) async fn event_with_seats(client: &Client, capacity: u32) -> String {
    let mut body = opera();
    body["capacity"] = json!(capacity);
    let reply = client.post("/events", body).await;
    let id = reply.expect(201)["id"].as_str().unwrap().to_owned();
    let token = reply.header("consistency-token").unwrap().to_owned();
    client
        .get_with(&format!("/events/{id}"), &[("Consistency-Token", &token)])
        .await
        .expect(200);
    testkit::eventually("the event opens for booking", || async {
        let event = client.get(&format!("/events/{id}")).await.expect(200);
        (event["seats_left"] == json!(capacity)).then_some(())
    })
    .await;
    testkit::eventually("whoever books sees it", || async {
        let history = client.get(&format!("/events/{id}/history")).await;
        // Created, and opened for booking.
        (history.status == 200 && history.json()["items"].get(1).is_some()).then_some(())
    })
    .await;
    id
}

/// How a command ended, and what it printed.
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
    pub(crate) error: String,
}

impl Outcome {
    /// What it printed, of a command that has to succeed.
    pub(crate) fn succeeded(self) -> String {
        assert!(self.status.success(), "{}{}", self.output, self.error);
        self.output
    }

    /// Its one line on standard error, of a command that has to fail.
    pub(crate) fn failed(self) -> String {
        assert_eq!(self.status.code(), Some(1), "{}{}", self.output, self.error);
        assert_eq!(self.error.lines().count(), 1, "{}", self.error);
        self.error
    }
}

/// Runs an operator's command about `service` on a data folder.
pub(crate) async fn operate(command: &str, service: &str, folder: &Path, more: &[&str]) -> Outcome {
    let folder = folder.to_str().unwrap();
    myevents(&[&[command, service, "--data-dir", folder], more].concat()).await
}

/// The same with settings by variables.
pub(crate) async fn operate_with(command: &str, service: &str, variables: &[(&'static str, String)]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_myevents"));
    process.args([command, service, "--data-dir"]).arg(folder.path());
    process.envs(variables.iter().map(|(name, value)| (name, value)));
    outcome(process).await
}

/// A service's stores in a data folder.
pub(crate) async fn stores(folder: &Path, service: &str) -> Stores {
    let place = folder.to_owned();
    let service = service.to_owned();
    let url = spawn_blocking(move || testkit::store_url(&place, &service))
        .await
        .unwrap();
    persistence::open(&url).await.unwrap()
}

/// The broker of what lives in a data folder.
pub(crate) async fn broker(folder: &Path) -> Broker {
    msgqueue::open(&testkit::broker_url(folder)).await.unwrap()
}

/// The embedded log in a data folder, to do to it what no broker allows.
pub(crate) async fn log(folder: &Path) -> Log {
    Log::open(&folder.join("broker")).await.unwrap()
}

/// Runs a command of the binary to its end.
pub(crate) async fn myevents(arguments: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_myevents"));
    command.args(arguments);
    let folder = arguments
        .iter()
        .skip_while(|argument| **argument != "--data-dir")
        .nth(1);
    command.envs(folder.map_or(vec![], |folder| testkit::variables(Path::new(folder))));
    outcome(command).await
}

/// Runs a command of the binary on a data folder and the broker of this URL.
pub(crate) async fn myevents_at(broker: &str, folder: &Path, arguments: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_myevents"));
    command.args(arguments).arg("--data-dir").arg(folder);
    command.envs(testkit::variables(folder)).env("MYEVENTS_BROKER", broker);
    outcome(command).await
}

async fn outcome(mut command: Command) -> Outcome {
    let ended = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    Outcome {
        status: ended.status,
        output: String::from_utf8(ended.stdout).unwrap(),
        error: String::from_utf8(ended.stderr).unwrap(),
    }
}
