//! Kafka, one node that is broker and controller, from the machine or as jars from Maven Central.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::install;
use super::server::{Encrypted, Place, Recipe};

const VERSION: &str = "4.1.0";

pub(super) fn recipe() -> Recipe {
    Recipe {
        name: "Kafka",
        install: || drop(jars()),
        prepare,
        helper: None,
        command,
        is_ready: |port| TcpStream::connect(("127.0.0.1", port)).is_ok(),
        make_user: |_| {},
        has_one_port: false,
        url: |port| format!("kafka:127.0.0.1:{port}"),
        encrypted_url: |port| format!("kafka:localhost:{port}"),
    }
}

/// The folder of the jars.
fn jars() -> PathBuf {
    let start = install::on_path("kafka-server-start.sh").and_then(|script| script.canonicalize().ok());
    let libraries = start.and_then(|script| Some(script.parent()?.parent()?.join("libs")));
    if let Some(libraries) = libraries.filter(|folder| folder.is_dir()) {
        return libraries;
    }
    let folder = install::cache().join(format!("kafka-{VERSION}"));
    install::once("kafka", &folder, || fetch(&folder));
    folder
}

/// Into another folder first: one that is there under its name is whole.
fn fetch(folder: &Path) {
    let part = folder.with_extension("part");
    fs::create_dir_all(&part).unwrap();
    let project = part.join("pom.xml");
    fs::write(&project, PROJECT.replace("VERSION", VERSION)).unwrap();
    let mut command = Command::new("mvn");
    command.args(["-q", "-B", "-f"]).arg(&project);
    command.args(["dependency:copy-dependencies", "-DoutputDirectory=."]);
    install::run(command.current_dir(&part));
    fs::rename(part, folder).unwrap();
}

const PROJECT: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>myevents.test</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>VERSION</version></dependency>
  </dependencies>
</project>
"#;

fn prepare(place: &Place) {
    let properties = place.folder.join("server.properties");
    let [controller, _] = place.more_ports;
    let encrypted_port = place.encrypted.as_ref().map(|encrypted| encrypted.port);
    let listener = |host: &str| encrypted_port.map_or(String::new(), |port| format!(",ENCRYPTED://{host}:{port}"));
    // A node that was away names no broker until its next heartbeat: the longer that takes, the more clients see it.
    let mut settings = format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{listens}\n\
         advertised.listeners=CLIENTS://127.0.0.1:{public}{advertised}\n\
         inter.broker.listener.name=CLIENTS\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT,ENCRYPTED:SASL_SSL\n\
         log.dirs={folder}/data\n\
         offsets.topic.replication.factor=1\n\
         offsets.topic.num.partitions=4\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         group.min.session.timeout.ms=1000\n\
         broker.heartbeat.interval.ms=4000\n",
        port = place.port,
        listens = listener("127.0.0.1"),
        public = place.public_port,
        advertised = listener("localhost"),
        folder = place.folder.display(),
    );
    settings.extend(place.encrypted.iter().map(|it| encrypted(it, &place.folder)));
    fs::write(&properties, settings).unwrap();
    if place.folder.join("data").exists() {
        return;
    }
    let mut format = java("kafka.tools.StorageTool");
    format.args(["format", "--cluster-id", "bXlldmVudHMtdGVzdC0tLS", "--config"]);
    install::run(format.arg(properties));
}

/// Who comes there has to log in.
fn encrypted(encrypted: &Encrypted, folder: &Path) -> String {
    let read = |file: &Path| fs::read_to_string(file).unwrap();
    let keystore = folder.join("keystore.pem");
    let pair = read(&encrypted.private_key) + &read(&encrypted.certificate);
    fs::write(&keystore, pair).unwrap();
    format!(
        "sasl.enabled.mechanisms=PLAIN\n\
         listener.name.encrypted.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
         required user_guest=\"guest\";\n\
         ssl.keystore.type=PEM\n\
         ssl.keystore.location={}\n",
        keystore.display()
    )
}

fn command(place: &Place) -> Command {
    let mut command = java("kafka.Kafka");
    command.arg(place.folder.join("server.properties"));
    command
}

fn java(main: &str) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=4", "-cp"]);
    command.arg(jars().join("*")).arg(main);
    command
}
