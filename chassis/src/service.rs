//! Puts a service together: opens its parts, runs its background work, and ends it in order.
//!
//! To end is: send clients elsewhere, take no new requests, answer those under way, publish what was committed, stop consuming,
//! keep snapshots.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use contracts::StreamKind;
use futures::future::join_all;
use msgqueue::{Broker, BrokerError};
use persistence::{PutError, StoreError, Stores};
#[cfg(target_os = "linux")]
use rustix::net::sockopt::set_tcp_user_timeout;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::background;
use crate::clock::Clock;
use crate::config::Settings;
use crate::consumer::Progress;
use crate::consumer::parking::Parking;
use crate::desk::{Aggregate, Desk, Snapshots};
use crate::faults;
use crate::health::{Health, Part};
use crate::http::server::{self, Api, Https, Listeners, Server};
use crate::lost_journal;
use crate::metrics::Metrics;
use crate::moved;
use crate::policies::{self, Policies, Policy};
use crate::pulse::Pulse;
use crate::reach;
use crate::relay::Relay;
use crate::shown_url::without_secrets;
use crate::store_marks;
use crate::tls::{self, CertificateFiles, TlsError};
use crate::views::{Feeding, Follower, Generations, LiveViews, View, Views};
use crate::watch::watched;

/// How many milliseconds a client may take nothing of what is sent before its connection ends; connections take that over
/// from the socket that accepts them.
#[cfg(target_os = "linux")]
const SILENCE: u32 = 60_000;
/// How long the end waits for snapshots. Without them the next start has more to read, and that is all.
const LAST_SNAPSHOTS: Duration = Duration::from_secs(5);

#[derive(Debug, Error)]
pub enum StartError {
    #[error("configuration: store: {0}")]
    Store(#[from] persistence::OpenError),
    #[error("configuration: broker: {0}")]
    Broker(#[from] msgqueue::OpenError),
    #[error("configuration: data_dir: `{folder}`: {rule}")]
    DataDir { folder: PathBuf, rule: String },
    #[error("configuration: {key}: cannot listen on {address}: {cause}")]
    Listen {
        key: &'static str,
        address: SocketAddr,
        cause: std::io::Error,
    },
    #[error("configuration: certificate: {0}")]
    Tls(#[from] TlsError),
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("configuration: store: `{url}` belongs to the {owner} service; every service needs a store of its own")]
    ForeignStore { url: String, owner: String },
    #[error(
        "the store {store} is empty, and the log has what the {service} service once wrote, which it would begin anew: \
         restore it by `myevents export` and `myevents restore {service}`, or name another store or log"
    )]
    LostJournal { store: String, service: &'static str },
    #[error(
        "the store {store} has only a part of what the {service} service once wrote, because a restore or a move to \
         it did not end: after a restore empty its journal (in a folder remove `journal.sqlite` and what is named after \
         it, in MongoDB the collection `commits`), and let `myevents restore {service}` come to its end; after a move \
         remove all that is there, and move again"
    )]
    HalfRestored { store: String, service: &'static str },
    #[error("a process of the {service} service is at work on the store {store}; end all of them first")]
    AtWork { store: String, service: &'static str },
    #[error(
        "the {service} service has moved from the store {store} to {to}: set `store` to that; `myevents move {service} \
         --undo` lets it start on the old one again, which knows nothing of what happened since"
    )]
    Moved {
        store: String,
        to: String,
        service: &'static str,
    },
    #[error(
        "a move of the {service} service from the store {store} to {to} was begun and not ended: remove what is in the new \
         store and move again, or let the service start on the old one by `myevents move {service} --undo`"
    )]
    Moving {
        store: String,
        to: String,
        service: &'static str,
    },
    #[error("another move began meanwhile, or this one was undone: do not use {0}, and remove what is there")]
    OtherMove(String),
    #[error(
        "configuration: store: `{0}` would be both services'; set `event.store` and `booking.store`, or name a server \
         without a database"
    )]
    SharedStore(String),
    #[error("the store fails: {0}")]
    Mark(#[from] PutError),
    #[error("there is no store at {0}; --data-dir and --conf have to be those of the service")]
    NoStore(String),
    #[error("there is no log at {0}; --data-dir and --conf have to be those of the service")]
    NoLog(String),
    #[error("the store fails: {0}")]
    Views(#[from] StoreError),
    #[error("the broker fails: {0}")]
    Groups(#[from] BrokerError),
    #[error("background work cannot start: {0}")]
    Background(std::io::Error),
    #[error("the server does not start: {0}")]
    Server(std::io::Error),
    #[error("signals cannot be handled: {0}")]
    Signals(std::io::Error),
}

/// A service's parts and its background work.
pub struct Service {
    pub settings: Settings,
    pub stores: Stores,
    pub broker: Broker,
    pub clock: Arc<dyn Clock>,
    pub metrics: Metrics,
    pub health: Health,
    appended: Arc<Notify>,
    /// Where all that runs that no request waits for.
    runtime: Handle,
    snapshots: Snapshots,
    stop: CancellationToken,
    background: TaskTracker,
    relay: Option<JoinHandle<()>>,
    stop_relay: CancellationToken,
    servers: Vec<Server>,
    /// Cancelled when no more requests are taken: for replies that would not end by themselves.
    closing: CancellationToken,
    /// Held as long as the service lives.
    _lock: File,
}

impl Service {
    /// Opens store and broker, and locks the data folder against a second process of the same service.
    /// Refuses to begin anew the streams of `kinds` that its journal has lost.
    pub async fn open(
        settings: Settings,
        clock: Arc<dyn Clock>,
        kinds: &'static [StreamKind],
    ) -> Result<Self, StartError> {
        let lock = lock_data_dir(&settings)?;
        let health = Health::default();
        let part = |name: &str| health.part(format!("{}.{name}", settings.service));
        let (store_part, broker_part) = (part("store"), part("broker"));
        let background = background::runtime().map_err(StartError::Background)?;
        let mut stores = faults::loosened(reach::store(&settings, &background).await?);
        store_part.ok();
        stores.lease = Pulse::of(stores.lease, store_part);
        let broker = reach::broker(&settings, &background).await?;
        refuse_to_begin_anew(&stores, &broker, &settings, kinds).await?;
        // The broker may have let it wait for long.
        reach::until_done(&settings, async || store_marks::refuse_moved(&stores, &settings).await).await?;
        broker_part.ok();
        if !persistence::is_embedded(&settings.store) && msgqueue::is_embedded(&settings.broker) {
            warn!(
                service = settings.service,
                "the store is a server and the broker a folder: processes on other machines would hear nothing of this one"
            );
        }
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        if !persistence::is_embedded(&settings.store) {
            let noticing = moved::notice(stores.clone(), settings.clone(), health.clone(), stop.clone());
            tasks.spawn_on(noticing, &background);
        }
        let metrics = Metrics::new()?;
        let snapshots = async || Snapshots::open(&stores, metrics.desk.clone(), background.clone()).await;
        Ok(Self {
            snapshots: reach::from_store(&settings, snapshots).await?,
            stores,
            broker,
            clock,
            metrics,
            health,
            appended: Arc::default(),
            runtime: background,
            stop,
            background: tasks,
            relay: None,
            stop_relay: CancellationToken::new(),
            servers: Vec::new(),
            closing: CancellationToken::new(),
            settings,
            _lock: lock,
        })
    }

    /// A part by the service's name, because several services may answer for their health together.
    fn part(&self, name: &str) -> Part {
        self.health.part(format!("{}.{name}", self.settings.service))
    }

    pub fn desk<A: Aggregate>(&self) -> Desk<A> {
        Desk::new(
            Arc::clone(&self.stores.journal),
            Arc::clone(&self.clock),
            Arc::clone(&self.appended),
            self.metrics.desk.clone(),
        )
        .with_snapshots(self.snapshots.clone())
    }

    /// Takes a step of the start, again and again while a store that is a server is away.
    pub async fn from_store<T>(&self, step: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StartError> {
        reach::from_store(&self.settings, step).await
    }

    /// Begins to publish what the journal holds.
    pub fn start_relay(&mut self) {
        let health = self.part("relay");
        let relay = Relay::new(
            Arc::clone(&self.stores.journal),
            Arc::clone(&self.stores.lease),
            Arc::clone(&self.broker.emitter),
            Arc::clone(&self.appended),
            Arc::clone(&self.clock),
            self.metrics.relay.clone(),
            health.clone(),
        );
        let work = watched(health, relay.run(self.stop_relay.clone()));
        self.relay = Some(self.runtime.spawn(work));
    }

    /// Begins to build the live generation of `views`, whichever that is from time to time.
    pub async fn start_views(&self, views: Vec<Arc<dyn View>>) -> Result<LiveViews, StartError> {
        let documents = &self.stores.documents;
        let generations = self.from_store(async || Generations::open(Arc::clone(documents)).await);
        let generations = generations.await?;
        let generation = self.from_store(async || generations.live().await).await?;
        faults::point("service.generation");
        let prepared = self.from_store(async || Views::prepare(&views, &generation, &self.stores).await);
        let (handler, progress) = prepared.await?;
        self.begin_where_nothing_is_kept(&progress, &generation.group(self.settings.service))
            .await?;
        let live = LiveViews::new(generation, progress.clone(), Arc::clone(&self.stores.documents));
        let follower = Follower {
            service: self.settings.service,
            views,
            stores: self.stores.clone(),
            generations,
            live: live.clone(),
            feeding: self.feeding("views").await?,
        };
        let health = follower.feeding.health.clone();
        let following = watched(health, follower.run(handler, progress, self.stop.clone()));
        self.background.spawn_on(following, &self.runtime);
        Ok(live)
    }

    /// Begins to react by `policies`. Returns how far they are.
    pub async fn start_policies(&self, policies: Vec<Arc<dyn Policy>>) -> Result<Progress, StartError> {
        let documents = &self.stores.documents;
        let progress = async || Progress::open(Arc::clone(documents), "policies_progress".to_owned()).await;
        let progress = self.from_store(progress).await?;
        let group = policies::group(self.settings.service);
        self.begin_where_nothing_is_kept(&progress, &group).await?;
        let feeding = self.feeding("policies").await?;
        let consumer = feeding.consumer(group, progress.clone(), Arc::new(Policies { policies }));
        let work = watched(feeding.health, consumer.run(self.stop.clone()));
        self.background.spawn_on(work, &self.runtime);
        Ok(progress)
    }

    /// A store that is new, or was lost and restored, has nothing of what its group acknowledged before: the group reads
    /// the log from its beginning.
    async fn begin_where_nothing_is_kept(&self, progress: &Progress, group: &str) -> Result<(), StartError> {
        if self.from_store(async || progress.is_empty().await).await? {
            self.drop_group(group).await?;
        }
        Ok(())
    }

    /// A server that was reached may still be starting, or go away again.
    async fn drop_group(&self, group: &str) -> Result<(), StartError> {
        let drop = async || Ok(self.broker.listener.drop_group(group).await?);
        reach::until_done(&self.settings, drop).await
    }

    async fn feeding(&self, part: &str) -> Result<Feeding, StartError> {
        let documents = &self.stores.documents;
        let parking = async || Parking::open(Arc::clone(documents)).await;
        Ok(Feeding {
            listener: Arc::clone(&self.broker.listener),
            documents: Arc::clone(documents),
            parking: self.from_store(parking).await?,
            clock: Arc::clone(&self.clock),
            metrics: self.metrics.consumer.clone(),
            health: self.part(part),
        })
    }

    /// Begins to serve `api` on the service's ports, and its metrics on theirs.
    pub fn serve(&mut self, api: Api) -> Result<Endpoints, StartError> {
        let listeners = Listeners {
            http: listen("listen", self.settings.listen)?,
            https: self.https()?,
        };
        let server = server::start(api, listeners, self.settings.shutdown).map_err(StartError::Server)?;
        let mut endpoints = Endpoints {
            http: server.http,
            https: server.https,
            metrics: None,
        };
        self.servers.push(server);
        if let Some(address) = self.settings.listen_metrics {
            let listener = listen("listen_metrics", address)?;
            let server = server::start_metrics(self.metrics.clone(), listener).map_err(StartError::Server)?;
            endpoints.metrics = Some(server.http);
            self.servers.push(server);
        }
        Ok(endpoints)
    }

    fn https(&self) -> Result<Option<Https>, StartError> {
        let Some(address) = self.settings.listen_tls else {
            return Ok(None);
        };
        let files = match &self.settings.certificate {
            Some((certificate, private_key)) => CertificateFiles {
                certificate: certificate.clone(),
                private_key: private_key.clone(),
            },
            None => tls::self_signed(&self.settings.data_dir.join("tls"))?,
        };
        Ok(Some(Https {
            tls: tls::server_config(files, self.metrics.certificate_expiry()?, self.stop.clone())?,
            listener: listen("listen_tls", address)?,
            // A certificate that was made here is one machine's, on which other programs may have no HTTPS.
            is_strict: self.settings.certificate.is_some(),
        }))
    }

    /// Cancelled when the service takes no more requests.
    pub fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// Lets `work` go on, for requests that are answered bit by bit, until the service takes no more of them.
    pub fn run_for_requests(&self, part: &str, work: impl Future<Output = ()> + Send + 'static) {
        let part = self.part(part);
        part.ok();
        let closing = self.closing.clone();
        let work = async move {
            closing.run_until_cancelled_owned(work).await;
        };
        self.background.spawn(watched(part, work));
    }

    /// Sends clients elsewhere, and takes requests for as long as that may take.
    pub async fn drain(&self) {
        self.servers.iter().for_each(Server::drain);
        sleep(self.settings.drain).await;
    }

    /// Answers what was accepted and takes nothing more.
    pub async fn stop_serving(&mut self) {
        self.closing.cancel();
        join_all(self.servers.drain(..).map(Server::stop)).await;
    }

    /// Ends the service: requests first, then the relay with what they led to, then the consumers, then snapshots.
    pub async fn stop(mut self) {
        self.stop_serving().await;
        self.stop_relay.cancel();
        if let Some(relay) = self.relay.take() {
            // A relay that panicked has been reported; there is nothing left to wait for.
            let _ = relay.await;
        }
        self.stop.cancel();
        self.background.close();
        self.background.wait().await;
        self.snapshots.finish(LAST_SNAPSHOTS).await;
    }
}

/// Where a service answers.
#[derive(Debug, Clone, Copy)]
pub struct Endpoints {
    pub http: SocketAddr,
    pub https: Option<SocketAddr>,
    pub metrics: Option<SocketAddr>,
}

async fn refuse_to_begin_anew(
    stores: &Stores,
    broker: &Broker,
    settings: &Settings,
    kinds: &[StreamKind],
) -> Result<(), StartError> {
    let is_lost = async || lost_journal::is_lost(stores, &*broker.listener, settings.service, kinds).await;
    if !reach::until_done(settings, is_lost).await? {
        return Ok(());
    }
    Err(StartError::LostJournal {
        store: without_secrets(&settings.store),
        service: settings.service,
    })
}

fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let bind = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        #[cfg(target_os = "linux")]
        set_tcp_user_timeout(&listener, SILENCE)?;
        Ok(listener)
    };
    bind().map_err(|cause| StartError::Listen { key, address, cause })
}

pub(crate) fn lock_data_dir(settings: &Settings) -> Result<File, StartError> {
    let folder = &settings.data_dir;
    let failed = |rule: String| StartError::DataDir {
        folder: folder.clone(),
        rule,
    };
    fs::create_dir_all(folder).map_err(|cause| failed(cause.to_string()))?;
    let path = folder.join(format!("{}.lock", settings.service));
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|cause| failed(cause.to_string()))?;
    let used = || failed(format!("is in use by another {} service", settings.service));
    file.try_lock().map_err(|_| used())?;
    Ok(file)
}
