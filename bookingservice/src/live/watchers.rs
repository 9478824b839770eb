//! Who listens to what, and what was told last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use contracts::{StreamId, StreamKind};
use tokio::sync::Notify;
use tokio::sync::broadcast::{Receiver, Sender};

use super::news::{News, Told, one_behind_the_other};

/// What was told last is kept for readers that are behind: so many pieces of news.
const RING: usize = 16;
/// Of all events they are one for each look.
const RING_OF_ALL: usize = 256;

pub(super) struct Watchers {
    by_event: Mutex<HashMap<String, Watched>>,
    all: Sender<OfAll>,
    /// Rung when somebody has come.
    came: Notify,
}

/// What is told to who listens to all events.
#[derive(Clone)]
pub(super) enum OfAll {
    /// What is left of some.
    Left(Arc<Left>),
    /// Other views are live: nobody knows what has changed until then.
    Anew,
}

/// What is left of some events: each message, and all of them one behind the other.
pub(super) struct Left {
    pub(super) each: HashMap<String, Told>,
    pub(super) all: Bytes,
}

/// An event that somebody watches.
struct Watched {
    news: Sender<Arc<News>>,
    /// The version that was told last; `None` before the first who listens knows where it begins.
    version: Option<u64>,
}

impl Default for Watchers {
    fn default() -> Self {
        Self {
            by_event: Mutex::default(),
            all: Sender::new(RING_OF_ALL),
            came: Notify::new(),
        }
    }
}

impl Watchers {
    /// From now on the news of an event come there.
    pub(super) fn subscribe(&self, event_id: &str) -> Receiver<Arc<News>> {
        let mut by_event = self.by_event();
        let watched = by_event.entry(event_id.to_owned()).or_insert_with(|| Watched {
            news: Sender::new(RING),
            version: None,
        });
        let receiver = watched.news.subscribe();
        self.came.notify_one();
        receiver
    }

    /// Whoever has just subscribed knows all up to `version` from elsewhere.
    pub(super) fn begins(&self, event_id: &str, version: u64) {
        if let Some(watched) = self.by_event().get_mut(event_id) {
            watched.version.get_or_insert(version);
        }
    }

    /// From now on the news of all events come there.
    pub(super) fn subscribe_to_all(&self) -> Receiver<OfAll> {
        let receiver = self.all.subscribe();
        self.came.notify_one();
        receiver
    }

    /// Waits until somebody listens.
    pub(super) async fn somebody(&self) {
        while self.count() == 0 {
            self.came.notified().await;
        }
    }

    pub(super) fn count(&self) -> usize {
        let by_event = self.by_event();
        by_event
            .values()
            .map(|watched| watched.news.receiver_count())
            .sum::<usize>()
            + self.all.receiver_count()
    }

    /// Whether anybody wants to know of an event.
    pub(super) fn watch(&self, event_id: &str) -> bool {
        self.all.receiver_count() > 0 || self.by_event().contains_key(event_id)
    }

    /// Up to which version an event was told before; `None` where nobody needs to know how it came where it is.
    pub(super) fn told(&self, event_id: &str) -> Option<u64> {
        self.by_event().get(event_id)?.version
    }

    /// Nobody is waited for.
    pub(super) fn hand_on(&self, news: News) {
        let news = Arc::new(news);
        if let Some(watched) = self.by_event().get_mut(&news.event_id) {
            watched.version = watched.version.max(Some(news.version));
            // They may have gone in this moment.
            let _ = watched.news.send(news);
        }
    }

    /// What is left of some events, to who listens to all.
    pub(super) fn tell_all(&self, each: HashMap<String, Told>) {
        let all = one_behind_the_other(each.values());
        // There may be nobody.
        let _ = self.all.send(OfAll::Left(Arc::new(Left { each, all })));
    }

    /// Other views are live.
    pub(super) fn begin_anew(&self) {
        let _ = self.all.send(OfAll::Anew);
    }

    /// The inventories that somebody follows.
    pub(super) fn streams(&self) -> Vec<StreamId> {
        let by_event = self.by_event();
        let streams = by_event.keys().map(|id| StreamId::new(StreamKind::Inventory, id));
        streams.filter_map(Result::ok).collect()
    }

    /// Forgets events that nobody watches any more. Returns how many listen.
    pub(super) fn sweep(&self) -> usize {
        self.by_event().retain(|_, watched| watched.news.receiver_count() > 0);
        self.count()
    }

    fn by_event(&self) -> MutexGuard<'_, HashMap<String, Watched>> {
        self.by_event.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
