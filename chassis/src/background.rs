//! Where work runs that no request waits for: relaying, building views, policies.
//!
//! It has a runtime of its own, one for the process, whose threads yield to those that answer requests. Under a rush it
//! also pauses between its batches, so that requests go first and views catch up afterwards. But it may not fall behind
//! without end: at a bound it pauses no more, and commits wait until it has taken in some of what there is. Nor does it
//! pause while more requests wait for views than for answers to commands, because these wait for it.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

#[cfg(target_os = "linux")]
use rustix::process::{getpriority_process, setpriority_process};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

/// Steps of niceness (0 to 19, see setpriority(2)).
#[cfg(target_os = "linux")]
const YIELDING: i32 = 10;
/// As many commands that wait at a time, on an average over so many of them, are a rush; it lasts for a moment longer
/// than it is seen.
const CROWD: usize = 12;
const OF_COMMANDS: usize = 32;
const RUSH: Duration = Duration::from_millis(100);
/// So long a batch waits at most for a rush to end.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(20);
/// In a rush a batch is so many times smaller, while there is room to fall behind: what is done in the middle of it is to
/// show that work goes on, not to catch up.
const PART: usize = 64;
/// How much room is enough. A batch of whole size takes the broker's processor for seconds, as it gives each group a copy.
const ROOM: u64 = MOST_BEHIND / 8;
/// Envelopes that a stage may be behind the journal before commits wait for it.
const MOST_BEHIND: u64 = 300_000;
/// How long a commit waits at most, even where nothing is taken in.
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
    let mut builder = Builder::new_multi_thread();
    builder.thread_name("background").enable_all();
    #[cfg(target_os = "linux")]
    yield_to_others(&mut builder);
    let runtime = builder.build()?;
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

/// Lowers the priority of the runtime's threads, and so of all threads that they start.
///
/// On Linux a priority is a thread's own. A thread that is started by another one begins with that one's, so steps are
/// counted from where the process stands now, or they would add up.
#[cfg(target_os = "linux")]
fn yield_to_others(builder: &mut Builder) {
    let lowered = getpriority_process(None).map(|now| (now + YIELDING).min(19));
    builder.on_thread_start(move || {
        if let Err(error) = lowered.and_then(|lowered| setpriority_process(None, lowered)) {
            warn!(%error, "background work runs at full priority");
        }
    });
}

pub(crate) struct Pressure {
    began: Instant,
    /// Commands that wait for an answer.
    waiting: AtomicUsize,
    /// Requests that wait until views show something.
    looking: AtomicUsize,
    /// How many the last commands found waiting, on an average, times [`OF_COMMANDS`].
    crowd: AtomicUsize,
    /// When the last command came, in milliseconds since `began`.
    last_command: AtomicU64,
    /// Envelopes committed by this process.
    committed: AtomicU64,
    /// How many may be committed before commits wait.
    ceiling: AtomicU64,
    stages: Mutex<Stages>,
    /// Rung when the ceiling has risen.
    risen: Notify,
}

#[derive(Default)]
struct Stages {
    next_id: u64,
    /// How many envelopes may be committed before commits have to wait for a stage: for those that publish, and for
    /// those that take in what is published.
    of_publishing: HashMap<u64, u64>,
    of_consuming: HashMap<u64, u64>,
}

/// A stage of background work, from its first report until it is dropped.
pub(crate) struct Stage {
    pressure: &'static Pressure,
    id: u64,
    publishes: bool,
}

/// A request that waits; dropping it ends that.
pub(crate) struct Waiting(&'static AtomicUsize);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pressure {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            waiting: AtomicUsize::new(0),
            looking: AtomicUsize::new(0),
            crowd: AtomicUsize::new(0),
            last_command: AtomicU64::new(0),
            committed: AtomicU64::new(0),
            ceiling: AtomicU64::new(u64::MAX),
            stages: Mutex::default(),
            risen: Notify::new(),
        }
    }

    /// A command begins to wait.
    pub(crate) fn wait(&'static self) -> Waiting {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        // Where two come at the same moment one of them is not counted, and an average can do without.
        let crowd = self.crowd.load(Ordering::Relaxed);
        self.crowd
            .store(crowd - crowd / OF_COMMANDS + before, Ordering::Relaxed);
        self.last_command.store(self.now(), Ordering::Relaxed);
        Waiting(&self.waiting)
    }

    /// A request begins to wait for views.
    pub(crate) fn look(&'static self) -> Waiting {
        self.looking.fetch_add(1, Ordering::Relaxed);
        Waiting(&self.looking)
    }

    /// Background work that has just done a batch lets requests go first, as long as it may.
    pub(crate) async fn give_way(&self) {
        let until = Instant::now() + LONGEST_PAUSE;
        while Instant::now() < until && self.is_rush() && self.may_commit() {
            sleep(LOOK).await;
        }
    }

    /// How much of a whole batch to do at a time.
    pub(crate) fn portion(&self, whole: usize) -> usize {
        match self.is_rush() && self.has_room() {
            true => whole.div_ceil(PART),
            false => whole,
        }
    }

    /// A stage that publishes what is committed, and is going to report.
    pub(crate) fn publishing(&'static self) -> Stage {
        self.stage(true)
    }

    /// A stage that takes in what is published, and is going to report.
    pub(crate) fn consuming(&'static self) -> Stage {
        self.stage(false)
    }

    fn stage(&'static self, publishes: bool) -> Stage {
        let mut stages = self.stages();
        stages.next_id += 1;
        Stage {
            pressure: self,
            id: stages.next_id,
            publishes,
        }
    }

    /// So many envelopes are committed.
    pub(crate) fn committed(&self, envelopes: usize) {
        self.committed.fetch_add(envelopes as u64, Ordering::Relaxed);
    }

    /// A commit waits, for a bounded time, while background work is too far behind.
    pub(crate) async fn pace(&self) {
        let until = Instant::now() + LONGEST_WAIT;
        while !self.may_commit() {
            let risen = self.risen.notified();
            if self.may_commit() || timeout_at(until, risen).await.is_err() {
                return;
            }
        }
    }

    fn is_rush(&self) -> bool {
        let is_crowd = self.crowd.load(Ordering::Relaxed) >= CROWD * OF_COMMANDS;
        let is_recent = self.now() < self.last_command.load(Ordering::Relaxed) + milliseconds(RUSH);
        is_crowd && is_recent && !self.is_waited_for()
    }

    /// Whether more requests wait for what background work does than for commands. A pause would let them all go on at
    /// once afterwards, which is the next rush.
    fn is_waited_for(&self) -> bool {
        self.looking.load(Ordering::Relaxed) > self.waiting.load(Ordering::Relaxed)
    }

    fn may_commit(&self) -> bool {
        self.committed.load(Ordering::Relaxed) < self.ceiling.load(Ordering::Relaxed)
    }

    fn has_room(&self) -> bool {
        self.committed.load(Ordering::Relaxed) + ROOM < self.ceiling.load(Ordering::Relaxed)
    }

    fn report(&self, stage: &Stage, behind: Option<u64>) {
        let mut stages = self.stages();
        stages.note(stage, behind, self.committed.load(Ordering::Relaxed) + MOST_BEHIND);
        self.ceiling.store(stages.ceiling(), Ordering::Relaxed);
        self.risen.notify_waiters();
    }

    fn stages(&self) -> MutexGuard<'_, Stages> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        milliseconds(self.began.elapsed())
    }
}

impl Stages {
    /// `highest` is the ceiling of a stage that is not behind.
    fn note(&mut self, stage: &Stage, behind: Option<u64>, highest: u64) {
        // What waits to be published waits to be consumed, too.
        let before = match stage.publishes {
            true => None,
            false => self.of_publishing.values().copied().min(),
        };
        let ceilings = match stage.publishes {
            true => &mut self.of_publishing,
            false => &mut self.of_consuming,
        };
        match behind {
            Some(behind) => _ = ceilings.insert(stage.id, before.unwrap_or(highest).saturating_sub(behind)),
            None => _ = ceilings.remove(&stage.id),
        }
    }

    fn ceiling(&self) -> u64 {
        let all = self.of_publishing.values().chain(self.of_consuming.values());
        all.copied().min().unwrap_or(u64::MAX)
    }
}

impl Stage {
    /// How many envelopes wait for it: `None` where it cannot work, so that nobody should wait for it.
    pub(crate) fn report(&self, behind: Option<u64>) {
        self.pressure.report(self, behind);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.report(None);
    }
}

fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn pressure() -> &'static Pressure {
        Box::leak(Box::new(Pressure::new()))
    }

    fn crowd(pressure: &'static Pressure, waiting: usize) -> Vec<Waiting> {
        (0..waiting).map(|_| pressure.wait()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn many_that_wait_again_and_again_are_a_rush_and_few_or_once_are_not() {
        let pressure = pressure();
        drop(crowd(pressure, CROWD));
        assert!(!pressure.is_rush());
        for _ in 0..100 {
            drop(crowd(pressure, CROWD / 2));
        }
        assert!(!pressure.is_rush());
        for _ in 0..20 {
            drop(crowd(pressure, 3 * CROWD));
        }
        assert!(pressure.is_rush());
        tokio::time::advance(2 * RUSH).await;
        assert!(!pressure.is_rush());
    }

    #[tokio::test(start_paused = true)]
    async fn where_more_wait_for_views_than_for_commands_there_is_no_rush() {
        let pressure = pressure();
        for _ in 0..20 {
            drop(crowd(pressure, 3 * CROWD));
        }
        let commands = crowd(pressure, 2);
        let mut readers: Vec<Waiting> = (0..2).map(|_| pressure.look()).collect();
        assert!(pressure.is_rush());
        readers.push(pressure.look());
        assert!(!pressure.is_rush());
        drop(readers);
        assert!(pressure.is_rush());
        drop(commands);
    }

    #[tokio::test(start_paused = true)]
    async fn background_work_gives_way_to_a_rush_but_not_for_long_and_not_when_far_behind() {
        let pressure = pressure();
        assert!(pressure.give_way().now_or_never().is_some());
        for _ in 0..20 {
            drop(crowd(pressure, 3 * CROWD));
        }
        assert_eq!(pressure.portion(PART + 1), 2);
        let began = Instant::now();
        let _rush = tokio::spawn(async move {
            loop {
                drop(crowd(pressure, 3 * CROWD));
                sleep(LOOK).await;
            }
        });
        pressure.give_way().await;
        assert!(began.elapsed() >= LONGEST_PAUSE);
        let stage = pressure.consuming();
        stage.report(Some(MOST_BEHIND - ROOM));
        assert_eq!(pressure.portion(PART + 1), PART + 1);
        stage.report(Some(MOST_BEHIND));
        assert!(pressure.give_way().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn commits_wait_for_a_stage_that_is_too_far_behind_until_it_moves_stops_or_goes() {
        let pressure = pressure();
        let (near, far) = (pressure.consuming(), pressure.consuming());
        near.report(Some(1));
        far.report(Some(MOST_BEHIND - 10));
        assert!(pressure.pace().now_or_never().is_some());
        pressure.committed(10);
        assert!(pressure.pace().now_or_never().is_none());
        far.report(Some(MOST_BEHIND - 1));
        assert!(pressure.pace().now_or_never().is_some());
        far.report(Some(MOST_BEHIND));
        assert!(pressure.pace().now_or_never().is_none());
        far.report(None);
        assert!(pressure.pace().now_or_never().is_some());
        far.report(Some(MOST_BEHIND));
        drop(far);
        assert!(pressure.pace().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_to_be_published_waits_to_be_consumed_too() {
        let pressure = pressure();
        let (relay, view) = (pressure.publishing(), pressure.consuming());
        relay.report(Some(MOST_BEHIND / 2));
        view.report(Some(MOST_BEHIND / 2 - 1));
        assert!(pressure.pace().now_or_never().is_some());
        pressure.committed(1);
        assert!(pressure.pace().now_or_never().is_none());
        relay.report(Some(0));
        view.report(Some(MOST_BEHIND - 1));
        assert!(pressure.pace().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn no_commit_waits_for_ever() {
        let pressure = pressure();
        let stage = pressure.consuming();
        stage.report(Some(MOST_BEHIND));
        let began = Instant::now();
        pressure.pace().await;
        assert!(began.elapsed() >= LONGEST_WAIT && began.elapsed() < 2 * LONGEST_WAIT);
    }
}
