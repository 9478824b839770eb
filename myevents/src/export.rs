//! `myevents export`: the log as a file.
//!
//! It asks for no service: both write to one log.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use chassis::config::Flags;
use chassis::transfer::{Export, ExportError, Exported, Outlet, export};
use indicatif::ProgressBar;
use msgqueue::Broker;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::services::{BrokerSettingError, shared_broker};
use crate::{interrupt, output};

const EXAMPLES: &str = "\
Examples:
  myevents export --to log.jsonl
  myevents export --data-dir /var/lib/myevents | gzip > log.jsonl.gz

Writes what the log holds when it begins: one envelope a line, of both services, in the order of the log. The platform
may run meanwhile. A message of the log that is no envelope is passed over and named on standard error. What is damaged
in the log is named as well, everything else is written, and the exit code is 1.
A file is there under its name when it is whole; a pipe or a device is written to as it is.
`myevents verify SERVICE --from FILE` proves the file, `myevents restore SERVICE --from FILE` restores a journal from it.";

/// Messages that are not exported are named up to this number.
const MOST_NAMED: u64 = 10;

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    flags: Flags,
    /// Where to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Settings(#[from] BrokerSettingError),
    #[error("there is no log at {0}; --data-dir and --conf have to be those of the services")]
    NoLog(String),
    #[error("configuration: broker: {0}")]
    Open(#[from] msgqueue::OpenError),
    #[error("signals cannot be handled: {0}")]
    Signals(io::Error),
    #[error("`{file}` cannot be written: {cause}")]
    File { file: String, cause: io::Error },
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("{0} of the log could not be exported; everything else is written")]
    Lost(String),
}

/// A file that is not whole yet. It goes when it is dropped, unless it has got its name by then.
struct Part(PathBuf);

pub(crate) async fn run(options: Options) -> Result<(), CommandError> {
    let broker = open(&options.flags).await?;
    let stop = interrupt::token().map_err(CommandError::Signals)?;
    let exported = match &options.to {
        Some(path) if is_replaced(path) => replace(&broker, path, &stop).await?,
        Some(path) => write_to(&broker, path, &stop).await?,
        None => write(&broker, Outlet::start(|| Ok(Box::new(io::stdout()))), &stop).await?,
    };
    report(&exported)
}

fn report(exported: &Exported) -> Result<(), CommandError> {
    output::note(&format!("{} exported.", output::plural(exported.envelopes, "envelope")));
    if exported.foreign > 0 {
        let foreign = output::plural(exported.foreign, "message");
        output::note(&format!("{foreign} of the log passed over, being no envelopes."));
    }
    if exported.withheld > 0 {
        let withheld = output::plural(exported.withheld, "message");
        output::note(&format!("{withheld} of the log missing from it."));
    }
    match exported.lost() {
        0 => Ok(()),
        lost => Err(CommandError::Lost(output::plural(lost, "message"))),
    }
}

async fn open(flags: &Flags) -> Result<Broker, CommandError> {
    let url = shared_broker(flags)?;
    if !msgqueue::is_there(&url) {
        return Err(CommandError::NoLog(url));
    }
    Ok(msgqueue::open(&url).await?)
}

/// What is no plain file keeps its place: a pipe, a device, or a link to anything.
fn is_replaced(path: &Path) -> bool {
    fs::symlink_metadata(path).map_or(true, |found| found.is_file())
}

/// A file that is there under its name is whole.
async fn replace(broker: &Broker, path: &Path, stop: &CancellationToken) -> Result<Exported, CommandError> {
    let failed = |cause| in_file(path, cause);
    let (part, file) = Part::create(path).map_err(failed)?;
    let whole = file.try_clone().map_err(failed)?;
    let exported = write(broker, Outlet::start(|| Ok(Box::new(file))), stop).await;
    let exported = exported.map_err(|error| of_file(path, error))?;
    whole.sync_all().map_err(failed)?;
    fs::rename(&part.0, path).map_err(failed)?;
    Ok(exported)
}

async fn write_to(broker: &Broker, path: &Path, stop: &CancellationToken) -> Result<Exported, CommandError> {
    let target = path.to_owned();
    let outlet = Outlet::start(move || Ok(Box::new(File::create(target)?)));
    write(broker, outlet, stop).await.map_err(|error| of_file(path, error))
}

async fn write(broker: &Broker, to: io::Result<Outlet>, stop: &CancellationToken) -> Result<Exported, ExportError> {
    let bar = output::bar(0, "exporting");
    let exported = export(broker, to?, stop, &|step| show(step, &bar)).await;
    bar.finish_and_clear();
    exported
}

fn in_file(path: &Path, cause: io::Error) -> CommandError {
    CommandError::File {
        file: path.display().to_string(),
        cause,
    }
}

fn of_file(path: &Path, error: ExportError) -> CommandError {
    match error {
        ExportError::Write(cause) => in_file(path, cause),
        error => error.into(),
    }
}

impl Part {
    fn create(path: &Path) -> io::Result<(Self, File)> {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let part = Self(PathBuf::from(name));
        let file = File::create(&part.0)?;
        Ok((part, file))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It is not there any more where it has got its name.
        let _ = fs::remove_file(&self.0);
    }
}

fn show(step: Export, bar: &ProgressBar) {
    match step {
        Export::Begins(length) => bar.set_length(length),
        Export::Wrote(messages) => bar.inc(messages),
        Export::Skipped { number, count, why } if count <= MOST_NAMED => {
            bar.suspend(|| output::note(&format!("message {number} of the log {why}")));
        }
        Export::Skipped { .. } => {}
    }
}
