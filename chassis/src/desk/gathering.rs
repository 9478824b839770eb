//! When a clerk commits: as soon as it has work, or, in a crowd, when half of the crowd has come.
//!
//! Every commit costs a sync of the disk, however many commands it holds. Clients that wait for their answers come back
//! one by one; whoever commits the first of them at once makes all others wait for a commit of one. With half of them in
//! each commit, one is being written while the other is served and comes back. Waiting is bounded, and only a crowd is
//! waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// A crowd is served in so many groups: one is being written, one is on its way to its clients and back.
const GROUPS: usize = 2;
/// Fewer commands at a time than this are no crowd.
const CROWD: usize = 8;
/// A crowd that has gone is waited for this long at most, each time a little less of it.
const PATIENCE: Duration = Duration::from_millis(1);

/// How many commands were at work at the same time of late.
#[derive(Default)]
pub(crate) struct Crowd {
    size: usize,
}

/// Where a clerk waits until enough commands are queued. Shared with those who queue them; cheap to clone.
#[derive(Clone)]
pub(crate) struct Gathering {
    shared: Arc<Shared>,
}

struct Shared {
    /// How many the clerk waits for; more than there can be while it does not wait.
    wanted: AtomicUsize,
    enough: Notify,
}

impl Crowd {
    /// So many commands were answered together or still waited then.
    pub(crate) fn note(&mut self, at_work: usize) {
        // Those on their way back are not seen, so it forgets slowly.
        self.size = at_work.max(self.size - self.size.div_ceil(8));
    }

    /// How many at least to commit together; `None` where it is no crowd.
    pub(crate) fn group(&self) -> Option<usize> {
        (self.size >= CROWD).then_some(self.size / GROUPS)
    }
}

impl Gathering {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                wanted: AtomicUsize::new(usize::MAX),
                enough: Notify::new(),
            }),
        }
    }

    /// A command was queued, and so many are now.
    pub(crate) fn queued(&self, commands: usize) {
        fence(Ordering::SeqCst);
        if commands >= self.shared.wanted.load(Ordering::Relaxed) {
            self.shared.enough.notify_one();
        }
    }

    /// Waits until `queued` says that `wanted` commands are there, or for too long.
    pub(crate) async fn wait_for(&self, wanted: usize, queued: impl Fn() -> usize) {
        // Too few is as good as enough by then.
        let _ = timeout(PATIENCE, self.wait_long_for(wanted, queued)).await;
    }

    /// Waits until `queued` says that `wanted` commands are there. May be dropped at any time.
    pub(crate) async fn wait_long_for(&self, wanted: usize, queued: impl Fn() -> usize) {
        let _wants = Wants::so_many(&self.shared.wanted, wanted);
        // Whoever queued one before could not know; and it may have been rung for somebody who was dropped.
        while queued() < wanted {
            self.shared.enough.notified().await;
        }
    }
}

/// Until it is dropped, so many are wanted.
struct Wants<'a>(&'a AtomicUsize);

impl<'a> Wants<'a> {
    fn so_many(wanted: &'a AtomicUsize, number: usize) -> Self {
        wanted.store(number, Ordering::Relaxed);
        // Whoever queues a command at this moment sees this, or is seen.
        fence(Ordering::SeqCst);
        Self(wanted)
    }
}

impl Drop for Wants<'_> {
    fn drop(&mut self) {
        self.0.store(usize::MAX, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::FutureExt;
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn only_a_crowd_is_waited_for_and_it_is_forgotten() {
        let mut crowd = Crowd::default();
        crowd.note(CROWD - 1);
        assert_eq!(crowd.group(), None);
        crowd.note(64);
        assert_eq!(crowd.group(), Some(32));
        crowd.note(1);
        assert_eq!(crowd.group(), Some(28));
        (0..20).for_each(|_| crowd.note(1));
        assert_eq!(crowd.group(), None);
        (0..20).for_each(|_| crowd.note(0));
        assert_eq!(crowd.size, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_until_enough_are_queued() {
        let gathering = Gathering::new();
        assert!(gathering.wait_for(3, || 3).now_or_never().is_some());
        let began = Instant::now();
        let queued = Cell::new(1);
        let waiting = gathering.wait_for(3, || queued.get());
        let queueing = async {
            for commands in [2, 3] {
                queued.set(commands);
                gathering.queued(commands);
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(waiting, queueing);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn it_does_not_wait_for_long_and_not_for_those_who_came_before() {
        let gathering = Gathering::new();
        gathering.queued(9);
        let began = Instant::now();
        gathering.wait_for(3, || 1).await;
        assert!(began.elapsed() >= PATIENCE && began.elapsed() < 2 * PATIENCE);
    }
}
