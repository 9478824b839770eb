//! `myevents parked`: what the services could not apply yet, and why; and another attempt at it.
//!
//! It works on the stores of both services, beside a running platform or without one. It never applies anything itself:
//! it publishes again what the journals hold, and the services take it the way that they take everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chassis::config::Flags;
use chassis::consumer::parking::{Listed, Parking};
use chassis::views::Generations;
use clap::Subcommand;
use contracts::{Envelope, StreamId};
use indicatif::ProgressBar;
use msgqueue::{Broker, BrokerError, EventEmitter, EventListener};
use persistence::{Journal, StoreError};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::output;
use crate::services::{StoresError, with_stores};

const EXAMPLES: &str = "\
Examples:
  myevents parked list
  myevents parked retry
  myevents parked list --data-dir /var/lib/myevents --conf myevents.toml

Exit code 1 of `retry` means that something is still parked.";

/// How long the services may take to apply what was published.
const PATIENCE: Duration = Duration::from_secs(60);
/// A group that takes nothing for so long has no service that runs.
const SILENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(200);
const COMMITS_AT_A_TIME: usize = 64;

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show the parked messages of both services
    List {
        #[command(flatten)]
        flags: Flags,
    },
    /// Publish again, from the journals, the streams that have something parked, and wait for the services to apply it
    Retry {
        #[command(flatten)]
        flags: Flags,
    },
}

#[derive(Debug, Error)]
pub(crate) enum ParkedError {
    #[error(transparent)]
    Stores(#[from] StoresError),
    #[error("configuration: store: {0}")]
    OpenStore(#[from] persistence::OpenError),
    #[error("configuration: broker: {0}")]
    OpenBroker(#[from] msgqueue::OpenError),
    #[error("the store fails: {0}")]
    Store(#[from] StoreError),
    #[error("the broker fails: {0}")]
    Broker(#[from] BrokerError),
    #[error("still parked: {0}")]
    StillParked(usize),
}

/// A service's stores.
struct Stored {
    service: &'static str,
    broker: String,
    journal: Arc<dyn Journal>,
    parking: Parking,
    generations: Generations,
}

/// A parked message, and whose.
struct Entry {
    service: &'static str,
    broker: String,
    parked: Listed,
}

/// The last version of each parked stream that the journals hold; 0 where they do not know the stream.
type Heads = BTreeMap<String, u64>;

/// A group that something was published for, and when it last took anything.
struct Watched {
    group: String,
    listener: Arc<dyn EventListener>,
    lag: Option<u64>,
    since: Instant,
}

pub(crate) async fn run(options: Options) -> Result<(), ParkedError> {
    match options.action {
        Action::List { flags } => list(&flags).await,
        Action::Retry { flags } => retry(&flags).await,
    }
}

async fn list(flags: &Flags) -> Result<(), ParkedError> {
    let entries = all_parked(&open(flags).await?).await?;
    if entries.is_empty() {
        output::print("Nothing is parked.");
        return Ok(());
    }
    print_table(&entries, |entry| entry.parked.detail.clone());
    Ok(())
}

async fn retry(flags: &Flags) -> Result<(), ParkedError> {
    let services = open(flags).await?;
    let entries = all_parked(&services).await?;
    if entries.is_empty() {
        output::print("Nothing is parked.");
        return Ok(());
    }
    let brokers = open_brokers(&entries).await?;
    let heads = publish_again(&services, &entries, &brokers).await?;
    let silent = wait(&services, watched(&entries, &brokers)).await?;
    let left = all_parked(&services).await?;
    if left.is_empty() {
        output::print("Applied. Nothing is parked any more.");
        return Ok(());
    }
    print_table(&left, |entry| why(entry, &heads, &silent));
    for group in &silent {
        output::print(&format!(
            "\nNo service takes messages as {group}: what was published is applied when it starts."
        ));
    }
    Err(ParkedError::StillParked(left.len()))
}

/// The stores of both services, or of the one that has its store here.
async fn open(flags: &Flags) -> Result<Vec<Stored>, ParkedError> {
    let mut services = Vec::new();
    for settings in with_stores(flags)? {
        let stores = persistence::open(&settings.store).await?;
        services.push(Stored {
            service: settings.service,
            broker: settings.broker,
            journal: stores.journal,
            parking: Parking::open(Arc::clone(&stores.documents)).await?,
            generations: Generations::open(stores.documents).await?,
        });
    }
    Ok(services)
}

async fn all_parked(services: &[Stored]) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    for stored in services {
        entries.extend(stored.parked().await?);
    }
    Ok(entries)
}

impl Stored {
    /// Without what views have left that were replaced: nobody takes it in any more.
    async fn parked(&self) -> Result<Vec<Entry>, StoreError> {
        let replaced = self.generations.replaced_groups(self.service).await?;
        let parked = self.parking.list(None).await?.into_iter();
        let parked = parked.filter(|parked| !replaced.contains(&parked.group));
        let entry = |parked| Entry {
            service: self.service,
            broker: self.broker.clone(),
            parked,
        };
        Ok(parked.map(entry).collect())
    }
}

async fn open_brokers(entries: &[Entry]) -> Result<BTreeMap<String, Broker>, ParkedError> {
    let mut brokers = BTreeMap::new();
    for entry in entries {
        if !brokers.contains_key(&entry.broker) {
            brokers.insert(entry.broker.clone(), msgqueue::open(&entry.broker).await?);
        }
    }
    Ok(brokers)
}

/// Publishes every stream that has something parked, whole: consumers skip what they have applied.
async fn publish_again(
    services: &[Stored],
    entries: &[Entry],
    brokers: &BTreeMap<String, Broker>,
) -> Result<Heads, ParkedError> {
    let pairs: BTreeSet<(&str, &str)> = entries
        .iter()
        .map(|entry| (entry.broker.as_str(), entry.parked.stream.as_str()))
        .collect();
    let mut heads = Heads::new();
    for (broker, name) in pairs {
        let (Some(broker), Ok(stream)) = (brokers.get(broker), StreamId::parse(name)) else {
            continue;
        };
        heads.insert(
            name.to_owned(),
            publish_stream(services, &*broker.emitter, &stream).await?,
        );
    }
    Ok(heads)
}

/// From the journal that has the stream. Returns its last version.
async fn publish_stream(
    services: &[Stored],
    emitter: &dyn EventEmitter,
    stream: &StreamId,
) -> Result<u64, ParkedError> {
    for stored in services {
        let head = publish_journal(&*stored.journal, emitter, stream).await?;
        if head > 0 {
            return Ok(head);
        }
    }
    Ok(0)
}

async fn publish_journal(
    journal: &dyn Journal,
    emitter: &dyn EventEmitter,
    stream: &StreamId,
) -> Result<u64, ParkedError> {
    let mut head = 0;
    loop {
        let commits = journal.read(stream, head, COMMITS_AT_A_TIME).await?;
        let envelopes: Vec<Arc<Envelope>> = commits.into_iter().flat_map(|commit| commit.envelopes).collect();
        let Some(last) = envelopes.last() else { return Ok(head) };
        head = last.version;
        emitter.emit(&envelopes).await?;
    }
}

fn watched(entries: &[Entry], brokers: &BTreeMap<String, Broker>) -> Vec<Watched> {
    let groups: BTreeMap<&str, &str> = entries
        .iter()
        .map(|entry| (entry.parked.group.as_str(), entry.broker.as_str()))
        .collect();
    let watch = |(group, broker): (&str, &str)| {
        Some(Watched {
            group: group.to_owned(),
            listener: Arc::clone(&brokers.get(broker)?.listener),
            lag: None,
            since: Instant::now(),
        })
    };
    groups.into_iter().filter_map(watch).collect()
}

/// Waits until nothing is parked, or nothing more will come of it. Returns the groups that take nothing.
async fn wait(services: &[Stored], mut groups: Vec<Watched>) -> Result<Vec<String>, ParkedError> {
    let bar = ProgressBar::new_spinner();
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let parked = all_parked(services).await?.len();
        bar.set_message(format!("{parked} parked; the services apply what was published"));
        bar.tick();
        for group in &mut groups {
            group.look().await?;
        }
        if parked == 0 || groups.iter().all(|group| group.has_taken_all() || group.is_silent()) {
            break;
        }
        sleep(LOOK).await;
    }
    bar.finish_and_clear();
    Ok(groups
        .into_iter()
        .filter(Watched::is_silent)
        .map(|group| group.group)
        .collect())
}

impl Watched {
    async fn look(&mut self) -> Result<(), BrokerError> {
        let lag = self.listener.lag(&self.group).await?;
        let sinks = matches!((lag, self.lag), (Some(now), Some(before)) if now < before);
        if sinks || self.lag.is_none() {
            self.since = Instant::now();
        }
        self.lag = lag;
        Ok(())
    }

    /// Messages are acknowledged after all that they lead to is stored.
    fn has_taken_all(&self) -> bool {
        self.lag == Some(0)
    }

    /// A broker that cannot tell makes us wait to the end.
    fn is_silent(&self) -> bool {
        self.lag.is_some_and(|lag| lag > 0) && self.since.elapsed() > SILENCE
    }
}

/// Why a message is parked even now.
fn why(entry: &Entry, heads: &Heads, silent: &[String]) -> String {
    let parked = &entry.parked;
    let head = heads.get(&parked.stream).copied().unwrap_or(0);
    if parked.stream.is_empty() {
        return format!("names no stream: {}", parked.detail);
    }
    if head == 0 {
        return format!("no journal has this stream; {}", parked.detail);
    }
    if parked.version > head {
        return format!("the journal ends at version {head}; {}", parked.detail);
    }
    if silent.contains(&parked.group) {
        return "published again, not taken yet".to_owned();
    }
    parked.detail.clone()
}

fn print_table(entries: &[Entry], last_column: impl Fn(&Entry) -> String) {
    let mut rows = vec![["SERVICE", "GROUP", "STREAM", "VERSION", "REASON", "SINCE", "DETAIL"].map(str::to_owned)];
    rows.extend(entries.iter().map(|entry| row(entry, last_column(entry))));
    output::print(&output::table(&rows));
}

fn row(entry: &Entry, detail: String) -> [String; 7] {
    let parked = &entry.parked;
    let or_dash = |text: String| {
        if text.is_empty() || text == "0" {
            "-".to_owned()
        } else {
            text
        }
    };
    [
        entry.service.to_owned(),
        parked.group.clone(),
        or_dash(parked.stream.clone()),
        or_dash(parked.version.to_string()),
        parked.reason.as_str().to_owned(),
        parked.parked_at.to_string(),
        detail.replace('\n', " "),
    ]
}
