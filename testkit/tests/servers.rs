//! Servers start, can be hurt, and leave nothing behind.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::eventually;
use testkit::servers::{Kind, Server};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream as Connection;
use tokio::task::block_in_place;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// The address in a broker's URL.
fn address(url: &str) -> SocketAddr {
    let start = url.find("127.0.0.1").unwrap();
    let text: String = url[start..]
        .chars()
        .take_while(|c| c.is_ascii_digit() || ['.', ':'].contains(c))
        .collect();
    text.parse().unwrap()
}

/// Whether a process was started with `folder` in its command line.
fn is_named(folder: &Path) -> bool {
    let mut command = Command::new("pgrep");
    command.arg("-f").arg(folder).output().unwrap().status.success()
}

async fn hurt(kind: Kind) {
    let mut server = Server::start(kind).await;
    let address = address(&server.url());
    let mut open = Connection::connect(address).await.unwrap();
    server.cut();
    let ended = timeout(PATIENCE, open.read_u8()).await.unwrap();
    assert!(ended.is_err(), "a connection outlives its network");
    let mut refused = Connection::connect(address).await.unwrap();
    assert!(timeout(PATIENCE, refused.read_u8()).await.unwrap().is_err());
    server.mend();
    server.pause();
    server.resume();
    block_in_place(|| {
        server.kill();
        server.begin();
        server.stop();
        server.begin();
    });
    let mut open = Connection::connect(address).await.unwrap();
    let silent = timeout(Duration::from_millis(50), open.read_u8()).await;
    assert!(silent.is_err(), "the server does not stay");
    let folder = server.folder().to_owned();
    block_in_place(|| drop(server));
    assert!(timeout(PATIENCE, open.read_u8()).await.unwrap().is_err());
    assert!(!folder.exists());
    eventually("its processes have gone", || async {
        (!is_named(&folder)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_can_be_hurt_and_goes() {
    hurt(Kind::RabbitMq).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_can_be_hurt_and_goes() {
    hurt(Kind::Kafka).await;
}

#[tokio::test]
async fn a_command_finds_its_servers_and_they_go_with_it() {
    let program = env!("CARGO_BIN_EXE_with_servers");
    let mut command = Command::new(program);
    command.args(["kafka=PLACE", "--", "sh", "-c", "echo $PLACE; exit 7"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let address = address(&String::from_utf8(output.stdout).unwrap());
    eventually("the server has gone", || async {
        TcpStream::connect(address).is_err().then_some(())
    })
    .await;
}

#[test]
fn a_command_line_that_cannot_be_read_is_refused() {
    for arguments in [
        &["kafka"][..],
        &["--", "true"][..1],
        &["pigeon", "--", "true"],
        &["--folder"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_with_servers"))
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stderr.starts_with(b"usage: "));
    }
}
