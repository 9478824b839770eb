//! Runs a command beside real servers: `with_servers [--folder FOLDER] KIND[=VARIABLE]… -- COMMAND…`.
//!
//! The command finds each server's URL in an environment variable. A server whose variable is set already is not
//! started. With `--folder` servers keep what they have there, for the next time.
#![allow(clippy::print_stderr, reason = "a command says what is wrong with how it is called")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::{env, io};

use testkit::servers::{Kind, Server};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str =
    "usage: with_servers [--folder FOLDER] amqp[=VARIABLE] kafka[=VARIABLE] mongodb[=VARIABLE] -- COMMAND…";

struct Order {
    folder: Option<PathBuf>,
    /// Each with the variable that tells its URL.
    servers: Vec<(Kind, String)>,
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(order) = read(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let is_missing = |(_, variable): &&(Kind, String)| env::var(variable).is_err();
    let missing: Vec<_> = order.servers.iter().filter(is_missing).collect();
    let folder = order.folder.as_deref().filter(|_| !missing.is_empty());
    let _lock = match folder.map(lock).transpose() {
        Ok(lock) => lock,
        Err(what) => {
            eprintln!("error: {what}");
            return ExitCode::FAILURE;
        }
    };
    let started = missing
        .into_iter()
        .map(|(kind, variable)| (start(*kind, folder), variable));
    let started: Vec<_> = started.collect();
    let urls = started.iter().map(|(server, variable)| (*variable, server.url()));
    let mut command = Command::new(&order.command[0]);
    match run(command.args(&order.command[1..]).envs(urls)).await {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("{}: {error}", order.command[0]);
            ExitCode::FAILURE
        }
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Option<Order> {
    let (mut folder, mut servers) = (None, Vec::new());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--folder" => folder = Some(PathBuf::from(arguments.next()?)),
            "--" => break,
            server => servers.push(server_of(server)?),
        }
    }
    let command: Vec<String> = arguments.collect();
    let order = Order {
        folder,
        servers,
        command,
    };
    (!order.command.is_empty()).then_some(order)
}

fn server_of(text: &str) -> Option<(Kind, String)> {
    let (name, variable) = text.split_once('=').unzip();
    let is_it = |kind: &Kind| word(*kind) == name.unwrap_or(text);
    let kind = [Kind::Kafka, Kind::MongoDb, Kind::RabbitMq].into_iter().find(is_it)?;
    Some((kind, variable.unwrap_or(kind.variable()).to_owned()))
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Kafka => "kafka",
        Kind::MongoDb => "mongodb",
        Kind::RabbitMq => "amqp",
    }
}

/// Keeps others from servers that have what they keep in this folder.
fn lock(folder: &Path) -> Result<File, String> {
    let open = || -> io::Result<File> {
        fs::create_dir_all(folder)?;
        File::create(folder.join("lock"))
    };
    let failed = |cause| format!("{} cannot be used: {cause}", folder.display());
    let file = open().map_err(failed)?;
    file.try_lock()
        .map_err(|_| format!("a server runs already on {}", folder.display()))?;
    Ok(file)
}

fn start(kind: Kind, folder: Option<&Path>) -> Server {
    match folder {
        Some(folder) => Server::start_in(kind, &folder.join(word(kind))),
        None => Server::start_plain(kind),
    }
}

/// What is told to end, ends through the command: servers stay until then.
async fn run(command: &mut Command) -> std::io::Result<ExitStatus> {
    let (mut interrupts, mut terminations) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut child = command.spawn()?;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            // The terminal has told the command as well.
            _ = interrupts.recv() => {}
            _ = terminations.recv() => terminate(child.id()),
        }
    }
}

fn terminate(pid: Option<u32>) {
    if let Some(pid) = pid {
        let _ = std::process::Command::new("kill").arg(pid.to_string()).status();
    }
}
