//! `myevents republish`: publishes what the journals hold to the broker that the settings name.

use chassis::config::Flags;
use chassis::operator::Takeover;
use chassis::service::StartError;
use chassis::transfer::{RepublishError, republish};
use msgqueue::{Broker, BrokerError};
use thiserror::Error;

use crate::output;
use crate::services::{BrokerSettingError, StoresError, shared_broker, with_stores};

const EXAMPLES: &str = "\
Examples:
  MYEVENTS_BROKER=kafka:localhost:9092 myevents republish
  myevents republish --data-dir /var/lib/myevents --conf myevents.toml

Publishes everything that the journals of both services hold, to a broker that does not have it: a new one that the
services move to, or one whose log is lost. The services may not run meanwhile. When they start they read the log from
its beginning and recognise what they have. A service whose store is not here is left out.
A log that has something already is left alone, unless --again says that an earlier attempt is to be completed.";

/// A group that has never been.
const NOBODY: &str = "republish";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    flags: Flags,
    /// Publish to a log that has something already; what comes twice is recognised
    #[arg(long)]
    again: bool,
}

#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Stores(#[from] StoresError),
    #[error(transparent)]
    BrokerSetting(#[from] BrokerSettingError),
    #[error("configuration: broker: {0}")]
    OpenBroker(#[from] msgqueue::OpenError),
    #[error(transparent)]
    Open(#[from] StartError),
    #[error("the broker fails: {0}")]
    Broker(#[from] BrokerError),
    #[error("the log has {0} already; if that is of an earlier attempt, complete it with --again")]
    NotEmpty(String),
    #[error(transparent)]
    Republish(#[from] RepublishError),
}

pub(crate) async fn run(options: Options) -> Result<(), CommandError> {
    let journals = take_over(&options.flags).await?;
    let broker = msgqueue::open(&shared_broker(&options.flags)?).await?;
    if !options.again {
        check_empty(&broker).await?;
    }
    let mut rows = Vec::with_capacity(journals.len());
    for (name, takeover) in &journals {
        let counter = output::counter("publishing");
        let journal = &*takeover.stores.journal;
        let published = republish(journal, &*broker.emitter, &|envelopes| counter.inc(envelopes)).await;
        counter.finish_and_clear();
        rows.push([(*name).to_owned(), output::count(published?)]);
    }
    output::print(&format!("PUBLISHED\n{}", output::table(&rows)));
    Ok(())
}

/// The stores of both services, or of the one that has its store here.
async fn take_over(flags: &Flags) -> Result<Vec<(&'static str, Takeover)>, CommandError> {
    let mut journals = Vec::new();
    for settings in with_stores(flags)? {
        let takeover = Takeover::open(&settings).await?;
        takeover.refuse_half_restored(&settings).await?;
        takeover.refuse_moved(&settings).await?;
        journals.push((settings.service, takeover));
    }
    Ok(journals)
}

/// Who has taken nothing lacks everything that the log has.
async fn check_empty(broker: &Broker) -> Result<(), CommandError> {
    match broker.listener.known_lag(NOBODY).await? {
        0 => Ok(()),
        messages => Err(CommandError::NotEmpty(output::plural(messages, "message"))),
    }
}
