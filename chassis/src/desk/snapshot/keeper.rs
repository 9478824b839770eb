//! When a stream's snapshot is written: behind its clerk's back, when enough has happened since the last one, and when
//! the clerk leaves or the service ends.
//!
//! A task of its own writes. It says when it wants to, and the clerk then leaves it a copy of what it holds after its
//! next commit: no copy is kept longer than it takes to write it, or settling would copy everything. What that may cost
//! is bounded: one snapshot of a service at a time, then a rest that is a multiple of what it took, and for each stream
//! a pause. A snapshot that cannot be written is tried again later; no booking ever waits for one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contracts::StreamId;
use persistence::Journal;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

use super::store::{Snapshot, Snapshots, WriteError};
use super::{Loaded, load};
use crate::clock::Clock;
use crate::desk::aggregate::{Aggregate, SnapshotCodec};
use crate::desk::live::{CatchUpError, Live};
use crate::packed::TooLarge;

/// Versions behind the last snapshot that make another one worth its cost.
const WORTH: u64 = 1_000;
/// The least time between two snapshots of a stream.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);
/// A service rests so many times as long as a snapshot took, and so spends a twentieth of its time on them.
const REST: u32 = 19;

/// A clerk's hand in the snapshots of its stream.
pub(crate) struct Keeper<A: Aggregate> {
    snapshots: Option<Snapshots>,
    clock: Arc<dyn Clock>,
    stream: StreamId,
    /// There from the first offer on.
    tray: Option<Arc<Tray<A>>>,
    /// The version of the snapshot there is.
    written: Arc<AtomicU64>,
    unusable: Option<Uuid>,
}

/// Where the clerk leaves what is to be written.
struct Tray<A> {
    offer: Mutex<Option<Live<A>>>,
    wanted: AtomicBool,
    left: AtomicBool,
    rung: Notify,
}

impl<A: Aggregate> Keeper<A> {
    pub(crate) fn new(snapshots: Option<Snapshots>, clock: Arc<dyn Clock>, stream: StreamId) -> Self {
        Self {
            snapshots: snapshots.filter(|_| A::SNAPSHOTS.is_some()),
            clock,
            stream,
            tray: None,
            written: Arc::default(),
            unusable: None,
        }
    }

    /// Reads the stream, from its snapshot on where that can be used.
    pub(crate) async fn load(&mut self, journal: &dyn Journal) -> Result<Live<A>, CatchUpError> {
        let Loaded { live, from, unusable } = load(self.snapshots.as_ref(), journal, &self.stream).await?;
        self.written.store(from, Ordering::Relaxed);
        self.unusable = unusable;
        self.offer(&live);
        Ok(live)
    }

    /// Has `live` written if it is time.
    pub(crate) fn offer(&mut self, live: &Live<A>) {
        if !self.is_worth(live) {
            return;
        }
        match &self.tray {
            Some(tray) if !tray.wanted.swap(false, Ordering::Relaxed) => {}
            Some(tray) => tray.put(live.clone()),
            None => self.hire(live.clone()),
        }
    }

    /// The clerk leaves; what it held is written if it is worth it.
    pub(crate) fn leave(&mut self, live: Option<Live<A>>) {
        if let (Some(live), Some(tray)) = (live.filter(|live| self.is_worth(live)), &self.tray) {
            tray.put(live);
        }
    }

    /// Returns when the service ends; never where there are no snapshots.
    pub(crate) async fn service_ends(&self) {
        match &self.snapshots {
            Some(snapshots) => snapshots.stop.cancelled().await,
            None => std::future::pending().await,
        }
    }

    fn is_worth(&self, live: &Live<A>) -> bool {
        live.version.saturating_sub(self.written.load(Ordering::Relaxed)) >= WORTH
    }

    fn hire(&mut self, first: Live<A>) {
        let (Some(snapshots), Some(codec)) = (&self.snapshots, A::SNAPSHOTS) else {
            return;
        };
        let tray = Arc::new(Tray {
            offer: Mutex::new(Some(first)),
            wanted: AtomicBool::new(false),
            left: AtomicBool::new(false),
            rung: Notify::new(),
        });
        let writer = Writer {
            codec,
            snapshots: snapshots.clone(),
            clock: Arc::clone(&self.clock),
            stream: self.stream.clone(),
            written: Arc::clone(&self.written),
            unusable: self.unusable,
            failing: false,
        };
        snapshots
            .writing
            .spawn_on(writer.run(Arc::clone(&tray)), &snapshots.runtime);
        self.tray = Some(tray);
    }
}

impl<A: Aggregate> Drop for Keeper<A> {
    fn drop(&mut self) {
        if let Some(tray) = &self.tray {
            tray.left.store(true, Ordering::Relaxed);
            tray.rung.notify_one();
        }
    }
}

impl<A> Tray<A> {
    fn put(&self, live: Live<A>) {
        *self.offer.lock().unwrap_or_else(PoisonError::into_inner) = Some(live);
        self.rung.notify_one();
    }

    fn take(&self) -> Option<Live<A>> {
        self.offer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The task that writes one stream's snapshots.
struct Writer<A> {
    codec: SnapshotCodec<A>,
    snapshots: Snapshots,
    clock: Arc<dyn Clock>,
    stream: StreamId,
    written: Arc<AtomicU64>,
    unusable: Option<Uuid>,
    failing: bool,
}

impl<A: Aggregate> Writer<A> {
    /// Until the clerk has left, and what it left is written.
    async fn run(mut self, tray: Arc<Tray<A>>) {
        loop {
            let left = tray.left.load(Ordering::Relaxed);
            if let Some(live) = tray.take() {
                self.take_turn(live).await;
                let pause = if self.failing { PAUSE_AFTER_FAILURE } else { PAUSE };
                self.pause(&tray, pause).await;
            } else if left {
                return;
            } else {
                tray.wanted.store(true, Ordering::Relaxed);
                tray.rung.notified().await;
            }
        }
    }

    /// Cut short when the clerk leaves or the service ends.
    async fn pause(&self, tray: &Tray<A>, length: Duration) {
        let until = Instant::now() + length;
        while Instant::now() < until && !tray.left.load(Ordering::Relaxed) && !self.snapshots.stop.is_cancelled() {
            tokio::select! {
                () = sleep_until(until) => {}
                () = tray.rung.notified() => {}
                () = self.snapshots.stop.cancelled() => {}
            }
        }
    }

    async fn take_turn(&mut self, live: Live<A>) {
        let Ok(turn) = Arc::clone(&self.snapshots.turn).acquire_owned().await else {
            return;
        };
        let started = Instant::now();
        let outcome = self.write(live).await;
        self.note(outcome);
        let (stop, length) = (self.snapshots.stop.clone(), started.elapsed() * REST);
        tokio::spawn(async move {
            rest(&stop, length).await;
            drop(turn);
        });
    }

    async fn write(&self, live: Live<A>) -> Result<u64, WriteError> {
        let (codec, now, stream) = (self.codec, self.clock.now(), self.stream.clone());
        let packed = move || {
            let bytes = live.pack(&codec, now)?;
            Ok(Snapshot::new(stream, codec.format, (live.version, live.hash), bytes))
        };
        let packed: Result<Snapshot, TooLarge> = spawn_blocking(packed).await.map_err(|_| WriteError::Closed)?;
        self.snapshots.write(packed?, self.unusable).await
    }

    fn note(&mut self, outcome: Result<u64, WriteError>) {
        match outcome {
            Ok(version) => {
                debug!(stream = %self.stream, version, "a snapshot is written");
                self.snapshots.count("written");
                self.written.store(version, Ordering::Relaxed);
                self.unusable = None;
                self.failing = false;
            }
            // What the other one wrote is seen the next time.
            Err(WriteError::Beaten) => {}
            Err(error) => {
                self.snapshots.count("failed");
                if !self.failing {
                    warn!(stream = %self.stream, %error, "a snapshot cannot be written, it is tried again");
                }
                self.failing = true;
            }
        }
    }
}

/// Cut short by the service's end.
async fn rest(stop: &CancellationToken, length: Duration) {
    tokio::select! {
        () = sleep(length) => {}
        () = stop.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use contracts::DomainEvent;
    use jiff::Timestamp;
    use persistence::Stores;
    use tempfile::TempDir;
    use tokio::runtime::Handle;
    use tokio::time::timeout;

    use super::*;
    use crate::clock::SystemClock;
    use crate::metrics::Metrics;
    use crate::recorded::Recorded;

    /// Nothing but its version counts.
    #[derive(Debug, Clone, Default)]
    struct Nothing;

    impl Aggregate for Nothing {
        type Command = ();
        type Rejection = Infallible;

        const SNAPSHOTS: Option<SnapshotCodec<Self>> = Some(SnapshotCodec {
            format: 1,
            encode: |_, _| Ok(()),
            decode: |_| Some(Self),
        });

        fn decide(&self, (): &(), _now: Timestamp) -> Result<Vec<DomainEvent>, Infallible> {
            Ok(Vec::new())
        }

        fn apply(&mut self, _: &Recorded) {}
    }

    struct Parts {
        stores: Stores,
        metrics: Metrics,
        _folder: TempDir,
    }

    impl Parts {
        async fn open() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self {
                stores: persistence::sqlite::open(folder.path()).await.unwrap(),
                metrics: Metrics::new().unwrap(),
                _folder: folder,
            }
        }

        async fn keeper(&self) -> (Keeper<Nothing>, Snapshots) {
            let snapshots = Snapshots::open(&self.stores, self.metrics.desk.clone(), Handle::current())
                .await
                .unwrap();
            let keeper = Keeper::new(Some(snapshots.clone()), Arc::new(SystemClock), stream());
            (keeper, snapshots)
        }
    }

    fn stream() -> StreamId {
        StreamId::parse("nothing/1").unwrap()
    }

    fn at(version: u64) -> Live<Nothing> {
        Live { version, ..Live::new() }
    }

    async fn written(snapshots: &Snapshots) -> Option<u64> {
        snapshots.writing.close();
        timeout(Duration::from_secs(30), snapshots.writing.wait())
            .await
            .unwrap();
        let facts = snapshots.facts(&stream()).await.unwrap();
        facts.map(|facts| facts.version)
    }

    #[tokio::test]
    async fn the_last_offer_is_written_when_the_clerk_leaves() {
        let parts = Parts::open().await;
        let (mut keeper, snapshots) = parts.keeper().await;
        for version in [WORTH, WORTH + 1] {
            keeper.offer(&at(version));
        }
        keeper.leave(Some(at(3 * WORTH)));
        drop(keeper);
        assert_eq!(written(&snapshots).await, Some(3 * WORTH));
    }

    #[tokio::test]
    async fn a_short_stream_gets_no_snapshot() {
        let parts = Parts::open().await;
        let (mut keeper, snapshots) = parts.keeper().await;
        keeper.offer(&at(WORTH - 1));
        drop(keeper);
        assert_eq!(written(&snapshots).await, None);
    }

    #[tokio::test]
    async fn there_is_no_other_snapshot_before_enough_has_happened() {
        let parts = Parts::open().await;
        let (mut keeper, snapshots) = parts.keeper().await;
        keeper.written.store(WORTH, Ordering::Relaxed);
        keeper.offer(&at(2 * WORTH - 1));
        assert!(keeper.tray.is_none());
        keeper.leave(Some(at(2 * WORTH - 1)));
        drop(keeper);
        assert_eq!(written(&snapshots).await, None);
    }
}
