//! `myevents import`: publishes an exported log to the broker that the settings name.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use chassis::config::Flags;
use chassis::transfer::{ImportError, Importable, check_import, import};
use msgqueue::Broker;
use thiserror::Error;

use crate::output;
use crate::services::{BrokerSettingError, shared_broker};

const EXAMPLES: &str = "\
Examples:
  myevents import --from log.jsonl
  MYEVENTS_BROKER=kafka:localhost:9092 myevents import --from log.jsonl --data-dir /var/lib/myevents

Publishes every envelope of an exported log, in its order, to a broker that does not have them: a new one that the
services move to, or one that has lost its log. Services that have seen them recognise them. The whole file is proved
first, and nothing of one that is damaged or cut off is published. To import twice does no harm.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    flags: Flags,
    /// The exported log
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
}

#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Settings(#[from] BrokerSettingError),
    #[error("configuration: broker: {0}")]
    Open(#[from] msgqueue::OpenError),
    #[error("`{file}` cannot be read: {cause}")]
    File { file: String, cause: io::Error },
    #[error(transparent)]
    Import(#[from] ImportError),
}

pub(crate) async fn run(options: Options) -> Result<(), CommandError> {
    let found = check(&options.from)?;
    let broker = msgqueue::open(&shared_broker(&options.flags)?).await?;
    publish(&broker, &options.from).await?;
    report(found);
    Ok(())
}

fn check(path: &Path) -> Result<Importable, CommandError> {
    let (file, length) = open(path)?;
    let bar = output::file_bar(length, "proving");
    let found = check_import(BufReader::new(file), &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    Ok(found?)
}

async fn publish(broker: &Broker, path: &Path) -> Result<(), CommandError> {
    let (file, length) = open(path)?;
    let bar = output::file_bar(length, "publishing");
    let published = import(&*broker.emitter, BufReader::new(file), &|bytes| bar.inc(bytes)).await;
    bar.finish_and_clear();
    Ok(published?)
}

fn open(path: &Path) -> Result<(File, u64), CommandError> {
    let failed = |cause| CommandError::File {
        file: path.display().to_string(),
        cause,
    };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    Ok((file, length))
}

fn report(found: Importable) {
    let row = |name: &str, number| [name.to_owned(), output::count(number)];
    let rows = [
        row("streams", found.streams),
        row("envelopes", found.envelopes),
        row("repeats", found.repeats),
    ];
    output::print(&format!("PUBLISHED\n{}", output::table(&rows)));
}
