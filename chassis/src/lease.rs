//! Elects one replica by a lease: its holder raises a counter, and whoever sees the counter stand still for too long
//! on its own monotonic clock takes the lease over. No replica's wall clock matters.
//!
//! Two holders are possible for a moment (one paused past its lease), so what a holder does must be safe to repeat.

use std::sync::Arc;
use std::time::Duration;

use persistence::{Lease, LeaseRecord, StoreError};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::clock;

/// A counter that stands still for this long has lost its holder.
const LIFETIME: Duration = Duration::from_secs(3);
/// How often a holder raises its counter, and others look.
const BEAT: Duration = Duration::from_millis(750);

pub(crate) struct LeaseKeeper {
    store: Arc<dyn Lease>,
    name: &'static str,
    /// This process, told from its earlier lives.
    me: String,
    seen: Option<Sighting>,
    next_beat: Instant,
    holds: bool,
}

struct Sighting {
    record: LeaseRecord,
    since: Instant,
}

impl LeaseKeeper {
    pub(crate) fn new(store: Arc<dyn Lease>, name: &'static str) -> Self {
        Self {
            store,
            name,
            me: Uuid::now_v7().to_string(),
            seen: None,
            next_beat: clock::monotonic(),
            holds: false,
        }
    }

    /// Whether this process holds the lease now; takes or renews it where that is due.
    pub(crate) async fn hold(&mut self) -> Result<bool, StoreError> {
        if clock::monotonic() < self.next_beat {
            return Ok(self.holds);
        }
        self.holds = false;
        let current = self.store.read(self.name).await?;
        if !self.may_take(current.as_ref()) {
            self.next_beat = clock::monotonic() + BEAT;
            return Ok(false);
        }
        let next = LeaseRecord {
            holder: self.me.clone(),
            counter: current.as_ref().map_or(1, |record| record.counter + 1),
        };
        self.holds = self.store.replace(self.name, current.as_ref(), &next).await?;
        self.next_beat = clock::monotonic() + BEAT;
        Ok(self.holds)
    }

    /// Takes the lease, which may take as long as a dead holder's is left alone. False once the holder shows that it is
    /// alive.
    pub(crate) async fn acquire(&mut self) -> Result<bool, StoreError> {
        let mut first: Option<LeaseRecord> = None;
        while !self.hold().await? {
            let seen = self.seen.as_ref().map(|sighting| sighting.record.clone());
            match (&first, seen) {
                (Some(first), Some(seen)) if *first != seen => return Ok(false),
                (None, seen) => first = seen,
                _ => {}
            }
            sleep_until(self.next_beat).await;
        }
        Ok(true)
    }

    /// Returns when the lease is lost to another process. A store that fails does not decide that.
    pub(crate) async fn lost(&mut self) {
        while self.hold().await.unwrap_or(true) {
            sleep_until(self.next_beat.max(Instant::now() + BEAT / 4)).await;
        }
    }

    /// Lets the next process take over at once.
    pub(crate) async fn release(&mut self) -> Result<(), StoreError> {
        let current = self.store.read(self.name).await?;
        let Some(record) = current.filter(|record| record.holder == self.me) else {
            return Ok(());
        };
        let vacant = LeaseRecord {
            holder: String::new(),
            counter: record.counter + 1,
        };
        self.holds = false;
        self.store.replace(self.name, Some(&record), &vacant).await.map(drop)
    }

    fn may_take(&mut self, current: Option<&LeaseRecord>) -> bool {
        let Some(record) = current else { return true };
        if record.holder == self.me || record.holder.is_empty() {
            return true;
        }
        match &self.seen {
            Some(sighting) if sighting.record == *record => {
                clock::monotonic().duration_since(sighting.since) >= LIFETIME
            }
            _ => {
                self.seen = Some(Sighting {
                    record: record.clone(),
                    since: clock::monotonic(),
                });
                false
            }
        }
    }
}
