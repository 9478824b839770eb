//! The relay: publishes what the journal holds and the broker does not know yet, in stream order, at least once.
//!
//! An append wakes it, and it polls as well: the wake-up is a hint, the journal's outbox guarantees progress. One
//! replica relays at a time, by a lease; one that was paused past its lease only repeats what consumers recognise.

use std::sync::Arc;
use std::time::Duration;

use contracts::Envelope;
use msgqueue::{BrokerError, EventEmitter};
use persistence::{Commit, CommitKey, Journal, Lease, StoreError};
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::background::{Stage, pressure};
use crate::causes;
use crate::clock::Clock;
use crate::faults;
use crate::health::Part;
use crate::lease::LeaseKeeper;
use crate::metrics::RelayMetrics;
use crate::spans::Spans;

/// Commits published in a round, as long as they are all that waits.
const USUAL_COMMITS: usize = 256;
/// The same where there are more: each round waits for the broker once.
const MOST_COMMITS: usize = 1_000;
/// Commits of a busy stream have many envelopes: a round ends with the commit that brings it to so many.
const ROUND_ENVELOPES: usize = 8_192;
/// How long to wait for a wake-up before looking anyway.
const POLL: Duration = Duration::from_millis(500);
/// How often everything that waits is counted, and how many times as long as that took it is not counted again.
const COUNT: Duration = Duration::from_millis(100);
const COUNT_PAUSE: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a stopping relay goes on publishing what was committed last.
const DRAIN: Duration = Duration::from_secs(3);

pub struct Relay {
    journal: Arc<dyn Journal>,
    emitter: Arc<dyn EventEmitter>,
    lease: LeaseKeeper,
    appended: Arc<Notify>,
    clock: Arc<dyn Clock>,
    metrics: RelayMetrics,
    health: Part,
    stage: Stage,
    /// Commits to publish in the next round.
    round: usize,
    next_count: Instant,
}

#[derive(Debug, Error)]
pub enum RelayError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

impl Relay {
    /// `appended` is rung by the service's desks.
    pub fn new(
        journal: Arc<dyn Journal>,
        lease: Arc<dyn Lease>,
        emitter: Arc<dyn EventEmitter>,
        appended: Arc<Notify>,
        clock: Arc<dyn Clock>,
        metrics: RelayMetrics,
        health: Part,
    ) -> Self {
        Self {
            journal,
            clock,
            emitter,
            lease: self::lease(lease),
            appended,
            metrics,
            health,
            stage: pressure().publishing(),
            round: USUAL_COMMITS,
            next_count: Instant::now(),
        }
    }

    /// Publishes until `stop`, then what is left, for a bounded time.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut failures = 0;
        while !stop.is_cancelled() {
            let pause = self.round(&mut failures).await;
            if pause.is_zero() {
                continue;
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = self.appended.notified(), if failures == 0 => {}
                () = stop.cancelled() => {}
            }
        }
        self.finish().await;
    }

    /// One round, and how long to pause behind it.
    async fn round(&mut self, failures: &mut u32) -> Duration {
        match self.run_once().await {
            Ok(published) => {
                if *failures > 0 {
                    info!("the relay publishes again");
                }
                *failures = 0;
                self.health.ok();
                if published > 0 { Duration::ZERO } else { POLL }
            }
            Err(error) => {
                if *failures == 0 {
                    warn!(%error, cause = ?std::error::Error::source(&error), "the relay cannot publish; it goes on trying");
                }
                *failures += 1;
                // It may have been too much for the time that the broker has.
                self.round = (self.round / 2).max(1);
                self.metrics.failed();
                self.health.degraded(causes(&error));
                self.stage.report(None);
                backoff(*failures)
            }
        }
    }

    /// Publishes one round of waiting commits, if this process holds the lease. Returns how many.
    pub async fn run_once(&mut self) -> Result<usize, RelayError> {
        let held = self.lease.hold().await;
        self.metrics.set_holds_lease(matches!(held, Ok(true)));
        if !held? {
            // Whoever holds it tells.
            self.metrics.set_lag(Duration::ZERO);
            self.metrics.set_waiting(0);
            self.stage.report(None);
            return Ok(0);
        }
        faults::point("relay.leased");
        let (commits, is_full) = self.next_commits().await?;
        if commits.is_empty() {
            return Ok(0);
        }
        let keys: Vec<CommitKey> = commits.iter().filter_map(Commit::key).collect();
        let envelopes: Vec<Arc<Envelope>> = commits.into_iter().flat_map(|commit| commit.envelopes).collect();
        if faults::unguarded("mark_after_emit") {
            self.journal.mark_published(&keys).await?;
        }
        faults::point("relay.read");
        let mut spans = Spans::of_publishing(envelopes.iter().map(Arc::as_ref));
        let emitted = self.emitter.emit(&envelopes).await;
        emitted.inspect_err(|error| spans.failed(error))?;
        drop(spans);
        faults::point("relay.emitted");
        self.journal.mark_published(&keys).await?;
        faults::point("relay.marked");
        self.metrics.published(envelopes.len());
        self.round = next_round(keys.len(), envelopes.len(), is_full);
        pressure().give_way().await;
        Ok(keys.len())
    }

    /// The commits of a round, and whether as many wait as a whole one may have.
    async fn next_commits(&mut self) -> Result<(Vec<Commit>, bool), StoreError> {
        let round = pressure().portion(self.round);
        let mut commits = self.journal.unpublished(round).await?;
        self.measure(&commits, commits.len() >= round).await;
        let is_full = commits.len() >= self.round;
        commits.truncate(fitting(&commits, pressure().portion(ROUND_ENVELOPES)));
        Ok((commits, is_full))
    }

    /// Tells how much waits, as far as that is known: publishing does not depend on it.
    async fn measure(&mut self, round: &[Commit], is_full: bool) {
        self.metrics.set_lag(self.age_of(round));
        let counted = match is_full {
            true => self.count().await,
            false => Some(round.len() as u64),
        };
        let Some(commits) = counted else { return };
        self.metrics.set_waiting(commits);
        let envelopes: usize = round.iter().map(|commit| commit.envelopes.len()).sum();
        let mean = envelopes as u64 / round.len().max(1) as u64;
        self.stage.report(Some(commits * mean));
    }

    /// How long the oldest of these waits by now. They come stream by stream, not by age.
    fn age_of(&self, round: &[Commit]) -> Duration {
        let first = round.iter().filter_map(|commit| commit.envelopes.first());
        let oldest = first.map(|envelope| envelope.time).min();
        let age = oldest.map(|time| self.clock.now().duration_since(time));
        // Another clock may be ahead of this one.
        age.and_then(|age| Duration::try_from(age).ok()).unwrap_or_default()
    }

    /// Everything that waits, where it is time to count it. The more it is the longer that takes.
    async fn count(&mut self) -> Option<u64> {
        let began = Instant::now();
        if began < self.next_count {
            return None;
        }
        let counted = self.journal.unpublished_count().await;
        let pause = if counted.is_ok() { COUNT } else { LONGEST_PAUSE };
        self.next_count = Instant::now() + pause.max(began.elapsed() * COUNT_PAUSE);
        counted
            .inspect_err(|error| warn!(%error, "what waits to be published could not be counted"))
            .ok()
    }

    async fn finish(&mut self) {
        let drain = async { while matches!(self.run_once().await, Ok(published) if published > 0) {} };
        if timeout(DRAIN, drain).await.is_err() {
            info!("not everything is published; the relay goes on at the next start");
        }
        if let Err(error) = self.lease.release().await {
            warn!(%error, "the relay's lease could not be given back");
        }
    }
}

/// How many of these a round of so many envelopes has room for; the first one at least.
fn fitting(commits: &[Commit], most: usize) -> usize {
    let mut envelopes = 0;
    let fits = |commit: &&Commit| {
        let has_room = envelopes < most;
        envelopes += commit.envelopes.len();
        has_room
    };
    commits.iter().take_while(fits).count()
}

/// Commits to publish in the next round, after one of so many with so many envelopes.
fn next_round(commits: usize, envelopes: usize, was_full: bool) -> usize {
    let most = if was_full { MOST_COMMITS } else { USUAL_COMMITS };
    (ROUND_ENVELOPES * commits / envelopes.max(1)).clamp(1, most)
}

/// That of whoever relays for a store.
pub(crate) fn lease(store: Arc<dyn Lease>) -> LeaseKeeper {
    LeaseKeeper::new(store, "relay")
}

/// Doubles from 50 ms up to [`LONGEST_PAUSE`].
pub(crate) fn backoff(failures: u32) -> Duration {
    let doubled = Duration::from_millis(50).saturating_mul(1 << failures.min(10));
    doubled.min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_grows_only_where_more_waits_and_shrinks_where_commits_are_large() {
        assert_eq!(next_round(256, 256, true), MOST_COMMITS);
        assert_eq!(next_round(256, 256, false), USUAL_COMMITS);
        assert_eq!(next_round(100, 20_000, true), ROUND_ENVELOPES / 200);
        assert_eq!(next_round(1, 10 * ROUND_ENVELOPES, true), 1);
        assert_eq!(next_round(0, 0, true), 1);
    }
}
