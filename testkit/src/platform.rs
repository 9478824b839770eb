use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::said::{LastLines, Said};
use crate::{Client, variables};

const START: Duration = Duration::from_secs(120);
const END: Duration = Duration::from_secs(120);

/// A real `myevents serve`, or a single service's binary, on free ports and in a folder of its own.
pub struct Platform {
    child: Child,
    folder: Folder,
    log: Option<PathBuf>,
    last_lines: LastLines,
    endpoints: HashMap<String, String>,
}

/// How to start it.
pub struct PlatformBuilder {
    binary: PathBuf,
    arguments: Vec<String>,
    folder: Folder,
    variables: Vec<(String, String)>,
    log: Option<PathBuf>,
}

/// A platform that ended before it was ready.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub error: String,
}

enum Folder {
    Own(TempDir),
    Shared(PathBuf),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Own(folder) => folder.path(),
            Self::Shared(folder) => folder,
        }
    }
}

impl PlatformBuilder {
    /// `binary` is `env!("CARGO_BIN_EXE_…")`, `arguments` what goes before `--data-dir`: `serve` for `myevents`.
    pub fn new(binary: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        Self {
            binary: binary.into(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            folder: Folder::Own(tempfile::tempdir().unwrap()),
            variables: Vec::new(),
            log: None,
        }
    }

    /// Uses a folder that outlives it.
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = Folder::Shared(folder.to_owned());
        self
    }

    /// Sets an environment variable, `MYEVENTS_STORE`.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Appends what it says to this file; otherwise only its last lines are kept, for a test that fails.
    pub fn log(mut self, file: &Path) -> Self {
        self.log = Some(file.to_owned());
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> Platform {
        match self.try_start().await {
            Ok(platform) => platform,
            Err(ended) => panic!("it ended before it was ready, {}: {}", ended.status, ended.error),
        }
    }

    /// Starts it and kills it after `life`, wherever it has got by then. Returns it where it is ready sooner.
    pub async fn start_for(self, life: Duration) -> Option<Platform> {
        let mut starting = self.spawn();
        match timeout(life, read_banner(&mut starting)).await {
            Ok(endpoints) => Some(Platform {
                endpoints: endpoints.expect("it ended by itself before it was ready"),
                ..starting
            }),
            Err(_) => {
                starting.child.kill().await.unwrap();
                None
            }
        }
    }

    /// Like [`PlatformBuilder::start`], for one that may not live to be ready.
    pub async fn try_start(self) -> Result<Platform, Ended> {
        let mut starting = self.spawn();
        let endpoints = timeout(START, read_banner(&mut starting))
            .await
            .expect("the platform did not start in time");
        if let Some(endpoints) = endpoints {
            return Ok(Platform { endpoints, ..starting });
        }
        let error = standard_error(&mut starting.child).await;
        let status = starting.child.wait().await.unwrap();
        Err(Ended { status, error })
    }

    /// A process that is not ready yet.
    fn spawn(self) -> Platform {
        let mut command = Command::new(&self.binary);
        command.args(&self.arguments).arg("--data-dir").arg(self.folder.path());
        for key in ["LISTEN", "LISTEN_TLS", "LISTEN_METRICS"] {
            command.env(format!("MYEVENTS_EVENT__{key}"), "127.0.0.1:0");
            command.env(format!("MYEVENTS_BOOKING__{key}"), "127.0.0.1:0");
        }
        command
            .envs(variables(self.folder.path()))
            .envs(self.variables)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Platform {
            child: command.spawn().unwrap(),
            folder: self.folder,
            log: self.log,
            last_lines: LastLines::default(),
            endpoints: HashMap::new(),
        }
    }
}

impl Platform {
    /// `myevents serve` with everything by default.
    pub async fn start(binary: &str) -> Self {
        PlatformBuilder::new(binary, &["serve"]).start().await
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The URL of an endpoint: `event API`, `booking HTTPS`, `event metrics`, …
    pub fn url(&self, endpoint: &str) -> &str {
        self.endpoints
            .get(endpoint)
            .unwrap_or_else(|| panic!("no `{endpoint}` in {:?}", self.endpoints))
    }

    /// A client of the port that serves everything.
    pub fn client(&self) -> Client {
        Client::new(self.url("event API"))
    }

    /// A client of another endpoint.
    pub fn client_of(&self, endpoint: &str) -> Client {
        Client::new(self.url(endpoint))
    }

    /// The value of a metric's series, as Prometheus would scrape it; 0 where there is none. `series` is the line's
    /// beginning: `myevents_parked_total{group="booking.policies",reason="gap"}`.
    pub async fn metric(&self, service: &str, series: &str) -> f64 {
        let url = self.url(&format!("{service} metrics"));
        let text = Client::new(url).get("").await.text;
        let line = text
            .lines()
            .find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it has ended already")
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        signal(self.pid(), "TERM");
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        timeout(END, self.child.wait())
            .await
            .expect("it did not end in time")
            .unwrap()
    }

    /// Waits until it has ended, however long that takes.
    pub async fn exited(&mut self) -> ExitStatus {
        self.child.wait().await.unwrap()
    }

    /// SIGTERM, and success.
    pub async fn stop(self) {
        self.terminate();
        self.ends().await;
    }

    /// Waits for its end, which has to be a success.
    pub async fn ends(mut self) {
        let status = self.ended().await;
        assert!(status.success(), "{status}: {}", standard_error(&mut self.child).await);
    }

    /// SIGKILL.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGSTOP: it lives and does nothing.
    pub fn pause(&self) {
        signal(self.pid(), "STOP");
    }

    /// SIGCONT.
    pub fn resume(&self) {
        signal(self.pid(), "CONT");
    }
}

fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// Reads up to the end of the banner; what follows is read on so that the process never waits for room. `None` where it
/// ends before.
async fn read_banner(starting: &mut Platform) -> Option<HashMap<String, String>> {
    let output = starting.child.stdout.take().unwrap();
    let mut said = Said::new(output, &starting.last_lines, starting.log.take());
    let mut endpoints = HashMap::new();
    loop {
        let line = said.next_line().await?;
        if line.starts_with("Ctrl-C") {
            break;
        }
        if let [service, kind, url] = line.split_whitespace().collect::<Vec<_>>()[..]
            && url.starts_with("http")
        {
            endpoints.insert(format!("{service} {kind}"), url.to_owned());
        }
    }
    tokio::spawn(async move { while said.next_line().await.is_some() {} });
    Some(endpoints)
}

async fn standard_error(child: &mut Child) -> String {
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).await.unwrap();
    text
}
