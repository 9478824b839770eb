//! `myevents move`: takes a service's data from its store to another one, of whatever kind.

use chassis::config::{Flags, Settings, SettingsError};
use chassis::operator::Takeover;
use chassis::service::StartError;
use chassis::transfer::{Copied, CopyError, copy, refuse_filled, release};
use chassis::{faults, without_secrets};
use persistence::{Collection, Stores};
use thiserror::Error;

use crate::output;
use crate::services::ServiceName;

const EXAMPLES: &str = "\
Examples:
  myevents move event --to mongodb://db.example/
  myevents move booking --to sqlite:/var/lib/myevents/booking

Copies the journal, commit by commit, with what of it is still to be published, and users' names; then reads both stores and
compares them. The store to move to has to be empty, and no process of the service may run meanwhile. The old store stays as
it is, sealed: the service does not start there any more, and nothing is added to it. Then set the service's `store` to the
new one: it builds its views from the log when it starts there. Whoever has not begun there may go on with the old one, by
--undo.
A move that fails says why, and the service may start on the old store as before. Where one was killed, the service starts on
neither: remove what is in the new store and begin again, or go on with the old one, by --undo.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Whose data
    service: ServiceName,
    #[command(flatten)]
    flags: Flags,
    /// URL of the store to move to
    #[arg(long, value_name = "URL", required_unless_present = "undo")]
    to: Option<String>,
    /// Lets the service start on its old store again
    #[arg(long, conflicts_with = "to")]
    undo: bool,
}

#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Open(#[from] StartError),
    #[error("--to: {0}")]
    To(StartError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error("{cause}; the {service} service may start on its old store as before")]
    GivenUp {
        service: &'static str,
        cause: Box<CommandError>,
    },
    #[error("{cause}; the {service} service does not start on its old store before `myevents move {service} --undo`")]
    Sealed {
        service: &'static str,
        cause: Box<CommandError>,
    },
}

pub(crate) async fn run(options: Options) -> Result<(), CommandError> {
    let settings = options.service.settings(&options.flags)?;
    if !persistence::is_there(&settings.store) {
        let store = without_secrets(&settings.store);
        return Err(StartError::NoStore(store).into());
    }
    let takeover = Takeover::open(&settings).await?;
    takeover.refuse_beside_others(&settings).await?;
    let Some(to) = &options.to else {
        return undo(&takeover, &settings).await;
    };
    let profile = options.service.profile();
    let to = Settings {
        store: persistence::in_database(to, profile.defaults.database),
        ..settings.clone()
    };
    takeover.refuse_half_restored(&settings).await?;
    takeover.refuse_ended_move(&settings).await?;
    let target = takeover.open_other(&to).await.map_err(CommandError::To)?;
    refuse_filled(&target).await?;
    let copied = match fill(&takeover, &target, &to, &(profile.kept)()).await {
        Ok(copied) => copied,
        Err(failed) => return Err(give_up(&takeover, settings.service, failed).await),
    };
    // A command that dies between these leaves neither store to start on.
    takeover.end_move(&to).await?;
    faults::point("move.ended");
    release(&target).await?;
    report(&copied, &without_secrets(&to.store));
    Ok(())
}

async fn fill(
    takeover: &Takeover,
    target: &Stores,
    to: &Settings,
    kept: &[Collection],
) -> Result<Copied, CommandError> {
    takeover.begin_move(to).await?;
    let bar = output::counter("commits copied and compared");
    let copied = copy(&takeover.stores, target, kept, &|commits| bar.inc(commits)).await;
    bar.finish_and_clear();
    Ok(copied?)
}

/// The service may start on its old store again. Returns what to say.
async fn give_up(takeover: &Takeover, service: &'static str, failed: CommandError) -> CommandError {
    let cause = Box::new(failed);
    match takeover.undo_move().await {
        Ok(()) => CommandError::GivenUp { service, cause },
        Err(_) => CommandError::Sealed { service, cause },
    }
}

async fn undo(takeover: &Takeover, settings: &Settings) -> Result<(), CommandError> {
    takeover.undo_move().await?;
    let store = without_secrets(&settings.store);
    output::print(&format!(
        "The {} service may start on {store} again. Remove the other store: it does not know what happens here.",
        settings.service
    ));
    Ok(())
}

fn report(copied: &Copied, to: &str) {
    let row = |name: &str, number| [name.to_owned(), output::count(number)];
    let rows = [
        row("streams", copied.streams),
        row("commits", copied.commits),
        row("still to be published", copied.unpublished),
        row("envelopes", copied.envelopes),
        row("documents", copied.documents),
    ];
    output::print(&format!(
        "MOVED\n{}\nBoth stores have the same. Set the service's `store` to {to} now.",
        output::table(&rows)
    ));
}
