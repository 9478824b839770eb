//! Prometheus with the configuration that deployments use, scraping the services of a test.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Child;

use super::process::silently;
use super::{install, ports};
use crate::eventually;

const PROGRAM: &str = "prometheus";
/// Where the shipped configuration says that the services are, and how often to look at them.
const EVENT: &str = "127.0.0.1:9100";
const BOOKING: &str = "127.0.0.1:9101";
const OFTEN: &str = "5s";
const MORE_OFTEN: &str = "1s";
const LOOK: Duration = Duration::from_secs(2);

/// It ends with this.
pub struct Prometheus {
    url: String,
    _process: Child,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one with the configuration in `shipped`, and waits until it is ready. Metrics are at these HOST:PORT.
    pub async fn start(shipped: &Path, event: &str, booking: &str) -> Self {
        install();
        let folder = tempfile::tempdir().unwrap();
        configure(shipped, folder.path(), event, booking);
        let [port] = ports::free();
        let address = format!("127.0.0.1:{port}");
        let mut server = tokio::process::Command::new(PROGRAM);
        server
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path());
        let process = silently(&mut server);
        let prometheus = Self {
            url: format!("http://{address}"),
            _process: process,
            _folder: folder,
        };
        eventually("Prometheus is ready", || prometheus.is_ready()).await;
        prometheus
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// It listens before it can be asked.
    async fn is_ready(&self) -> Option<()> {
        let line = tokio::time::timeout(LOOK, self.ask("/-/ready")).await.ok()?.ok()?;
        line.contains(" 200 ").then_some(())
    }

    /// The first line of the answer.
    async fn ask(&self, path: &str) -> io::Result<String> {
        let mut connection = TcpStream::connect(self.url.trim_start_matches("http://")).await?;
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut line = String::new();
        BufReader::new(connection).read_line(&mut line).await?;
        Ok(line)
    }
}

fn install() {
    if install::on_path(PROGRAM).is_some() {
        return;
    }
    install::once(PROGRAM, Path::new("/usr/bin/prometheus"), || {
        install::debian_package("prometheus");
    });
}

/// As it is shipped, but for where the services are, and looking more often than people need.
fn configure(shipped: &Path, folder: &Path, event: &str, booking: &str) {
    for file in ["recording.rules.yml", "alerts.rules.yml"] {
        fs::copy(shipped.join(file), folder.join(file)).unwrap();
    }
    let main = fs::read_to_string(shipped.join("prometheus.yml")).unwrap();
    for expected in [EVENT, BOOKING, OFTEN] {
        assert!(
            main.contains(expected),
            "{expected} is no longer in the shipped configuration"
        );
    }
    let main = main
        .replace(EVENT, event)
        .replace(BOOKING, booking)
        .replace(OFTEN, MORE_OFTEN);
    fs::write(folder.join("prometheus.yml"), main).unwrap();
}
