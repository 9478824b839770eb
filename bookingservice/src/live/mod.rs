//! What goes on, told as it happens to everybody who has opened a stream.
//!
//! One task follows how far the views are, whichever replica takes them there. Of each event that somebody watches it reads
//! once what is new, makes the messages once, and hands them to all. So a crowd costs reads and JSON like a single reader,
//! and how often it is told depends on its size.
//!
//! Nobody is waited for. A reader that is too slow to follow loses its place in the ring of what was told last, and is told
//! to resume: whatever it missed it reads from the feed. It must not know of HTTP beyond the messages' text.

mod listener;
mod metrics;
mod news;
mod picture;
mod watchers;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chassis::clock::Clock;
use chassis::feed::Feed;
use chassis::open_files;
use chassis::views::{LiveViews, Moves};
use contracts::{StreamId, StreamKind};
use futures::{StreamExt, TryStreamExt, stream};
use persistence::StoreError;
use prometheus::Registry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

pub(crate) use listener::{Availabilities, Everything, Overview};

use crate::views::inventories::{self, InventoryDocument};
use metrics::LiveMetrics;
use news::{News, Told, availability};
use picture::Pictures;
use watchers::Watchers;

/// Streams that may be open at a time in one process; each costs a connection, some ten kilobytes, and
/// for a while what it is told first.
const MOST_STREAMS: usize = 20_000;
/// Files and connections that are for everything else.
const OTHER_FILES: usize = 1_000;
/// Entries that are handed on together, at most.
const MOST_ENTRIES: usize = 500;
/// Events of which is told together, and how many of their feeds are read at a time.
const TOGETHER: usize = 256;
const FEEDS_AT_ONCE: usize = 8;
/// Readers that read for themselves at a time: others need the store as well.
const READS_AT_ONCE: usize = 2;
/// How often to look where this process consumes nothing itself.
const LOOK: Duration = Duration::from_millis(250);
/// Time between two looks, and how much more for each who listens where something was told: to tell one costs about so
/// much of a processor.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_FOR_EACH: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Live {
    views: LiveViews,
    feed: Feed,
    clock: Arc<dyn Clock>,
    watchers: Arc<Watchers>,
    pictures: Arc<Pictures>,
    places: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    metrics: LiveMetrics,
}

/// One of the open streams.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    metrics: LiveMetrics,
}

impl Live {
    pub(crate) fn new(
        views: LiveViews,
        feed: Feed,
        clock: Arc<dyn Clock>,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let places = open_files::left_by(OTHER_FILES).min(MOST_STREAMS);
        Ok(Self {
            views,
            feed,
            clock,
            watchers: Arc::default(),
            pictures: Arc::default(),
            places: Arc::new(Semaphore::new(places)),
            reads: Arc::new(Semaphore::new(READS_AT_ONCE)),
            metrics: LiveMetrics::register(registry)?,
        })
    }

    /// `None` where as many are open as there may be.
    pub(crate) fn place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        self.metrics.opened();
        Some(Place {
            _permit: permit,
            metrics: self.metrics.clone(),
        })
    }

    /// Tells what happens, for as long as somebody listens.
    pub(crate) async fn run(self) {
        loop {
            self.watchers.somebody().await;
            self.tell_those_who_listen().await;
            self.watchers.sweep();
        }
    }

    async fn tell_those_who_listen(&self) {
        let mut moves = Moves::of(self.views.progress.clone());
        let mut fails = false;
        while self.watchers.count() > 0 {
            // What is applied while it looks is not to wait.
            let bell = self.views.progress.advanced();
            let advanced = bell.notified();
            let told = self.tell_news(&mut moves).await;
            match &told {
                Ok(_) if fails => info!("open streams are told what happens again"),
                Err(error) if !fails => warn!(%error, "open streams hear nothing; it is tried again"),
                _ => {}
            }
            fails = told.is_err();
            let listeners = self.watchers.sweep();
            sleep(pause(if told.unwrap_or(false) { listeners } else { 0 })).await;
            // It looks either way.
            let _ = timeout(LOOK, advanced).await;
        }
    }

    /// Returns whether anybody may have heard something.
    async fn tell_news(&self, moves: &mut Moves) -> Result<bool, StoreError> {
        let is_wanted = |stream: &StreamId| stream.is(StreamKind::Inventory) && self.watchers.watch(stream.entity_id());
        let look = moves.look(is_wanted, || self.watchers.streams()).await?;
        if look.is_anew {
            self.watchers.begin_anew();
        }
        for some in look.moved.chunks(TOGETHER) {
            if let Err(error) = self.tell(some).await {
                moves.forget();
                return Err(error);
            }
        }
        Ok(!look.moved.is_empty())
    }

    /// Tells of inventories that have come to these versions. One that cannot be read silences no other.
    async fn tell(&self, moved: &[(StreamId, u64)]) -> Result<(), StoreError> {
        let standings = match self.standings(moved).await {
            Err(StoreError::Broken(_)) => self.legible_standings(moved).await?,
            read => read?,
        };
        let each = moved.iter().cloned().map(|(stream, version)| {
            let standing = standings.get(stream.entity_id()).cloned();
            async move {
                match self.tell_one(&stream, version, standing).await {
                    Err(error @ StoreError::Broken(_)) => {
                        error!(%stream, %error, "nothing is told of it");
                        Ok(())
                    }
                    told => told,
                }
            }
        });
        let each: Vec<_> = each.collect();
        stream::iter(each)
            .buffer_unordered(FEEDS_AT_ONCE)
            .try_collect::<()>()
            .await?;
        self.watchers.tell_all(standings);
        Ok(())
    }

    /// Never tells that it has come further than what it has read shows.
    async fn tell_one(&self, stream: &StreamId, version: u64, standing: Option<Told>) -> Result<(), StoreError> {
        let event_id = stream.entity_id();
        let Some(mut after) = self.watchers.told(event_id) else {
            // Whoever wants more than that reads it.
            self.watchers
                .hand_on(News::of(event_id, (version, version), Vec::new(), standing));
            return Ok(());
        };
        loop {
            let (mut entries, _) = self.feed.read(stream, after, MOST_ENTRIES).await?;
            entries.retain(|entry| entry.version <= version);
            let (is_last, last) = (
                entries.len() < MOST_ENTRIES,
                entries.last().map_or(after, |last| last.version),
            );
            let standing = standing.clone().filter(|_| is_last);
            self.watchers
                .hand_on(News::of(event_id, (after, last), entries, standing));
            if is_last {
                return Ok(());
            }
            after = last;
        }
    }

    async fn standings(&self, moved: &[(StreamId, u64)]) -> Result<HashMap<String, Told>, StoreError> {
        let ids: Vec<&str> = moved.iter().map(|(stream, _)| stream.entity_id()).collect();
        let found: Vec<(String, InventoryDocument)> = self.views.get_many(inventories::COLLECTION, &ids).await?;
        let now = self.clock.now();
        let told = |(id, document): (String, InventoryDocument)| Some((id, availability(&document, now)?));
        Ok(found.into_iter().filter_map(told).collect())
    }

    /// The same one by one, without those that cannot be read.
    async fn legible_standings(&self, moved: &[(StreamId, u64)]) -> Result<HashMap<String, Told>, StoreError> {
        let mut all = HashMap::new();
        for one in moved {
            match self.standings(std::slice::from_ref(one)).await {
                Err(error @ StoreError::Broken(_)) => error!(stream = %one.0, %error, "what is left is not told"),
                read => all.extend(read?),
            }
        }
        Ok(all)
    }

    /// What is left of an event; `None` where it is not known or was never opened.
    async fn availability(&self, event_id: &str) -> Result<Option<Told>, StoreError> {
        let found: Option<Arc<InventoryDocument>> = self.views.look_up(inventories::COLLECTION, event_id).await?;
        Ok(found.and_then(|document| availability(&document, self.clock.now())))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.closed();
    }
}

/// Before the next look, where so many have heard something.
fn pause(listeners: usize) -> Duration {
    let for_all = PAUSE_FOR_EACH.saturating_mul(u32::try_from(listeners).unwrap_or(u32::MAX));
    (PAUSE + for_all).min(LONGEST_PAUSE)
}
