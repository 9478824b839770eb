//! The recorder: clients that drive the platform until they are told to stop.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::actor::Actor;
use super::record::Record;
use super::{Address, History};
use crate::eventually;

/// How many clients do what.
#[derive(Debug, Clone, Copy)]
pub struct LoadOptions {
    pub clients: usize,
    /// The same seed makes each client ask the same things, as far as the replies are the same.
    pub seed: u64,
    /// Milliseconds that a client thinks between two requests, at most.
    pub think: u64,
    /// How long a client waits for a reply; and at the end, for those that are still open.
    pub patience: Duration,
}

/// Longer than the platform lets anybody wait.
const PATIENCE: Duration = Duration::from_secs(15);

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            clients: 6,
            seed: 1,
            think: 10,
            patience: PATIENCE,
        }
    }
}

/// Clients at work.
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Vec<Record>>>,
}

/// What the clients know together.
pub(super) struct Shared {
    pub(super) address: Address,
    pub(super) began: Instant,
    pub(super) options: LoadOptions,
    pub(super) known: Mutex<Known>,
    acknowledged: AtomicUsize,
    stop: watch::Sender<bool>,
}

/// What there is to book and to change, by id.
pub(super) struct Known {
    pub(super) events: Vec<String>,
    pub(super) locations: Vec<String>,
}

impl Load {
    pub fn start(address: &Address, options: LoadOptions) -> Self {
        Self::go_on(address, options, &History::default())
    }

    /// With events and locations of an earlier load.
    pub fn go_on(address: &Address, options: LoadOptions, earlier: &History) -> Self {
        let known = Known {
            events: earlier.events().map(str::to_owned).collect(),
            locations: earlier.locations().map(str::to_owned).collect(),
        };
        let shared = Arc::new(Shared {
            address: address.clone(),
            began: Instant::now(),
            options,
            known: Mutex::new(known),
            acknowledged: AtomicUsize::new(0),
            stop: watch::Sender::new(false),
        });
        let client = |number| tokio::spawn(Actor::new(number, Arc::clone(&shared)).run());
        let clients = (0..options.clients).map(client).collect();
        Self { shared, clients }
    }

    /// Requests answered with success so far.
    pub fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until so many more requests were answered with success.
    pub async fn goes_on(&self, requests: usize) {
        let goal = self.acknowledged() + requests;
        eventually("the load goes on", || async {
            (self.acknowledged() >= goal).then_some(())
        })
        .await;
    }

    /// Tells the clients to stop. Each asks again what it may repeat until it knows the outcome, so the platform has to
    /// be there.
    pub async fn finish(self) -> History {
        self.shared.stop.send_replace(true);
        let mut history = History::default();
        for client in self.clients {
            history.records.extend(client.await.unwrap());
        }
        history
    }
}

impl Shared {
    pub(super) fn note_success(&self) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn has_ended(&self) -> bool {
        *self.stop.borrow()
    }

    pub(super) async fn ended(&self) {
        let mut stop = self.stop.subscribe();
        stop.wait_for(|stop| *stop).await.unwrap();
    }
}
