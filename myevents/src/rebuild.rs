//! `myevents rebuild`: a new generation of a service's views, built beside the live one, which it then replaces.

use chassis::config::{Flags, SettingsError};
use chassis::operator::Workplace;
use chassis::service::StartError;
use chassis::views::Digest;
use chassis::views::rebuild::{self, Change, RebuildError, Rebuilt, Step};
use indicatif::ProgressBar;
use thiserror::Error;

use crate::output;
use crate::services::ServiceName;

const EXAMPLES: &str = "\
Examples:
  myevents rebuild booking
  myevents rebuild event --drop-old --data-dir /var/lib/myevents --conf myevents.toml

It may run beside the service, which changes over by itself, or while nothing runs. It reads the log and writes views:
it emits nothing and runs no policy. It takes over only if it has all that the live views have: a log that has lost
something, or the wrong one, is named. Killed half-way, the next rebuild goes on where it was. The views that were live
before stay stored until the next rebuild, or are dropped at once with --drop-old.
Use the build that the service runs.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Whose views
    service: ServiceName,
    #[command(flatten)]
    flags: Flags,
    /// Drop the views that were live before, once nobody reads them any more
    #[arg(long)]
    drop_old: bool,
    /// Begin at the beginning, although an earlier rebuild was not finished
    #[arg(long)]
    anew: bool,
}

#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Open(#[from] StartError),
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
}

pub(crate) async fn run(options: Options) -> Result<(), CommandError> {
    let place = Workplace::open(options.service.settings(&options.flags)?).await?;
    let views = (options.service.profile().views)();
    let how = rebuild::Options {
        anew: options.anew,
        drop_old: options.drop_old,
        ..rebuild::Options::default()
    };
    let bars = Bars::new();
    let rebuilt = rebuild::rebuild(&place, views, how, &|step| bars.show(place.settings.service, step)).await;
    bars.clear();
    report(place.settings.service, &rebuilt?);
    Ok(())
}

struct Bars {
    reading: ProgressBar,
    comparing: ProgressBar,
}

impl Bars {
    fn new() -> Self {
        Self {
            reading: output::bar(0, "reading"),
            comparing: output::counter("comparing"),
        }
    }

    fn show(&self, service: &str, step: Step) {
        match step {
            Step::Begins {
                live,
                building,
                resumed,
                left,
            } => {
                if let Some(left) = left {
                    output::print(&format!(
                        "Another version of the program began generation {left}, which is dropped."
                    ));
                }
                let how = if resumed { "Going on to build" } else { "Building" };
                output::print(&format!(
                    "{how} generation {building} of the {service} service's views; generation {live} is live."
                ));
            }
            Step::Reads { done, of } => {
                self.reading.set_length(of);
                self.reading.set_position(done);
                self.reading.set_message("");
            }
            Step::Waits(why) => self.reading.set_message(format!("waits: {why}")),
            Step::TakesOver => {
                self.reading.finish_and_clear();
                // Said now, because whatever fails from here on does not undo it.
                output::print("The new views are live.");
            }
            Step::Compares => self.comparing.inc(1),
            Step::Drops(number) => self
                .comparing
                .set_message(format!("then generation {number} is dropped")),
        }
    }

    fn clear(&self) {
        self.reading.finish_and_clear();
        self.comparing.finish_and_clear();
    }
}

fn report(service: &str, rebuilt: &Rebuilt) {
    let seconds = rebuilt.took.as_secs_f64();
    let rate = output::rate(rebuilt.read, rebuilt.took);
    output::print(&format!(
        "Read {} in {seconds:.1} s: {rate} a second.\n",
        output::plural(rebuilt.read, "envelope")
    ));
    let mut rows = vec![["VIEW", "DOCUMENTS", "BEFORE", "AFTER", ""].map(str::to_owned)];
    rows.extend(rebuilt.views.iter().map(row));
    output::print(&output::table(&rows));
    if rebuilt.views.iter().any(|change| change.moved > 0) {
        output::print(&format!(
            "\nWhat moved on was read at different moments; `myevents verify {service}` compares at equal versions."
        ));
    }
    if rebuilt.parked > 0 {
        let parked = output::plural(rebuilt.parked as u64, "message");
        output::print(&format!(
            "\n{parked} could not be taken in: see `myevents parked list`."
        ));
    }
}

fn row(change: &Change) -> [String; 5] {
    let documents = match &change.before {
        Some(before) if before.documents != change.after.documents => {
            format!(
                "{} → {}",
                output::count(before.documents),
                output::count(change.after.documents)
            )
        }
        _ => output::count(change.after.documents),
    };
    [
        change.view.clone(),
        documents,
        change.before.as_ref().map_or_else(|| "-".to_owned(), short),
        short(&change.after),
        verdict(change),
    ]
}

/// Enough of a digest to tell it from others at a glance.
fn short(digest: &Digest) -> String {
    digest.hash.chars().take(16).collect()
}

fn verdict(change: &Change) -> String {
    let documents = |number| output::plural(number, "document");
    match change {
        Change { before: None, .. } => "new".to_owned(),
        Change {
            changed: 0, moved: 0, ..
        } => "same".to_owned(),
        Change { changed: 0, moved, .. } => format!("{} moved on", documents(*moved)),
        Change { changed, .. } => format!("{} changed", documents(*changed)),
    }
}
