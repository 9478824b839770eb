//! `myevents export`: the log as a file.
//!
//! It asks for no service: both write to one log.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use chassis::config::{Flags, SettingsError};
use chassis::transfer::{Export, ExportError, Exported, export};
use indicatif::ProgressBar;
use msgqueue::Broker;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::services::ServiceName;
use crate::{interrupt, output};

const EXAMPLES: &str = "\
Examples:
  myevents export --to log.jsonl
  myevents export --data-dir /var/lib/myevents | gzip > log.jsonl.gz

Writes what the log holds when it begins: one envelope a line, of both services, in the order of the log. The platform
may run meanwhile. A message of the log that is no envelope is passed over and named on standard error.
`myevents verify SERVICE --from FILE` proves the file, `myevents restore SERVICE --from FILE` restores a journal from it.";

/// Messages that are no envelopes are named up to this number.
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
    Settings(#[from] SettingsError),
    #[error("the services have different brokers, {0} and {1}; set one with --conf")]
    DifferentBrokers(String, String),
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
}

pub(crate) async fn run(options: Options) -> Result<(), CommandError> {
    let broker = open(&options.flags).await?;
    let stop = interrupt::token().map_err(CommandError::Signals)?;
    let exported = match &options.to {
        Some(file) => export_to(&broker, file, &stop).await?,
        None => write(&broker, &mut BufWriter::new(io::stdout()), &stop).await?,
    };
    output::note(&format!("{} exported.", output::plural(exported.envelopes, "envelope")));
    if exported.skipped > 0 {
        let skipped = output::plural(exported.skipped, "message");
        output::note(&format!("{skipped} of the log passed over, being no envelopes."));
    }
    Ok(())
}

async fn open(flags: &Flags) -> Result<Broker, CommandError> {
    let (event, booking) = (
        ServiceName::Event.settings(flags)?,
        ServiceName::Booking.settings(flags)?,
    );
    if event.broker != booking.broker {
        return Err(CommandError::DifferentBrokers(event.broker, booking.broker));
    }
    if !msgqueue::is_there(&event.broker) {
        return Err(CommandError::NoLog(event.broker));
    }
    Ok(msgqueue::open(&event.broker).await?)
}

/// A file that is there under its name is whole.
async fn export_to(broker: &Broker, path: &Path, stop: &CancellationToken) -> Result<Exported, CommandError> {
    let failed = |cause| CommandError::File {
        file: path.display().to_string(),
        cause,
    };
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let mut file = BufWriter::new(File::create(&part).map_err(failed)?);
    let exported = write(broker, &mut file, stop).await?;
    file.get_ref().sync_all().map_err(failed)?;
    fs::rename(&part, path).map_err(failed)?;
    Ok(exported)
}

async fn write(
    broker: &Broker,
    to: &mut (dyn Write + Send),
    stop: &CancellationToken,
) -> Result<Exported, CommandError> {
    let bar = output::bar(0, "exporting");
    let exported = export(broker, to, stop, &|step| show(step, &bar)).await;
    bar.finish_and_clear();
    Ok(exported?)
}

fn show(step: Export, bar: &ProgressBar) {
    match step {
        Export::Begins(length) => bar.set_length(length),
        Export::Wrote(messages) => bar.inc(messages),
        Export::Skipped { number, count, why } if count <= MOST_NAMED => {
            bar.suspend(|| output::note(&format!("message {number} of the log is no envelope: {why}")));
        }
        Export::Skipped { .. } => {}
    }
}
