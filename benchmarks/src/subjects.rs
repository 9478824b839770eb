//! The processes that are measured: the platform as it is released, and the bare server.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};
use testkit::{Platform, PlatformBuilder, servers};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::Outcome;
use crate::brokers::{Kind, Place};
use crate::client::{Connection, every};

/// Enough for everything that is sold here.
const CAPACITY: u32 = 1_000_000;
/// The variable that names the platform's broker.
pub(crate) const BROKER: &str = "MYEVENTS_BROKER";
const PATIENCE: Duration = Duration::from_secs(300);

/// The bare server; it ends when this is dropped.
pub(crate) struct Bare {
    pub(crate) address: String,
    _child: Child,
}

impl Bare {
    /// `bytes` is what it answers to `GET /bytes`.
    pub(crate) async fn start(bytes: &str) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("bare")
            .env("BYTES", bytes)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().ok_or("the bare server has no output")?;
        let address = BufReader::new(output).lines().next_line().await?;
        Ok(Self {
            address: address.ok_or("the bare server did not start")?,
            _child: child,
        })
    }
}

/// `myevents` beside this program.
pub(crate) fn binary() -> Outcome<PathBuf> {
    let here = std::env::current_exe()?;
    let binary = here.with_file_name("myevents");
    if binary.exists() {
        return Ok(binary);
    }
    Err(format!("`{}` is not built; use `make bench`", binary.display()).into())
}

/// Starts the platform in a fresh folder, or in one that is there.
pub(crate) async fn platform(folder: Option<&std::path::Path>) -> Outcome<Platform> {
    let builder = PlatformBuilder::new(binary()?, &["serve"]).variable("MYEVENTS_LOG", "warn");
    Ok(match folder {
        Some(folder) => builder.folder(folder),
        None => builder,
    }
    .start()
    .await)
}

/// Starts the platform in a fresh folder, over the broker of this URL.
pub(crate) async fn platform_over(broker: &str) -> Outcome<Platform> {
    let builder = PlatformBuilder::new(binary()?, &["serve"]);
    let builder = builder.variable("MYEVENTS_LOG", "warn");
    Ok(builder.variable(BROKER, broker).start().await)
}

/// A place at the servers that others start, where processes of one platform meet.
pub(crate) struct Servers {
    events: String,
    bookings: String,
    broker: String,
}

impl Servers {
    /// One that nobody has used.
    ///
    /// # Errors
    /// Where nobody has said which servers; the message tells how to.
    pub(crate) fn place() -> Outcome<Self> {
        const MONGODB: servers::Kind = servers::Kind::MongoDb;
        let variable = MONGODB.variable();
        let server = std::env::var(variable);
        let server =
            server.map_err(|_| format!("this needs MongoDB: use `make bench`, or name its URL in {variable}"))?;
        let broker = Place::new(Kind::RabbitMq)?;
        Ok(Self {
            events: MONGODB.place(&server, &format!("{}-event", broker.name)),
            bookings: MONGODB.place(&server, &format!("{}-booking", broker.name)),
            broker: broker.url(),
        })
    }

    /// One process more.
    pub(crate) async fn platform(&self) -> Outcome<Platform> {
        let builder = PlatformBuilder::new(binary()?, &["serve"]).variable("MYEVENTS_LOG", "warn");
        let builder = builder.variable("MYEVENTS_EVENT__STORE", &self.events);
        let builder = builder.variable("MYEVENTS_BOOKING__STORE", &self.bookings);
        Ok(builder.variable(BROKER, &self.broker).start().await)
    }
}

/// Makes so many events over HTTP and waits until all can be booked. Returns their ids.
pub(crate) async fn events(platform: &Platform, count: usize) -> Outcome<Vec<String>> {
    let address = platform.url("event API").to_owned();
    let clients = (0..count.min(64)).map(|first| tokio::spawn(make_events(address.clone(), first, count)));
    let clients: Vec<_> = clients.collect();
    let mut ids = Vec::with_capacity(count);
    let mut tokens = Vec::new();
    for client in clients {
        let (made, token) = client.await??;
        ids.extend(made);
        tokens.extend(token);
    }
    let mut connection = Connection::open(&address).await?;
    let deadline = Instant::now() + PATIENCE;
    for (id, token) in tokens {
        let path = format!("/events/{id}/availability");
        while connection.get(&path, Some(&token)).await?.status != StatusCode::OK {
            if Instant::now() > deadline {
                return Err("the events do not open".into());
            }
        }
    }
    Ok(ids)
}

/// Every 64th event from `first` on; the last one with its token.
async fn make_events(address: String, first: usize, count: usize) -> Outcome<(Vec<String>, Option<(String, String)>)> {
    let mut connection = Connection::open(&address).await?;
    let (mut ids, mut last) = (Vec::new(), None);
    for number in (first..count).step_by(64) {
        let answer = connection
            .post("/events", Bytes::from(event(number).to_string()))
            .await?;
        let created: Value = serde_json::from_slice(&answer.body)?;
        let id = created["id"].as_str().ok_or("an event was not created")?.to_owned();
        last = answer.token.map(|token| (id.clone(), token));
        ids.push(id);
    }
    Ok((ids, last))
}

fn event(number: usize) -> Value {
    let start = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 30 + number as i64 % 10_000);
    json!({
        "name": format!("Benchmark {number}"),
        "start_time": start.to_string(),
        "duration": 120,
        "capacity": CAPACITY,
        "location": {"id": "benchmarks", "name": "Benchmark Hall", "country": "Nowhere"},
    })
}

/// Commits that are not published and messages that are not consumed, of both services.
pub(crate) async fn behind(platform: &Platform) -> f64 {
    let mut behind = 0.0;
    for service in ["event", "booking"] {
        behind += platform.metric(service, "myevents_relay_waiting_commits").await;
        for group in ["policies", "views.1"] {
            let series = format!("myevents_consumer_lag{{group=\"{service}.{group}\"}}");
            behind += platform.metric(service, &series).await;
        }
    }
    behind
}

/// Waits until everything is published and consumed. Returns how long that took.
pub(crate) async fn drained(platform: &Platform) -> Outcome<Duration> {
    let began = Instant::now();
    every(Duration::from_millis(250), || async {
        if began.elapsed() > PATIENCE {
            return Err("background work does not come to an end".into());
        }
        Ok(behind(platform).await == 0.0)
    })
    .await?;
    Ok(began.elapsed())
}

/// Resident memory of a process in megabytes, from `/proc/PID/status`.
pub(crate) fn resident_megabytes(pid: u32) -> Outcome<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?;
    Ok(kilobytes.parse::<f64>()? / 1024.0)
}
