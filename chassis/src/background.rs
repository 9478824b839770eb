//! Where work runs that no request waits for: relaying, building views, policies.
//!
//! It has a runtime of its own, one for the process, whose threads yield to those that answer requests. Under a rush it
//! also pauses between its batches, so that requests go first and views catch up afterwards. But it may not fall behind
//! without end: beyond a bound it pauses no more, and commits are paced to the speed at which it takes them in.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{getpriority_process, setpriority_process};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

/// Steps of niceness (0 to 19, see setpriority(2)).
const YIELDING: i32 = 10;
/// As many commands that wait at once are a rush, and a rush lasts for a moment longer than it is seen.
const CROWD: usize = 8;
const RUSH: Duration = Duration::from_millis(100);
/// Pauses during a rush, as a multiple of the time that the batch before took.
const PAUSES: u32 = 40;
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(10);
/// Envelopes that may wait to be taken in before commits are paced.
const MOST_BEHIND: u64 = 300_000;
/// How often the pace is set anew.
const TICK: Duration = Duration::from_millis(500);
/// Envelopes a second that are never refused, whatever was measured.
const SLOWEST: f64 = 500.0;
const LONGEST_WAIT: Duration = Duration::from_secs(1);

static RUNTIME: OnceLock<Runtime> = OnceLock::new();
static PRESSURE: LazyLock<Pressure> = LazyLock::new(Pressure::new);

/// The runtime for background work.
///
/// # Errors
/// Where the system has no threads left.
pub fn runtime() -> io::Result<Handle> {
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime.handle().clone());
    }
    let runtime = Builder::new_multi_thread()
        .thread_name("background")
        .enable_all()
        .on_thread_start(yield_to_others)
        .build()?;
    // Where two start at once the second one's is not needed; it may not be dropped where others wait for it.
    if let Err(second) = RUNTIME.set(runtime) {
        second.shutdown_background();
    }
    let runtime = RUNTIME.get().map(|runtime| runtime.handle().clone());
    runtime.ok_or_else(|| io::Error::other("the background runtime is gone"))
}

/// What requests and background work of this process know of each other.
pub(crate) fn pressure() -> &'static Pressure {
    &PRESSURE
}

/// Lowers the priority of this thread, and so of all threads that it starts.
fn yield_to_others() {
    // On Linux "the process" is the calling thread here.
    let lowered = getpriority_process(None).and_then(|now| setpriority_process(None, (now + YIELDING).min(19)));
    if let Err(error) = lowered {
        warn!(%error, "background work runs at full priority");
    }
}

pub(crate) struct Pressure {
    began: Instant,
    /// Commands that wait for an answer.
    waiting: AtomicUsize,
    /// Until when there is a rush, in milliseconds since `began`.
    rush_until: AtomicU64,
    /// Envelopes committed by this process.
    committed: AtomicU64,
    /// Envelopes that the stage that is furthest behind has still to take in.
    behind: AtomicU64,
    pace: Mutex<Pace>,
}

struct Pace {
    /// Envelopes that wait for each stage.
    stages: HashMap<String, u64>,
    measured: Instant,
    committed: u64,
    behind: u64,
    /// Envelopes a second that are taken in.
    drained: f64,
    /// When the next commit may be made.
    next: Instant,
}

/// A command that waits; it ends with its answer.
pub(crate) struct Waiting(&'static Pressure);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pressure {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            waiting: AtomicUsize::new(0),
            rush_until: AtomicU64::new(0),
            committed: AtomicU64::new(0),
            behind: AtomicU64::new(0),
            pace: Mutex::new(Pace {
                stages: HashMap::new(),
                measured: now,
                committed: 0,
                behind: 0,
                drained: 0.0,
                next: now,
            }),
        }
    }

    /// A command begins to wait.
    pub(crate) fn wait(&'static self) -> Waiting {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        if before + 1 >= CROWD {
            let until = self.began.elapsed() + RUSH;
            self.rush_until.store(milliseconds(until), Ordering::Relaxed);
        }
        Waiting(self)
    }

    /// Background work that has just spent `worked` on a batch lets requests go first, as long as it may.
    pub(crate) async fn give_way(&self, worked: Duration) {
        let pause = (worked * PAUSES).min(LONGEST_PAUSE);
        let until = Instant::now() + pause;
        while Instant::now() < until && self.is_rush() && self.behind.load(Ordering::Relaxed) < MOST_BEHIND {
            sleep(LOOK).await;
        }
    }

    fn is_rush(&self) -> bool {
        milliseconds(self.began.elapsed()) < self.rush_until.load(Ordering::Relaxed)
    }

    /// How many envelopes wait for a stage of background work: `None` where it cannot work, so that nobody should wait
    /// for it.
    pub(crate) fn report(&self, stage: &str, envelopes: Option<u64>) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        match (envelopes, pace.stages.get_mut(stage)) {
            (Some(envelopes), Some(known)) => *known = envelopes,
            (Some(envelopes), None) => _ = pace.stages.insert(stage.to_owned(), envelopes),
            (None, _) => _ = pace.stages.remove(stage),
        }
        if pace.measured.elapsed() >= TICK {
            pace.measure(self.committed.load(Ordering::Relaxed));
            self.behind.store(pace.behind, Ordering::Relaxed);
        }
    }

    /// A commit of so many envelopes waits for its turn, if background work is too far behind.
    pub(crate) async fn pace(&self, envelopes: usize) {
        self.committed.fetch_add(envelopes as u64, Ordering::Relaxed);
        if self.behind.load(Ordering::Relaxed) <= MOST_BEHIND {
            return;
        }
        let turn = self.pace.lock().unwrap_or_else(PoisonError::into_inner).turn(envelopes);
        sleep_until(turn).await;
    }
}

impl Pace {
    /// What came in and what is left tell how much was taken in.
    fn measure(&mut self, committed: u64) {
        let behind = self.stages.values().copied().max().unwrap_or(0);
        let came = committed.saturating_sub(self.committed) as f64;
        let grew = behind as f64 - self.behind as f64;
        let drained = (came - grew).max(0.0) / self.measured.elapsed().as_secs_f64();
        self.drained = 0.7 * self.drained + 0.3 * drained;
        self.measured = Instant::now();
        self.committed = committed;
        self.behind = behind;
    }

    /// Somewhat faster than what is taken in at the bound, half as fast at twice the bound.
    fn rate(&self) -> f64 {
        let beyond = self.behind as f64 / MOST_BEHIND as f64 - 1.0;
        let share = (1.1 - 0.6 * beyond).clamp(0.2, 1.1);
        (self.drained * share).max(SLOWEST)
    }

    fn turn(&mut self, envelopes: usize) -> Instant {
        let now = Instant::now();
        let turn = self.next.clamp(now, now + LONGEST_WAIT);
        self.next = turn + Duration::from_secs_f64(envelopes as f64 / self.rate());
        turn
    }
}

fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
