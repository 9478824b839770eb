//! nginx with the configuration that deployments use, in front of replicas that come and go.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Child;

use super::{install, ports};
use crate::eventually;

const PROGRAM: &str = "nginx";

/// It ends with this.
pub struct Nginx {
    address: String,
    shipped: PathBuf,
    process: Child,
    folder: TempDir,
}

/// Where replicas listen, as HOST:PORT.
pub struct Replicas<'a> {
    pub events: &'a [String],
    pub bookings: &'a [String],
}

impl Nginx {
    /// Starts one with the template in `shipped`, and waits until it listens.
    pub async fn start(shipped: &Path, replicas: &Replicas<'_>) -> Self {
        let program = installed();
        let folder = tempfile::tempdir().unwrap();
        let [port] = ports::free();
        let address = format!("127.0.0.1:{port}");
        let main = folder.path().join("nginx.conf");
        fs::write(&main, around(folder.path())).unwrap();
        fs::write(folder.path().join("site.conf"), site(shipped, &address, replicas)).unwrap();
        let process = tokio::process::Command::new(program)
            .args(["-e", "stderr", "-c"])
            .arg(main)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let listens = || async { TcpStream::connect(&address).await.ok().map(|_| ()) };
        eventually("nginx listens", listens).await;
        Self {
            address,
            shipped: shipped.to_owned(),
            process,
            folder,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends what comes from now on to these. Returns when the last answer of those before has come.
    pub async fn send_to(&self, replicas: &Replicas<'_>) {
        let before = self.workers();
        fs::write(
            self.folder.path().join("site.conf"),
            site(&self.shipped, &self.address, replicas),
        )
        .unwrap();
        let master = self.process.id().unwrap().to_string();
        install::run(Command::new("kill").args(["-HUP", &master]));
        let others = || async {
            let now = self.workers();
            let are_all_new = !now.is_empty() && now.iter().all(|worker| !before.contains(worker));
            are_all_new.then_some(())
        };
        eventually("nginx sends elsewhere", others).await;
    }

    fn workers(&self) -> Vec<String> {
        let master = self.process.id().unwrap();
        let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children")).unwrap_or_default();
        children.split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Killed by itself the master would leave its workers behind.
        if let Some(master) = self.process.id() {
            let _ = Command::new("kill").args(["-TERM", &master.to_string()]).status();
        }
    }
}

fn installed() -> PathBuf {
    if let Some(program) = install::on_path(PROGRAM) {
        return program;
    }
    let program = PathBuf::from("/usr/sbin/nginx");
    install::once(PROGRAM, &program, || {
        install::debian_package("nginx-light");
    });
    program
}

/// The shipped site. A name in it may stand for several replicas.
fn site(shipped: &Path, address: &str, replicas: &Replicas<'_>) -> String {
    let headers = shipped.join("page-headers.conf");
    let template = fs::read_to_string(shipped.join("myevents.conf.template")).unwrap();
    template
        .replace("${LISTEN}", address)
        .replace("${PAGE}", &shipped.display().to_string())
        .replace("${HEADERS}", &headers.display().to_string())
        .replace("${EVENT_SERVICE}", &replicas.events.join("; server "))
        .replace("${BOOKING_SERVICE}", &replicas.bookings.join("; server "))
}

/// What a machine's own configuration has around sites. Each answer ends its connection: a client cannot tell one that is
/// about to be closed from one that it may use again.
fn around(folder: &Path) -> String {
    let folder = folder.display();
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = kinds
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        "daemon off;\npid {folder}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\nkeepalive_timeout 0;\n{temporary}\
         include {folder}/site.conf;\n}}\n"
    )
}
