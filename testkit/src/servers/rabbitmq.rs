//! RabbitMQ, from the machine or from its packages.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::install;
use super::server::{Encrypted, Place, Recipe};

/// The scripts behind Debian's wrapper, which would change to another user.
const SCRIPTS: &str = "/usr/lib/rabbitmq/bin";
const SERVER: &str = "rabbitmq-server";

pub(super) fn recipe() -> Recipe {
    Recipe {
        name: "RabbitMQ",
        install,
        prepare,
        helper: Some(epmd),
        command,
        is_ready,
        make_user: |_| {},
        has_one_port: false,
        url: |port| format!("amqp://guest:guest@127.0.0.1:{port}/%2f"),
        encrypted_url: |port| format!("amqps://guest:guest@localhost:{port}/%2f"),
    }
}

fn install() {
    if install::on_path(SERVER).is_some() {
        return;
    }
    install::once("rabbitmq", &Path::new(SCRIPTS).join(SERVER), || {
        install::debian_package("rabbitmq-server");
    });
}

fn script(name: &str) -> PathBuf {
    match Path::new(SCRIPTS).join(name) {
        debian if debian.exists() => debian,
        _ => install::on_path(name).expect("RabbitMQ is installed"),
    }
}

fn prepare(place: &Place) {
    let mut config = format!(
        "listeners.tcp.1 = 127.0.0.1:{}\nlog.console = false\ndisk_free_limit.absolute = 100MB\n",
        place.port
    );
    config.extend(place.encrypted.iter().map(encrypted));
    fs::write(place.folder.join("rabbitmq.conf"), config).unwrap();
    fs::write(place.folder.join("plugins"), "[].").unwrap();
}

fn encrypted(encrypted: &Encrypted) -> String {
    let Encrypted {
        port,
        certificate,
        private_key,
    } = encrypted;
    format!(
        "listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.certfile = {}\nssl_options.keyfile = {}\n\
         ssl_options.verify = verify_none\n",
        certificate.display(),
        private_key.display()
    )
}

/// Erlang's directory of nodes. One that the server started would outlive it.
fn epmd(place: &Place) -> Command {
    let mut command = Command::new("epmd");
    command.args(["-address", "127.0.0.1", "-port", &place.more_ports[0].to_string()]);
    command
}

fn command(place: &Place) -> Command {
    command_of(SERVER, place)
}

/// What operators tell a server by.
pub(super) fn control(place: &Place, arguments: &[&str]) -> Command {
    let mut command = command_of("rabbitmqctl", place);
    command.args(arguments);
    command
}

fn command_of(name: &str, place: &Place) -> Command {
    let [directory, distribution] = place.more_ports;
    let mut command = Command::new(script(name));
    command
        .env("HOME", &place.folder)
        .env("ERL_EPMD_PORT", directory.to_string())
        .env("RABBITMQ_DIST_PORT", distribution.to_string())
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1}",
        )
        .env("RABBITMQ_NODENAME", "myevents@localhost")
        .env("RABBITMQ_CONFIG_FILE", place.folder.join("rabbitmq.conf"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", place.folder.join("plugins"))
        .env("RABBITMQ_MNESIA_BASE", place.folder.join("data"))
        .env("RABBITMQ_LOG_BASE", place.folder.join("log"));
    command
}

/// What a frame with a method begins with, by the protocol.
const METHOD: u8 = 1;

/// Whether it answers the protocol's header by a method, which it does only when it has started as a whole.
fn is_ready(port: u16) -> bool {
    let Ok(mut connection) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let mut first = [0];
    connection.set_read_timeout(Some(Duration::from_secs(1))).is_ok()
        && connection.write_all(b"AMQP\0\0\x09\x01").is_ok()
        && connection.read_exact(&mut first).is_ok()
        && first == [METHOD]
}
