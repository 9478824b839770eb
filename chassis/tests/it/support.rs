use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chassis::Recorded;
use chassis::clock::SystemClock;
use chassis::consumer::parking::{Listed, Parking};
use chassis::consumer::{Consumer, Handler, HandlerError, Progress, Refusal};
use chassis::health::Health;
use chassis::metrics::Metrics;
use contracts::{Actor, CommitBounds, DomainEvent, Envelope, EventBooked, Hash, StreamId, Unsealed};
use msgqueue::Message;
use msgqueue::embedded::Log;
use persistence::{DocumentStore, Stores, Write};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) const GROUP: &str = "test.views.1";

/// A store and a log in a folder that goes with them.
pub(crate) struct Parts {
    pub(crate) stores: Stores,
    pub(crate) log: Log,
    pub(crate) metrics: Metrics,
    _folder: TempDir,
}

impl Parts {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", folder.path().join("store").display());
        Self {
            stores: persistence::open(&store).await.unwrap(),
            log: Log::open(&folder.path().join("broker")).await.unwrap(),
            metrics: Metrics::new().unwrap(),
            _folder: folder,
        }
    }

    pub(crate) async fn emit(&self, envelopes: &[Envelope]) {
        let shared: Vec<Arc<Envelope>> = envelopes.iter().cloned().map(Arc::new).collect();
        self.log.broker().emitter.emit(&shared).await.unwrap();
    }

    pub(crate) async fn parked(&self) -> Vec<Listed> {
        let parking = Parking::open(Arc::clone(&self.stores.documents)).await.unwrap();
        parking.list(Some(GROUP)).await.unwrap()
    }

    pub(crate) async fn progress(&self) -> Progress {
        Progress::open(Arc::clone(&self.stores.documents), "g1_progress".to_owned())
            .await
            .unwrap()
    }

    /// Starts a consumer whose handler notes what it applies in `witness`.
    pub(crate) async fn consume(&self, witness: &Arc<Witness>) -> Running {
        self.consume_by(Arc::clone(witness) as _, Health::default()).await
    }

    pub(crate) async fn consume_by(&self, handler: Arc<dyn Handler>, health: Health) -> Running {
        let stop = CancellationToken::new();
        let consumer = Consumer {
            group: GROUP.to_owned(),
            listener: self.log.broker().listener,
            documents: Arc::clone(&self.stores.documents),
            progress: self.progress().await,
            parking: Parking::open(Arc::clone(&self.stores.documents)).await.unwrap(),
            handler,
            clock: Arc::new(SystemClock),
            metrics: self.metrics.consumer.clone(),
            health: health.part("views"),
        };
        Running {
            task: tokio::spawn(consumer.run(stop.clone())),
            stop,
        }
    }

    /// A counter of the consumer's, as Prometheus would see it.
    pub(crate) fn counted(&self, series: &str) -> u64 {
        let text = String::from_utf8(self.metrics.render()).unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        line.unwrap_or(0)
    }
}

pub(crate) struct Running {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Stream, version, and seats.
type Applied = (String, u64, u64);

/// A handler that notes what it was given, fails as often as it is told to, and refuses what it is told to.
#[derive(Default)]
pub(crate) struct Witness {
    applied: Mutex<Vec<Applied>>,
    pub(crate) failures: Mutex<u32>,
    pub(crate) refuses: Mutex<Vec<(String, u64)>>,
    /// Whether what is refused holds up its stream.
    pub(crate) lets_pass: AtomicBool,
}

impl Witness {
    /// The versions applied of a stream, in order.
    pub(crate) fn versions(&self, stream: &str) -> Vec<u64> {
        let applied = self.applied.lock().unwrap();
        applied
            .iter()
            .filter(|(of, ..)| of == stream)
            .map(|(_, version, _)| *version)
            .collect()
    }

    /// The seats of what was applied of a stream, in order.
    pub(crate) fn seats(&self, stream: &str) -> Vec<u64> {
        let applied = self.applied.lock().unwrap();
        let of_stream = applied.iter().filter(|(of, ..)| of == stream);
        of_stream.map(|(.., seats)| *seats).collect()
    }

    fn refused(&self, batch: &[Recorded]) -> Vec<Refusal> {
        let refuses = self.refuses.lock().unwrap();
        let refused = batch.iter().map(|recorded| &recorded.envelope).filter(|envelope| {
            refuses
                .iter()
                .any(|(stream, version)| stream == envelope.stream.as_str() && *version == envelope.version)
        });
        refused
            .map(|envelope| Refusal {
                stream: envelope.stream.clone(),
                version: envelope.version,
                detail: "told to refuse".to_owned(),
                holds_up: !self.lets_pass.load(Ordering::Relaxed),
            })
            .collect()
    }
}

#[async_trait]
impl Handler for Witness {
    async fn handle(&self, batch: &Arc<[Recorded]>, _: &Arc<dyn DocumentStore>) -> Result<Vec<Write>, HandlerError> {
        {
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err(HandlerError::NotYet("told to fail".to_owned()));
            }
        }
        let refused = self.refused(batch);
        if !refused.is_empty() {
            return Err(HandlerError::Refused(refused));
        }
        let mut applied = self.applied.lock().unwrap();
        applied.extend(batch.iter().map(|recorded| {
            let envelope = &recorded.envelope;
            let seats = envelope.payload.to_value().unwrap()["seats"].as_u64().unwrap();
            (envelope.stream.to_string(), envelope.version, seats)
        }));
        Ok(Vec::new())
    }
}

/// A stream of so many bookings, each in a commit of its own.
pub(crate) fn bookings(stream: &str, count: u64) -> Vec<Envelope> {
    let mut previous = Hash::GENESIS;
    (1..=count)
        .map(|version| {
            let envelope = unsealed(stream, version).seal(&previous, None);
            previous = envelope.hash;
            envelope
        })
        .collect()
}

fn unsealed(stream: &str, version: u64) -> Unsealed {
    let event = DomainEvent::EventBooked(EventBooked {
        booking_id: format!("b{version}"),
        event_id: "e".to_owned(),
        event_name: None,
        user_id: "u".to_owned(),
        seats: 1,
    });
    Unsealed {
        id: Uuid::now_v7(),
        name: event.name(),
        stream: StreamId::parse(stream).unwrap(),
        version,
        commit: CommitBounds {
            first: version,
            last: version,
        },
        schema_version: 1,
        time: "2026-11-21T00:00:00Z".parse().unwrap(),
        actor: Actor::system(),
        idempotency: None,
        payload: event.payload(),
    }
}

/// The envelope's message with one attribute changed.
pub(crate) fn with_attribute(envelope: &Envelope, name: &str, value: &str) -> Message {
    let mut message = Message::from_envelope(envelope);
    message.attributes.insert(name.to_owned(), value.to_owned());
    message
}
