use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::guardian::{Guardian, Role};
use super::proxy::Proxy;
use super::{Kind, ports, rabbitmq};

/// Longer than any machine needs.
const START: Duration = Duration::from_secs(120);
const END: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// How a server is started.
pub struct Recipe {
    pub(super) name: &'static str,
    pub(super) install: fn(),
    /// Writes what it reads at its start.
    pub(super) prepare: fn(&Place),
    /// What it needs beside itself.
    pub(super) helper: Option<fn(&Place) -> Command>,
    pub(super) command: fn(&Place) -> Command,
    /// Whether the port is served.
    pub(super) is_ready: fn(u16) -> bool,
    /// Makes the user of an encrypted server, where its configuration cannot.
    pub(super) make_user: fn(u16),
    /// Whether it speaks with and without TLS on the same port.
    pub(super) has_one_port: bool,
    pub(super) url: fn(u16) -> String,
    /// Of its encrypted port; the URL still needs what tells whom to trust.
    pub(super) encrypted_url: fn(u16) -> String,
}

/// Where a server lives.
pub struct Place {
    pub(super) folder: PathBuf,
    /// On which it listens.
    pub(super) port: u16,
    /// On which clients find it.
    pub(super) public_port: u16,
    /// For what else it listens to.
    pub(super) more_ports: [u16; 2],
    /// Where it listens encrypted, if it does.
    pub(super) encrypted: Option<Encrypted>,
}

/// A port on which clients are spoken to by TLS.
pub(super) struct Encrypted {
    pub(super) port: u16,
    /// PEM files.
    pub(super) certificate: PathBuf,
    pub(super) private_key: PathBuf,
}

/// A server that can be hurt. Dropping it ends it and removes its folder.
pub struct Server {
    recipe: Recipe,
    place: Place,
    proxy: Option<Proxy>,
    server: Option<Child>,
    _helper: Option<Child>,
    guardian: Guardian,
}

impl Server {
    /// Starts one behind a network that can be cut, and waits until it is ready.
    pub async fn start(kind: Kind) -> Self {
        let starting = spawn_blocking(move || {
            let [port, public_port] = ports::free();
            let mut server = Self::launch(kind.recipe(), new_folder(), false, [port, public_port], None);
            server.proxy = Some(Proxy::start(public_port, port));
            server
        });
        starting.await.unwrap()
    }

    /// One that is started in another way than its kind, without a network of its own. Blocks until it is ready.
    pub(super) fn start_by(recipe: Recipe) -> Self {
        let [port] = ports::free();
        Self::launch(recipe, new_folder(), false, [port; 2], None)
    }

    /// On which it listens.
    pub(super) fn port(&self) -> u16 {
        self.place.port
    }

    /// One for many, without a network of its own. Blocks until it is ready.
    pub fn start_plain(kind: Kind) -> Self {
        let [port] = ports::free();
        Self::launch(kind.recipe(), new_folder(), false, [port; 2], None)
    }

    /// One that speaks TLS as well, with this certificate and its key in PEM files. It knows the user `guest` with the
    /// password `guest`, and there nobody else.
    pub async fn start_encrypted(kind: Kind, certificate: &Path, private_key: &Path) -> Self {
        let [port, other] = ports::free();
        let recipe = kind.recipe();
        let encrypted = Encrypted {
            port: if recipe.has_one_port { port } else { other },
            certificate: certificate.to_owned(),
            private_key: private_key.to_owned(),
        };
        let starting = move || {
            let server = Self::launch(recipe, new_folder(), false, [port; 2], Some(encrypted));
            (server.recipe.make_user)(port);
            server
        };
        spawn_blocking(starting).await.unwrap()
    }

    /// One that keeps what it has in `folder`, and finds it there again. Blocks until it is ready.
    pub fn start_in(kind: Kind, folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let [port] = ports::free();
        Self::launch(kind.recipe(), folder.canonicalize().unwrap(), true, [port; 2], None)
    }

    fn launch(
        recipe: Recipe,
        folder: PathBuf,
        keeps_folder: bool,
        [port, public_port]: [u16; 2],
        encrypted: Option<Encrypted>,
    ) -> Self {
        (recipe.install)();
        let mut guardian = Guardian::of(&folder, keeps_folder);
        let place = Place {
            folder,
            port,
            public_port,
            more_ports: ports::free(),
            encrypted,
        };
        (recipe.prepare)(&place);
        let helper = recipe.helper.map(|helper| spawn(helper(&place), &place));
        helper.iter().for_each(|helper| guardian.watch(Role::Helper, helper));
        let mut server = Self {
            recipe,
            place,
            proxy: None,
            server: None,
            _helper: helper,
            guardian,
        };
        server.begin();
        server
    }

    /// It, after something was done to it that blocks.
    pub async fn after(mut self, what: fn(&mut Self)) -> Self {
        let doing = spawn_blocking(move || {
            what(&mut self);
            self
        });
        doing.await.unwrap()
    }

    /// Ends it and removes its folder.
    pub async fn end_for_good(self) {
        spawn_blocking(move || drop(self)).await.unwrap();
    }

    /// The broker's URL.
    pub fn url(&self) -> String {
        (self.recipe.url)(self.place.public_port)
    }

    /// The broker's URL by TLS, without the roots to trust.
    pub fn encrypted_url(&self) -> String {
        let encrypted = self.place.encrypted.as_ref().expect("it speaks TLS");
        (self.recipe.encrypted_url)(encrypted.port)
    }

    /// Where it keeps what it has.
    pub fn folder(&self) -> &Path {
        &self.place.folder
    }

    /// Starts it again where it was. Blocks until it is ready.
    pub fn begin(&mut self) {
        let deadline = Instant::now() + START;
        let mut child = spawn((self.recipe.command)(&self.place), &self.place);
        self.guardian.watch(Role::Server, &child);
        while !(self.recipe.is_ready)(self.place.port) {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{} ended: {}", self.recipe.name, self.said());
            assert!(
                Instant::now() < deadline,
                "{} is not ready: {}",
                self.recipe.name,
                self.said()
            );
            sleep(LOOK);
        }
        self.server = Some(child);
    }

    fn said(&self) -> String {
        fs::read_to_string(self.place.folder.join("output")).unwrap_or_default()
    }

    /// SIGTERM, and waits until it has ended.
    pub fn stop(&mut self) {
        self.end("TERM");
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.end("KILL");
    }

    fn end(&mut self, signal: &str) {
        self.signal(signal);
        let mut child = self.server.take().expect("it runs");
        let deadline = Instant::now() + END;
        while child.try_wait().unwrap().is_none() || is_group_alive(child.id()) {
            assert!(Instant::now() < deadline, "{} does not end", self.recipe.name);
            sleep(LOOK);
        }
    }

    /// SIGSTOP: connections stay, and nobody answers.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// What operators tell RabbitMQ by. Blocks until it is done.
    pub fn rabbitmqctl(&self, arguments: &[&str]) {
        let output = rabbitmq::control(&self.place, arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn signal(&self, name: &str) {
        let leader = self.server.as_ref().expect("it runs").id();
        assert!(signal_group(leader, name));
    }

    /// Ends all connections of clients, and lets nobody in.
    pub fn cut(&self) {
        self.network().cut();
    }

    /// Lets clients in again.
    pub fn mend(&self) {
        self.network().mend();
    }

    /// The next so many replies to clients do not come: what was asked is done, and then the connection ends.
    pub fn lose_replies(&self, count: usize) {
        self.network().lose_replies(count);
    }

    fn network(&self) -> &Proxy {
        self.proxy.as_ref().expect("it has a network of its own")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The guardian ends what is left; a server that keeps its folder should end well.
        let Some(server) = self.server.as_mut().filter(|_| self.proxy.is_none()) else {
            return;
        };
        let deadline = Instant::now() + END;
        signal_group(server.id(), "TERM");
        while matches!(server.try_wait(), Ok(None)) && Instant::now() < deadline {
            sleep(LOOK);
        }
    }
}

fn new_folder() -> PathBuf {
    tempfile::Builder::new()
        .prefix("myevents-server-")
        .tempdir()
        .unwrap()
        .keep()
}

/// In a group of its own, so that all that it starts can be told together.
fn spawn(mut command: Command, place: &Place) -> Child {
    let output = File::options()
        .append(true)
        .create(true)
        .open(place.folder.join("output"))
        .unwrap();
    command
        .current_dir(&place.folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .process_group(0);
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn signal_group(leader: u32, name: &str) -> bool {
    let mut command = Command::new("kill");
    command.args([&format!("-{name}"), "--", &format!("-{leader}")]);
    command.stderr(Stdio::null()).status().unwrap().success()
}

fn is_group_alive(leader: u32) -> bool {
    signal_group(leader, "0")
}
