//! `myevents restore`: fills a service's empty journal from an exported log.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;

use chassis::config::{Flags, SettingsError};
use chassis::operator::Takeover;
use chassis::service::StartError;
use chassis::transfer::{RestoreError, Restored, restore};
use thiserror::Error;

use crate::output;
use crate::services::ServiceName;

const EXAMPLES: &str = "\
Examples:
  myevents restore event --from log.jsonl --data-dir /var/lib/restored
  myevents restore booking --from log.jsonl --data-dir /var/lib/restored

Restores the streams that belong to the service: versions, hashes and commits as they were. The journal has to be empty,
and the service may not run meanwhile. When it starts it publishes what was restored to its broker; a broker that has it
already gets repeats, which are recognised, and delivers its whole log to the service again. Users' names are not in the
log, and so not restored.
A file that is damaged is refused from there on, and the service does not start on a part of it: export again, and restore
into an empty journal. Only where the log itself is lost or damaged, cut the file off before the damaged line; what was
sold behind it is sold again. A commit that is cut off is left out.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Whose journal
    service: ServiceName,
    #[command(flatten)]
    flags: Flags,
    /// The exported log
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
}

#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Open(#[from] StartError),
    #[error("`{file}` cannot be read: {cause}")]
    File { file: String, cause: io::Error },
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

pub(crate) async fn run(options: Options) -> Result<(), CommandError> {
    let failed = |cause| CommandError::File {
        file: options.from.display().to_string(),
        cause,
    };
    // Before anything is made in a fresh folder.
    let file = File::open(&options.from).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let settings = options.service.settings(&options.flags)?;
    let takeover = Takeover::open(&settings).await?;
    takeover.refuse_moved(&settings).await?;
    takeover.begin_log_anew(&settings).await?;
    let bar = output::file_bar(length, "restoring");
    let kinds = options.service.profile().streams;
    let restored = restore(&takeover.stores, kinds, BufReader::new(file), &|bytes| bar.inc(bytes)).await;
    bar.finish_and_clear();
    report(&restored?);
    Ok(())
}

fn report(restored: &Restored) {
    let row = |name: &str, number| [name.to_owned(), output::count(number)];
    let rows = [
        row("streams", restored.streams),
        row("commits", restored.commits),
        row("envelopes", restored.envelopes),
        row("repeats", restored.repeats),
        row("of other services", restored.of_others),
    ];
    output::print(&format!("RESTORED\n{}", output::table(&rows)));
    for left in &restored.left_out {
        output::print(&format!("\nLeft out, because the file is cut off in it: {left}."));
    }
}
